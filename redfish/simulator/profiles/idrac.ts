/** Dell iDRAC9 before and from 6.00, and iDRAC10 (quirks.md 3-6, 8, 9, 11): one firmware, generations as data. */
import type { Bmc } from '../bmc.ts'
import type { Slot } from '../media.ts'
import { refuse } from '../messages.ts'
import type { JsonObject, Reply } from '../reply.ts'
import { attach } from '../resources/insertion.ts'
import { imageName } from '../resources/virtual-media.ts'
import { generic } from './generic.ts'
import { type IdracMessage, idracMessage, idracStyle } from './idrac-messages.ts'
import type { Behaviour, MediaCollection, Profile, SlotProfile } from './profile.ts'
import { part, withContext, withCounts, without } from './shape.ts'

type Generation = {
  readonly name: string
  readonly summary: string
  readonly redfishVersion: string
  readonly firmware: string
  readonly managerModel: string
  readonly serverModel: string
  readonly base: string
  readonly registry: string
  /** Under the System, two drives that take everything, of which the second boots only where it says so. */
  readonly systemSlots: readonly SlotProfile[]
  /** Whether the Manager lists CD and RemovableDisk, of which one can be in use at a time. */
  readonly managerSlots: boolean
  readonly bootsAtSettings: boolean
  readonly settingsProperties: readonly string[] | null
  readonly lastResetTime: 'absent' | 'zero' | 'kept'
  readonly bootProgress: boolean
  /** From 6.00: SYS468, RAC0720 with a late attach, SYS518. */
  readonly moody: boolean
  /** iDRAC10: `On` conflicts for a while after the host went off. */
  readonly refusesOnAfterOff: boolean
}

/** How often an insert is refused and takes place all the same, and a GET finds no data, when `random` is real. */
const lateAttachProbability = 0.05
const noDataProbability = 0.01
/** The image of a refused insert was seen about 55 s later (quirks.md 6). */
const lateAttachMs = 55_000
/** About half of the minute that ironic retries for (quirks.md 9). */
const conflictAfterOffMs = 25_000

const everything = ['CD', 'DVD', 'USBStick']
const managerSlotProfiles: readonly SlotProfile[] = [
  { name: 'CD', mediaTypes: ['CD', 'DVD'] },
  { name: 'RemovableDisk', mediaTypes: ['USBStick'], boots: false },
]

const old: Generation = {
  name: 'idrac9-old',
  summary: 'Dell iDRAC9 5.10: CD or RemovableDisk under the Manager, never both',
  redfishVersion: '1.11.0',
  firmware: '5.10.50.00',
  managerModel: '15G Monolithic',
  serverModel: 'PowerEdge R750',
  base: 'Base.1.8',
  registry: 'IDRAC.2.5',
  systemSlots: [],
  managerSlots: true,
  bootsAtSettings: false,
  settingsProperties: null,
  lastResetTime: 'absent',
  bootProgress: false,
  moody: false,
  refusesOnAfterOff: false,
}

const current: Generation = {
  ...old,
  name: 'idrac9',
  summary: 'Dell iDRAC9 7.10: two drives under the System, late attaches, LastResetTime of zeros',
  redfishVersion: '1.17.0',
  firmware: '7.10.30.00',
  base: 'Base.1.12',
  registry: 'IDRAC.2.8',
  systemSlots: [
    { name: '1', mediaTypes: everything },
    { name: '2', mediaTypes: everything, boots: false },
  ],
  settingsProperties: ['BootOrder', 'BootSourceOverrideMode', 'UefiTargetBootSourceOverride'],
  lastResetTime: 'zero',
  bootProgress: true,
  moody: true,
}

const tenth: Generation = {
  ...current,
  name: 'idrac10',
  summary: 'Dell iDRAC10: boot override only in the settings object, drive 1 boots, On conflicts after off',
  redfishVersion: '1.20.1',
  firmware: '1.20.50.52',
  managerModel: '17G Monolithic',
  serverModel: 'PowerEdge R670',
  base: 'Base.1.18',
  registry: 'IDRAC.2.9',
  managerSlots: false,
  bootsAtSettings: true,
  settingsProperties: [
    'BootOrder',
    'BootSourceOverrideEnabled',
    'BootSourceOverrideTarget',
    'BootSourceOverrideMode',
    'UefiTargetBootSourceOverride',
  ],
  lastResetTime: 'kept',
  refusesOnAfterOff: true,
}

function profileOf(generation: Generation): Profile {
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
      manager: (base) => ({
        ...without(withContext(base), 'UUID'),
        Links: withCounts(part(base, 'Links')),
        Oem: { Dell: { '@odata.type': '#DellOem.v1_3_0.DellOemResources' } },
      }),
      chassis: withContext,
      sessionService: withContext,
      session: withContext,
      media: mediaDocument,
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

function mediaDocument(base: JsonObject, _bmc: Bmc, { profile }: Slot): JsonObject {
  const names: Readonly<Record<string, string>> = { CD: 'Virtual CD', RemovableDisk: 'Virtual Removable Disk' }
  return {
    ...withContext(base),
    Name: names[profile.name] ?? `VirtualMedia Instance ${profile.name}`,
    'MediaTypes@odata.count': profile.mediaTypes.length,
  }
}

function behaviour(bmc: Bmc, generation: Generation): Behaviour {
  const own = (
    status: number,
    name: IdracMessage,
    about: { args?: readonly string[]; related?: readonly string[] } = {},
  ) => refuse(status, { key: idracMessage(generation.registry, name), ...about })
  const strikes = (probability: number) => generation.moody && bmc.world.random() < probability
  let wentOff = 0
  let conflicting = false
  return {
    intercept: ({ method, path, header }) =>
      generation.moody && method === 'POST' && /\/Sessions\/?$/.test(path) && header('authorization') !== null
        ? own(400, 'SYS468')
        : null,
    filter: ({ method }) => (method === 'GET' && strikes(noDataProbability) ? own(503, 'SYS518') : null),
    unusable: () => own(400, 'RAC0720', { related: ['/Image'] }),
    insert: (slot, parameters) => {
      const image = String(parameters['Image'])
      if (!takes(slot, image)) return own(400, 'SYS453', { args: [imageName(image), slot.profile.name] })
      const underManager = managerSlotProfiles.some(({ name }) => name === slot.profile.name)
      if (underManager && generation.systemSlots.length > 0) return own(500, 'RAC0904')
      // Ejected, and still shown as inserted.
      if (slot.inserted && slot.medium === null) return own(500, 'SYS446')
      if (slot.request !== null) return own(400, 'VRM0012')
      if (underManager && bmc.slots.some(({ request }) => request !== null)) return own(400, 'VRM0021')
      if (!strikes(lateAttachProbability)) return null
      bmc.later(lateAttachMs, () => void attach(bmc, slot, parameters, image))
      return own(400, 'RAC0720', { related: ['/Image'] })
    },
    eject: (slot) => (slot.request === null ? own(500, 'VRM0009') : null),
    reset: (type): Reply | null => {
      const off = bmc.power.state === 'Off'
      if (type === 'PushPowerButton') return null
      if (!off && type === 'On') return own(409, 'PSU501')
      if (off && type !== 'On') return own(409, 'PSU502')
      if (conflicting && type === 'On')
        return refuse(409, { key: 'ActionParameterValueConflict', args: ['ResetType', type] })
      return null
    },
    powerBecame: (state) => {
      if (state !== 'Off' || !generation.refusesOnAfterOff) return
      wentOff += 1
      conflicting = true
      const time = wentOff
      bmc.later(conflictAfterOffMs, () => {
        if (time === wentOff) conflicting = false
      })
    },
  }
}

/** CD drives take .iso, removable ones .img, and those that are both take either (SYS453, quirks.md 4). */
function takes({ profile }: Slot, image: string): boolean {
  const name = imageName(image).toLowerCase()
  const isCd = profile.mediaTypes.includes('CD')
  const isStick = profile.mediaTypes.includes('USBStick')
  return (isCd && name.endsWith('.iso')) || (isStick && name.endsWith('.img'))
}

export const idrac9Old = profileOf(old)
export const idrac9 = profileOf(current)
export const idrac10 = profileOf(tenth)
