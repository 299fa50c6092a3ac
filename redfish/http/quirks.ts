/**
 * What differs between BMCs, as data: a condition, the change it makes, and the hardware or document that taught it.
 * Operations read the resulting profile and the message tables and never ask for a vendor. To add a quirk, add a row.
 */
import type { Vendor } from '../bmc.ts'

/** How this model wants to be spoken to. */
export type Profile = {
  /** First body that an insert tries; the ladder of insert-body.ts goes on from there. */
  readonly insertStart: 'full' | 'image-only'
  /** Answers to an insert after which the image may still be attached, so that the slot is watched before giving up. */
  readonly lateAttachMessages: readonly string[]
  /** Members of the VirtualMedia collections that are not for us, by Id. */
  readonly slotsIgnored: RegExp | null
  /** Whether a CD and a removable slot can hold media at the same time. */
  readonly companionSlot: boolean
  /** `Inserted` stays true after an eject, and `ConnectedVia: NotConnected` tells. */
  readonly emptyWhenNotConnected: boolean
  /** Boot targets that mean the virtual CD, best first. */
  readonly cdTargets: readonly string[]
  /** `uefi`: sent when the property exists. `if-same`: only when it already is UEFI. `omit`: never. */
  readonly bootMode: 'uefi' | 'if-same' | 'omit'
  /** `LastResetTime` is not kept up to date and proves nothing. */
  readonly lastResetTimeStale: boolean
}

/** What the condition of a quirk is tested on. */
export type Traits = {
  readonly vendor: Vendor
  readonly model: string | null
  readonly firmware: string | null
}

export type Quirk = {
  readonly when: { readonly vendor: Vendor; readonly model?: RegExp; readonly firmware?: RegExp }
  readonly change: Partial<Profile>
  readonly evidence: string
}

export const DEFAULT_PROFILE: Profile = {
  insertStart: 'full',
  lateAttachMessages: [],
  slotsIgnored: null,
  companionSlot: true,
  emptyWhenNotConnected: false,
  cdTargets: ['Cd', 'UefiUsbCd', 'UsbCd', 'CD/DVD'],
  bootMode: 'uefi',
  lastResetTimeStale: false,
}

/** Rows that match are applied in order, later ones over earlier ones. */
export const QUIRKS: readonly Quirk[] = [
  {
    when: { vendor: 'supermicro' },
    change: {
      insertStart: 'image-only',
      emptyWhenNotConnected: true,
      cdTargets: ['UsbCd', 'Cd', 'UefiUsbCd', 'CD/DVD'],
    },
    evidence:
      'X11/X12 refuse Inserted (errors/supermicro/400-insertmedia-inserted-not-valid.json); Image stays after eject (community.general#6969); UsbCd: sushy system.py',
  },
  {
    when: { vendor: 'supermicro', model: /^ars-111gl-nhr/i },
    change: { cdTargets: ['Cd'] },
    evidence: 'sushy system.py l.379-400',
  },
  {
    when: { vendor: 'supermicro' },
    change: { bootMode: 'omit' },
    evidence: 'X11 answers PropertyValueNotInList to UEFI (errors/supermicro/400-boot-mode-not-in-list.json)',
  },
  {
    when: { vendor: 'dell' },
    change: { bootMode: 'if-same', lateAttachMessages: ['RAC0720'] },
    evidence:
      'a changed mode creates a BIOS job and a reboot (ironic story 2008712); attached 55 s after RAC0720 (quirks.md 6)',
  },
  {
    when: { vendor: 'dell', firmware: /^[1-5]\./ },
    change: { companionSlot: false },
    evidence: 'VRM0021 on the second insert through Managers (dell-scr#290, dell-ans idrac_virtual_media.py l.341-353)',
  },
  {
    when: { vendor: 'lenovo' },
    change: { slotsIgnored: /^(RDOC|Remote)\d+$/i },
    evidence: 'fixtures/xcc2-sr670v2: RDOC is upload only, Remote is the KVM (quirks.md 3)',
  },
  {
    when: { vendor: 'openbmc', model: /GB300/i },
    change: { lastResetTimeStale: true },
    evidence: 'LastResetTime two months older than BootProgress (quirks.md 9)',
  },
]

/** The defaults with every matching row applied. */
export function profileFor(traits: Traits, quirks: readonly Quirk[] = QUIRKS): Profile {
  const changes = quirks.filter((quirk) => matches(quirk, traits)).map(({ change }) => change)
  return Object.assign({}, DEFAULT_PROFILE, ...changes)
}

function matches({ when }: Quirk, traits: Traits): boolean {
  if (when.vendor !== traits.vendor) return false
  if (when.model !== undefined && !when.model.test(traits.model ?? '')) return false
  return when.firmware === undefined || when.firmware.test(traits.firmware ?? '')
}

/** Message keys after which nothing was done and the same request works later (quirks.md 9, 10 and 15; DSP2065). */
export const TRANSIENT_MESSAGES: ReadonlySet<string> = new Set([
  // iDRAC: data sources not ready, BMC starting, a job that runs.
  'SYS518',
  'SWC0700',
  'LC060',
  'RAC0679',
  // iLO: a reset is under way, the host is in POST (fixtures/errors/ilo/400-boot-patch-during-post.json).
  'ResetInProgress',
  'UnableToModifyDuringSystemPOST',
  'OperationAvailableAfterSystemPOST',
  // XCC2's registry (fixtures/errors/xcc/429-too-many-requests.json).
  'TooManyRequests',
  'ResourceLocked',
  // DSP2065 Base registry.
  'ServiceTemporarilyUnavailable',
  'ResourceInUse',
  // iDRAC10: On shortly after off (sushy rn:redfish-power-on-conflict-retry).
  'ActionParameterValueConflict',
])

/** Message keys that come with a 5xx and that no repetition changes (quirks.md 12 and 15). */
export const PERMANENT_MESSAGES: ReadonlySet<string> = new Set([
  // The image cannot be fetched or is of the wrong type: iDRAC says so with 500.
  'RAC0904',
  'RAC0720',
  'RAC0779',
  'RAC0109',
  'SYS446',
  'SYS453',
  // Nothing is mounted (fixtures/errors/idrac/500-eject-nothing-inserted.json).
  'VRM0009',
  'VRM0011',
  // A licence is missing.
  'LicenseKeyRequired',
  'InvalidLicenseKey',
  'LIC501',
  'LIC503',
  'SWC0242',
  'OemLicenseNotPassed',
  // The session table is full; the login falls back instead (quirks.md 11).
  'RAC0218',
  'SessionLimitExceeded',
])

/** The session table is full: Basic for now, and no login loop (quirks.md 11). */
export const SESSION_TABLE_FULL_MESSAGES: ReadonlySet<string> = new Set(['RAC0218', 'SessionLimitExceeded'])

/** The slot or its share is in use: eject, wait, insert once more (quirks.md 6 and 15). */
export const SLOT_IN_USE_MESSAGES: ReadonlySet<string> = new Set([
  'VRM0021',
  'VRM0012',
  'RAC0718',
  'RAC0719',
  'RAC0730',
  'RAC0780',
  'MaxVirtualMediaConnectionEstablished',
])
