/** What may differ between BMCs, what it is where no quirk says otherwise, and the form of a quirk. */
import type { ResetType, Vendor } from '../../vocabulary.ts'
import type { BootWayName } from './boot-ways.ts'
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
