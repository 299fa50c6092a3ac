/** HPE iLO 5 and 6 (quirks.md 2, 4-6, 8, 9, 12): standard actions, one CD and one USB slot, refusals during POST. */
import type { Bmc } from '../../bmc/bmc.ts'
import { refuse } from '../../bmc/messages.ts'
import { link } from '../../resources/resource.ts'
import { generic } from '../generic.ts'
import type { Profile } from '../profile.ts'
import { part, withContext, without } from '../shape.ts'
import { behaviour } from './behaviour.ts'
import { licence, mediaDocument, rootDocument, systemDocument } from './documents.ts'
import { iloMessage, iloStyle, weakTag } from './messages.ts'

type Generation = {
  readonly name: string
  readonly summary: string
  readonly redfishVersion: string
  readonly generation: 'iLO 5' | 'iLO 6'
  readonly version: string
  readonly model: string
  readonly base: string
  readonly registry: string
  readonly bootProgress: boolean
}

function profileOf(made: Generation): Profile<Bmc> {
  const { generation, version } = made
  return {
    ...generic,
    name: made.name,
    summary: made.summary,
    vendor: 'HPE',
    product: made.model,
    redfishVersion: made.redfishVersion,
    system: { id: '1', manufacturer: 'HPE', model: made.model, bios: 'U58 v2.44 (01/17/2025)' },
    manager: { id: '1', model: generation, firmware: `${generation} v${version}` },
    slots: [
      { name: '1', mediaTypes: ['Floppy', 'USBStick'], boots: false, operated: 'both' },
      { name: '2', mediaTypes: ['CD', 'DVD'], operated: 'both' },
    ],
    mediaCollections: [{ under: 'manager', segment: 'VirtualMedia', slots: ['1', '2'], linkedFrom: ['manager'] }],
    resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'PushPowerButton', 'GracefulRestart'],
    managerResetTypes: ['ForceRestart', 'GracefulRestart'],
    boot: {
      enabledValues: ['Disabled', 'Once', 'Continuous'],
      targets: [
        'None',
        'Cd',
        'Hdd',
        'Usb',
        'SDCard',
        'Utilities',
        'Diags',
        'BiosSetup',
        'Pxe',
        'UefiShell',
        'UefiTarget',
      ],
      modes: ['UEFI', 'Legacy'],
      lists: ['Target'],
    },
    // The schema says seconds; iLO writes its minutes (quirks.md 11).
    sessions: { offered: true, max: 12, timeoutSeconds: 1_800, timeoutShown: 30 },
    unlicensed: refuse(400, { key: iloMessage(made.registry, 'LicenseKeyRequired') }),
    messages: iloStyle(made),
    etags: { format: weakTag, missing: null, everywhere: true },
    showsPowerTransitions: false,
    timing: { postMs: 3_000 },
    documents: {
      root: (base) => rootDocument(withContext(base), { key: 'Hpe', type: generation, version }),
      collection: withContext,
      system: (base, bmc) => ({
        ...systemDocument(withContext(base), bmc, 'Hpe', made.bootProgress),
        Boot: { ...part(base, 'Boot'), UefiTargetBootSourceOverride: 'None' },
      }),
      manager: (base, bmc) => ({
        ...without(withContext(base), 'PowerState'),
        Oem: {
          Hpe: {
            '@odata.type': '#HpeiLO.v2_8_0.HpeiLO',
            License: licence(bmc),
          },
        },
        Links: { ManagerInChassis: link('/redfish/v1/Chassis/1'), ...part(base, 'Links') },
      }),
      chassis: withContext,
      sessionService: withContext,
      session: withContext,
      media: (base, bmc, slot) => mediaDocument(withContext(base), bmc, slot, 'Hpe'),
    },
    behave: (bmc) => behaviour(bmc, { key: 'Hpe', registry: made.registry, base: made.base }),
  }
}

export const ilo5 = profileOf({
  name: 'ilo5',
  summary: 'HPE iLO 5: a CD and a USB slot, refuses changes while the host is in POST',
  redfishVersion: '1.6.0',
  generation: 'iLO 5',
  version: '2.72',
  model: 'ProLiant DL385 Gen10 Plus v2',
  base: 'Base.1.4',
  registry: 'iLO.2.15',
  bootProgress: false,
})

export const ilo6 = profileOf({
  name: 'ilo6',
  summary: 'HPE iLO 6: as iLO 5, with BootProgress',
  redfishVersion: '1.20.0',
  generation: 'iLO 6',
  version: '1.66',
  model: 'ProLiant DL380a Gen11',
  base: 'Base.1.18',
  registry: 'iLO.2.26',
  bootProgress: true,
})
