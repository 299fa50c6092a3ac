/**
 * What differs between BMCs, as data: a condition, the change it makes, and the hardware or document that taught it.
 * Operations read the resulting profile and never ask for a vendor. To add a quirk, add a row. The tables:
 * `models.ts` by model, `messages.ts` by error, `slot-ways.ts` for media that no standard action moves,
 * `switches.ts` for licences and switches, `notices.ts` for what an operator should know of a model.
 */
import type { ResetType, Vendor } from '../../bmc.ts'
import type { BootWayName } from './boot-ways.ts'
import { messageKeysOf } from './messages.ts'
import { QUIRKS } from './models.ts'
import type { NoticeCode } from './notices.ts'

/** How this model wants to be spoken to. */
export type Profile = {
  /** Whether one connection is used for several requests, or closed after each. */
  readonly connection: 'keep-alive' | 'close'
  /** First body that an insert tries; the ladder of insert-body.ts goes on from there. */
  readonly insertStart: 'full' | 'image-only'
  /** Properties that an insert is known to be refused without. */
  readonly insertAlso: readonly ('TransferProtocolType' | 'TransferMethod' | 'UserName' | 'Password')[]
  /** Members of the VirtualMedia collections that are not for us, by the last segment of their path. */
  readonly slotsIgnored: RegExp | null
  /** Whether a CD and a removable slot can hold media at the same time. */
  readonly companionSlot: boolean
  /** `Inserted` stays true after an eject, and `ConnectedVia: NotConnected` tells. */
  readonly emptyWhenNotConnected: boolean
  /** What shows in the slot seconds after it was accepted: the first look comes later. */
  readonly mediaLag: readonly ('insert' | 'eject')[]
  /** Boot targets that mean the virtual CD, best first. */
  readonly cdTargets: readonly string[]
  /** `uefi`: sent when the property exists. `if-same`: only when it already is UEFI. */
  readonly bootMode: 'uefi' | 'if-same'
  /** `override`: the boot override works for virtual media; else the name of a vendor's own way (quirks/boot-ways.ts). */
  readonly bootWay: 'override' | BootWayName
  /** What `BootSourceOverrideEnabled` may read back after `Once` was written, without anything being wrong. */
  readonly onceReadsBack: readonly string[]
  /** `LastResetTime` is not kept up to date and proves nothing. */
  readonly lastResetTimeStale: boolean
  /** `On` is refused for a while after the host went off. */
  readonly restsAfterOff: boolean
  /** Resets that are listed and do not work. */
  readonly resetsAvoided: readonly ResetType[]
  /** `always`: a PATCH without precondition is refused or silently dropped, so that `*` goes where no tag is given. */
  readonly ifMatch: 'when-given' | 'always'
  /** What an operator should know of this model (quirks/notices.ts). */
  readonly notices: readonly NoticeCode[]
}

/** What the condition of a quirk is tested on. */
export type Traits = {
  readonly vendor: Vendor
  /** ComputerSystem.Model. */
  readonly model: string | null
  /** Manager.Model. */
  readonly controller: string | null
  /** Manager.FirmwareVersion. */
  readonly firmware: string | null
}

/** Versions are compared number by number; `below` is exclusive. */
export type FirmwareRange = { readonly from?: string; readonly below?: string }

export type Quirk = {
  readonly when: {
    readonly vendor: Vendor
    readonly model?: RegExp
    readonly controller?: RegExp
    readonly firmware?: FirmwareRange
  }
  readonly change: Partial<Profile>
  /** Recorded documents below `fixtures/`, or sections of quirks.md. */
  readonly evidence: readonly string[]
}

export const DEFAULT_PROFILE: Profile = {
  connection: 'keep-alive',
  insertStart: 'full',
  insertAlso: [],
  slotsIgnored: null,
  companionSlot: true,
  emptyWhenNotConnected: false,
  mediaLag: [],
  cdTargets: ['Cd', 'UefiUsbCd', 'UsbCd', 'CD/DVD'],
  bootMode: 'uefi',
  bootWay: 'override',
  onceReadsBack: ['Once'],
  lastResetTimeStale: false,
  restsAfterOff: false,
  resetsAvoided: [],
  ifMatch: 'when-given',
  notices: [],
}

/** The defaults with every matching row applied in order, later ones over earlier ones; notices add up. */
export function profileFor(traits: Traits, quirks: readonly Quirk[] = QUIRKS): Profile {
  const changes = quirks.filter((quirk) => matches(quirk, traits)).map(({ change }) => change)
  const notices = changes.flatMap((change) => change.notices ?? [])
  return { ...Object.assign({}, DEFAULT_PROFILE, ...changes), notices }
}

function matches({ when }: Quirk, traits: Traits): boolean {
  if (when.vendor !== traits.vendor) return false
  if (when.model !== undefined && !when.model.test(traits.model ?? '')) return false
  if (when.controller !== undefined && !when.controller.test(traits.controller ?? '')) return false
  return when.firmware === undefined || isInRange(traits.firmware, when.firmware)
}

/** Whether the first dotted number in a firmware version is in the range; a version without one is in none. */
export function isInRange(firmware: string | null, { from, below }: FirmwareRange): boolean {
  const version = /\d+(\.\d+)+/.exec(firmware ?? '')?.[0]
  if (version === undefined) return false
  return (from === undefined || compare(version, from) >= 0) && (below === undefined || compare(version, below) < 0)
}

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  const length = Math.max(left?.length ?? 0, right?.length ?? 0)
  for (let index = 0; index < length; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** A write without `If-Match` is refused, whatever the status (quirks.md 10 and 15; registries/idrac9-eemi). */
export const PRECONDITION_MISSING_MESSAGES: ReadonlySet<string> = new Set(['PreconditionHeaderMissing', 'SYS404'])

/** The entity tag is not the current one, or the BMC could not compare it (XCC, iDRAC; quirks.md 15). */
export const PRECONDITION_FAILED_MESSAGES: ReadonlySet<string> = new Set(['PreconditionFailed', 'SYS400'])

/** The session table is full: Basic for now, and no login loop (quirks.md 11). */
export const SESSION_TABLE_FULL_MESSAGES: ReadonlySet<string> = messageKeysOf('session-table-full')
