/**
 * The profile of a BMC: the traits that differ between models, their defaults, and the form of a quirk that changes
 * them.
 */
import type { ResetType, Vendor } from '../../vocabulary.ts'
import type { BootWayName } from './boot-ways.ts'
import type { NoticeCode } from './notices.ts'

/** The ways in which one model differs. */
export type Profile = {
  /** `keep-alive`: one connection for several requests; `close`: one for each. */
  readonly connection: 'keep-alive' | 'close'
  /** First body that an insert tries; the ladder of insert-body.ts goes on from there. */
  readonly insertStart: 'full' | 'image-only'
  /** Properties without which this model refuses an insert. */
  readonly insertAlso: readonly ('TransferProtocolType' | 'TransferMethod' | 'UserName' | 'Password')[]
  /** Members of the VirtualMedia collections that take no images, by the last segment of their path. */
  readonly slotsIgnored: RegExp | null
  /** A CD and a removable slot can hold media at the same time. */
  readonly companionSlot: boolean
  /** `Inserted` stays true after an eject, and `ConnectedVia: NotConnected` shows that the slot is empty. */
  readonly emptyWhenNotConnected: boolean
  /** Operations that show in the slot only after seconds: the client makes its first look later. */
  readonly mediaLag: readonly ('insert' | 'eject')[]
  /** Boot targets that mean the virtual CD, best first. */
  readonly cdTargets: readonly string[]
  /** `uefi`: sent when the property exists. `if-same`: only when it already is UEFI. */
  readonly bootMode: 'uefi' | 'if-same'
  /** `override`: the boot override works for virtual media; else the name of a vendor's own way (quirks/boot-ways.ts). */
  readonly bootWay: 'override' | BootWayName
  /** Values of `BootSourceOverrideEnabled` that this model may show after `Once` was written and accepted. */
  readonly onceReadsBack: readonly string[]
  /** `LastResetTime` is not kept up to date and proves nothing. */
  readonly lastResetTimeStale: boolean
  /** The BMC refuses `On` for a while after the host went off. */
  readonly restsAfterOff: boolean
  /** Resets that the BMC lists and that do not work. */
  readonly resetsAvoided: readonly ResetType[]
  /**
   * `always`: the BMC refuses or silently drops a PATCH without precondition, so that the client sends `*` for want of a
   * tag.
   */
  readonly ifMatch: 'when-given' | 'always'
  /** Notices for the operator (quirks/notices.ts). */
  readonly notices: readonly NoticeCode[]
}

/** The facts that the condition of a quirk is tested on. */
export type Traits = {
  readonly vendor: Vendor
  /** ComputerSystem.Model. */
  readonly model: string | null
  /** Manager.Model. */
  readonly controller: string | null
  /** Manager.FirmwareVersion. */
  readonly firmware: string | null
}

/** Versions compare number by number; `below` is exclusive. */
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
