/**
 * What differs between BMCs, as data: a condition, the change it makes, and the hardware or document that taught it.
 * Operations read the resulting profile and the message tables and never ask for a vendor. To add a quirk, add a row.
 */
import type { Vendor } from '../bmc.ts'
import { messageKeysOf } from './quirks/messages.ts'

/** How this model wants to be spoken to. */
export type Profile = {
  /** First body that an insert tries; the ladder of insert-body.ts goes on from there. */
  readonly insertStart: 'full' | 'image-only'
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
    change: { bootMode: 'if-same' },
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

/** The session table is full: Basic for now, and no login loop (quirks.md 11). */
export const SESSION_TABLE_FULL_MESSAGES: ReadonlySet<string> = messageKeysOf('session-table-full')
