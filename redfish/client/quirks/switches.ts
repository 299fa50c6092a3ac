/** Licences and switches that virtual media depend on, and their places in the documents (quirks.md 5, 12). */
import type { Pointer } from './slot-ways.ts'

/** The place of the licence's name, and the names that do not cover virtual media. */
export type LicenceRow = {
  readonly name: Pointer
  readonly lacking: RegExp
  readonly evidence: readonly string[]
}

export const LICENCES: readonly LicenceRow[] = [
  {
    name: { in: 'manager', keys: ['Oem', 'Hpe', 'License', 'LicenseString'] },
    lacking: /^iLO Standard/i,
    evidence: ['quirks.md 12', 'ilo6-1.66-dl380agen11'],
  },
  {
    name: { in: 'manager', keys: ['Oem', 'Hp', 'License', 'LicenseString'] },
    lacking: /^iLO Standard/i,
    evidence: ['quirks.md 12', 'ilo4-2.54-bl460cgen9'],
  },
]

/** Actions whose list of allowable values is empty without the licence. */
export const LICENSED_ACTIONS: readonly { readonly values: Pointer; readonly evidence: readonly string[] }[] = [
  {
    values: {
      in: 'system',
      keys: ['Actions', 'Oem', '#FTSComputerSystem.VirtualMedia', 'FTSVirtualMediaAction@Redfish.AllowableValues'],
    },
    evidence: ['quirks.md 12'],
  },
]

/** A switch that hides all slots while it is off. */
export type MediaSwitch = {
  readonly state: Pointer
  readonly off: string
  readonly on: string
  /** The client uses the first one that the BMC has. */
  readonly actions: readonly Pointer[]
  readonly body: Readonly<Record<string, string>>
  /** The time that the BMC needs until its slots show. */
  readonly settleMs: number
  readonly evidence: readonly string[]
}

export const MEDIA_SWITCHES: readonly MediaSwitch[] = [
  {
    state: { in: 'manager', keys: ['Oem', 'Ami', 'VirtualMedia', 'RMediaStatus'] },
    off: 'Disabled',
    on: 'Enabled',
    actions: [
      { in: 'manager', keys: ['Actions', 'Oem', '#AMIVirtualMedia.EnableRMedia'] },
      { in: 'manager', keys: ['Actions', 'Oem', '#VirtualMedia.EnableRMedia'] },
    ],
    body: { RMediaState: 'Enable' },
    settleMs: 10_000,
    evidence: ['quirks.md 5', 'ami-dgx-h100', 'ami-gigabyte-h262'],
  },
]

/**
 * Actions that make more CD slots, for operators. The client never sends them: the media service then restarts for some
 * three minutes (quirks.md 4), in which a job finds no slots, and a probe cannot know that no other controller is about
 * to begin a job.
 */
export const MORE_SLOTS: readonly { readonly action: Pointer; readonly evidence: readonly string[] }[] = [
  {
    action: { in: 'manager', keys: ['Actions', 'Oem', '#AMIVirtualMedia.ConfigureCDInstance'] },
    evidence: ['quirks.md 4', 'ami-dgx-h100'],
  },
  {
    action: { in: 'manager', keys: ['Actions', 'Oem', '#VirtualMedia.ConfigureCDInstance'] },
    evidence: ['quirks.md 4', 'ami-gigabyte-h262'],
  },
]

/** A flag on a slot that boots its medium once, where the boot override is refused (quirks.md 6, 8). */
export const BOOT_FLAGS: readonly { readonly flag: Pointer; readonly evidence: readonly string[] }[] = [
  {
    flag: { in: 'slot', keys: ['Oem', 'Hpe', 'BootOnNextServerReset'] },
    evidence: ['quirks.md 6', 'quirks.md 8', 'ilo6-1.66-dl380agen11'],
  },
  {
    flag: { in: 'slot', keys: ['Oem', 'Hp', 'BootOnNextServerReset'] },
    evidence: ['quirks.md 6', 'ilo4-2.54-bl460cgen9'],
  },
]
