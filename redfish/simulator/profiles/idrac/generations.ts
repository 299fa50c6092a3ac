/** The generations of iDRAC as data. */
import type { SlotProfile } from '../../bmc/traits.ts'

export type Generation = {
  readonly name: string
  readonly summary: string
  readonly redfishVersion: string
  readonly firmware: string
  readonly managerModel: string
  readonly serverModel: string
  readonly base: string
  readonly registry: string
  /** Two drives under the System that take any image; the host boots only from the first one. */
  readonly systemSlots: readonly SlotProfile[]
  /** True: the Manager lists CD and RemovableDisk, and only one of them can be in use at a time. */
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

const everything = ['CD', 'DVD', 'USBStick']
/** The drives under the Manager. */
export const managerSlotProfiles: readonly SlotProfile[] = [
  { name: 'CD', mediaTypes: ['CD', 'DVD'] },
  { name: 'RemovableDisk', mediaTypes: ['USBStick'], boots: false },
]

export const old: Generation = {
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

export const current: Generation = {
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

export const tenth: Generation = {
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
