/** Dell iDRAC9 before and from 6.00, and iDRAC10 (quirks.md 3-6, 8, 9, 11): one firmware, generations as data. */
import type { Bmc } from '../../bmc/bmc.ts'
import type { Slot } from '../../bmc/media.ts'
import { refuse } from '../../bmc/messages.ts'
import type { JsonObject } from '../../bmc/reply.ts'
import type { MediaCollection } from '../../bmc/traits.ts'
import { generic } from '../generic.ts'
import type { Profile } from '../profile.ts'
import { part, withContext, withCounts, without } from '../shape.ts'
import { behaviour } from './behaviour.ts'
import { current, type Generation, managerSlotProfiles, old, tenth } from './generations.ts'
import { idracMessage, idracStyle } from './messages.ts'

function profileOf(generation: Generation): Profile<Bmc> {
  const { systemSlots, managerSlots, settingsProperties } = generation
  const collections: MediaCollection[] = []
  if (systemSlots.length > 0)
    // The second one first, as 6.00 and later list them (quirks.md 3).
    collections.push({ under: 'system', segment: 'VirtualMedia', slots: ['2', '1'], linkedFrom: ['system'] })
  if (managerSlots)
    collections.push({
      under: 'manager',
      segment: 'VirtualMedia',
      slots: ['RemovableDisk', 'CD'],
      linkedFrom: ['manager'],
    })
  return {
    ...generic,
    name: generation.name,
    summary: generation.summary,
    vendor: 'Dell',
    product: 'Integrated Dell Remote Access Controller',
    redfishVersion: generation.redfishVersion,
    system: { id: 'System.Embedded.1', manufacturer: 'Dell Inc.', model: generation.serverModel, bios: '1.8.2' },
    manager: { id: 'iDRAC.Embedded.1', model: generation.managerModel, firmware: generation.firmware },
    chassis: { id: 'System.Embedded.1' },
    slots: [...systemSlots, ...(managerSlots ? managerSlotProfiles : [])],
    mediaCollections: collections,
    resetTypes: [
      'On',
      'ForceOff',
      'ForceRestart',
      'GracefulRestart',
      'GracefulShutdown',
      'PushPowerButton',
      'Nmi',
      'PowerCycle',
    ],
    managerResetTypes: ['GracefulRestart'],
    boot: {
      enabledValues: ['Disabled', 'Once', 'Continuous'],
      targets: ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup', 'Utilities', 'UefiTarget', 'SDCard', 'UefiHttp'],
      modes: ['UEFI', 'Legacy'],
      lists: generation.bootsAtSettings ? [] : ['Target'],
      ...(settingsProperties === null ? {} : { settings: { id: 'Settings', properties: settingsProperties } }),
      readOnly: generation.bootsAtSettings,
    },
    unlicensed: refuse(400, { key: idracMessage(generation.registry, 'LIC501') }),
    messages: idracStyle(generation),
    etags: {
      format: generation.bootsAtSettings ? (digest) => `W/"gen-${Number.parseInt(digest.slice(0, 4), 16)}"` : null,
      missing: null,
    },
    showsPowerTransitions: false,
    // An image is in a second after the answer, and `Inserted` stays for a while after the eject.
    timing: { mediaAttachMs: 1_000, mediaDetachMs: 4_000 },
    documents: {
      root: (base, bmc) => ({
        ...without(withContext(base), 'UUID'),
        '@odata.id': '/redfish/v1',
        Oem: { Dell: { '@odata.type': '#DellServiceRoot.v1_0_0.DellServiceRoot', ServiceTag: bmc.serial } },
      }),
      collection: withContext,
      system: (base) => systemDocument(base, generation),
      manager: (base, bmc) => ({
        ...withContext(base),
        LastResetTime: bmc.startedAt.toISOString(),
        Links: withCounts(part(base, 'Links')),
        Oem: { Dell: { '@odata.type': '#DellOem.v1_3_0.DellOemResources' } },
      }),
      chassis: withContext,
      sessionService: (base) => without(withContext(base), 'Status'),
      session: withContext,
      media: (base, _bmc, slot) => mediaDocument(base, slot, generation),
    },
    behave: (bmc) => behaviour(bmc, generation),
  }
}

function systemDocument(base: JsonObject, { lastResetTime, bootProgress }: Generation): JsonObject {
  const dropped = [...(lastResetTime === 'absent' ? ['LastResetTime'] : []), ...(bootProgress ? [] : ['BootProgress'])]
  return {
    ...without(withContext(base), ...dropped),
    ...(lastResetTime === 'zero' ? { LastResetTime: '0000-00-00T00:00:00+00:00' } : {}),
    Boot: { ...part(base, 'Boot'), UefiTargetBootSourceOverride: null },
    Links: withCounts(part(base, 'Links')),
    Oem: { Dell: { '@odata.type': '#DellOem.v1_3_0.DellOemResources' } },
  }
}

function mediaDocument(base: JsonObject, { profile }: Slot, { bootsAtSettings }: Generation): JsonObject {
  const names: Readonly<Record<string, string>> = { CD: 'Virtual CD', RemovableDisk: 'Virtual Removable Disk' }
  return {
    ...withContext(base),
    Name: names[profile.name] ?? `VirtualMedia Instance ${profile.name}`,
    'MediaTypes@odata.count': profile.mediaTypes.length,
    // iDRAC10 lists the parameters of InsertMedia, and a client can switch off its check of certificates.
    ...(bootsAtSettings ? { VerifyCertificate: false, Actions: listedActions(part(base, 'Actions')) } : {}),
  }
}

function listedActions(actions: JsonObject): JsonObject {
  const lists = {
    'TransferProtocolType@Redfish.AllowableValues': ['CIFS', 'HTTP', 'HTTPS', 'NFS'],
    'TransferMethod@Redfish.AllowableValues': ['Stream'],
  }
  return { ...actions, '#VirtualMedia.InsertMedia': { ...part(actions, '#VirtualMedia.InsertMedia'), ...lists } }
}

export const idrac9Old = profileOf(old)
export const idrac9 = profileOf(current)
export const idrac10 = profileOf(tenth)
