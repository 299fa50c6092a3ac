/** Lenovo XCC2 (quirks.md 3, 5, 6, 8-11): slots that are written, and only with the right If-Match. */
import type { Bmc } from '../bmc/bmc.ts'
import { refuse } from '../bmc/messages.ts'
import { noContent } from '../bmc/reply.ts'
import type { SlotProfile } from '../bmc/traits.ts'
import { generic } from './generic.ts'
import type { Profile } from './profile.ts'
import { part, withContext, without } from './shape.ts'

const external = ['EXT1', 'EXT2', 'EXT3', 'EXT4']
/** Slots for uploaded images and for the KVM viewer; Redfish cannot insert into them. */
const unusable = ['RDOC1', 'RDOC2', 'Remote1', 'Remote2', 'Remote3', 'Remote4']
const slots = [...external, ...unusable]

function slot(name: string): SlotProfile {
  return {
    name,
    mediaTypes: ['CD', 'DVD', 'Floppy', 'USBStick'],
    boots: name === 'EXT1',
    operated: external.includes(name) ? 'patch' : 'none',
  }
}

export const xcc: Profile<Bmc> = {
  ...generic,
  name: 'xcc',
  summary: 'Lenovo XCC2: slots without actions, written by PATCH with If-Match',
  vendor: 'Lenovo',
  product: null,
  system: { id: '1', manufacturer: 'Lenovo', model: 'ThinkSystem SR670 V2', bios: 'U8E122J' },
  manager: { id: '1', model: 'Lenovo XClarity Controller', firmware: 'TGBT42S 2.83 2023-07-05' },
  slots: slots.map(slot),
  mediaCollections: [
    { under: 'system', segment: 'VirtualMedia', slots, linkedFrom: ['system'] },
    { under: 'manager', segment: 'VirtualMedia', slots, linkedFrom: ['manager'] },
  ],
  insertRequires: ['Inserted'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'ForceOn'],
  resetTypesIn: { system: 'both', manager: 'both' },
  boot: {
    enabledValues: ['Once', 'Disabled'],
    targets: ['None', 'Pxe', 'Cd', 'Usb', 'Hdd', 'BiosSetup', 'Diags', 'UefiTarget'],
    modes: ['UEFI', 'Legacy'],
    lists: ['Enabled', 'Target'],
    settings: { id: 'Pending', properties: ['BootOrder'] },
  },
  sessions: { offered: true, max: 16, timeoutSeconds: 300, timeoutShown: 300 },
  messages: {
    base: 'Base.1.8',
    body: ({ id, text, severity, resolution, args, related }) => ({
      error: {
        code: 'Base.1.8.GeneralError',
        message: 'A general error has occurred. See ExtendedInfo for more information.',
        '@Message.ExtendedInfo': [
          {
            '@odata.type': '#Message.v1_1_2.Message',
            MessageId: id,
            Message: text,
            MessageArgs: args,
            Severity: severity,
            MessageSeverity: severity,
            Resolution: resolution,
            ...(related.length === 0 ? {} : { RelatedProperties: related.map((pointer) => `#${pointer}`) }),
          },
        ],
      },
    }),
    done: noContent,
  },
  etags: {
    format: (digest) => `"${digest.slice(0, 19)}"`,
    missing: () => refuse(412, { key: 'PreconditionFailed' }),
    everywhere: true,
  },
  showsPowerTransitions: false,
  // `Image` is there at once, `Inserted` seconds later.
  timing: { mediaAttachMs: 4_000 },
  documents: {
    root: withContext,
    collection: withContext,
    system: (base, bmc) => ({
      ...without(withContext(base), 'LastResetTime', 'BootProgress'),
      Boot: { ...part(base, 'Boot'), UefiTargetBootSourceOverride: null },
      Oem: {
        Lenovo: {
          '@odata.type': '#LenovoComputerSystem.v1_0_0.LenovoSystemProperties',
          SystemStatus:
            bmc.power.state === 'Off'
              ? 'SystemPowerOff_StateUnknown'
              : bmc.host.status === 'firmware'
                ? 'SystemOn_StartingUEFI'
                : 'BootingOSOrInUndetectedOS',
        },
      },
    }),
    manager: (base) => ({
      ...withContext(base),
      Oem: {
        Lenovo: { '@odata.type': '#LenovoManager.v1_0_0.LenovoManagerProperties', release_name: 'whitley_gp_23-1' },
      },
    }),
    chassis: withContext,
    sessionService: (base) => without(withContext(base), 'Status'),
    session: withContext,
    media: (base) => ({
      ...withContext(base),
      Name: 'VirtualMedia',
      WriteProtected: base['WriteProtected'] ?? true,
      VerifyCertificate: false,
    }),
  },
}
