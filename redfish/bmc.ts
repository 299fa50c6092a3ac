/**
 * What this project asks of a BMC, whatever speaks to it: the one interface of the http client (`http/`) and the noop
 * client (`noop.ts`). Reading order of the folder: this file, `failure.ts`, `http/client.ts`, then one file per
 * operation family. Nothing here knows of jobs.
 *
 * Every operation is discover → act → confirm: it resolves only when the BMC was seen to be in the wanted state, and
 * rejects with a `BmcError` otherwise. All of them take an AbortSignal and stop at it.
 */
import type { Learned } from './learned.ts'
import type { RecordedTree } from './recording/format.ts'
import type { PowerState, ResetType, Vendor } from './vocabulary.ts'

/** One virtual media slot. `id` is the resource's path on this BMC, opaque to callers. */
export type MediaSlot = {
  readonly id: string
  readonly name: string
  /** VirtualMedia.MediaType values, upper-cased as sent by the BMC: `CD`, `DVD`, `USBStick`, `Floppy`. */
  readonly mediaTypes: readonly string[]
  /** Kinds of image that it takes: an ISO as a CD, a disk image as a USB stick. */
  readonly takes: readonly ('cd' | 'usb')[]
  /** How it is filled: `action` (VirtualMedia.InsertMedia), `patch` (of the slot), or the name of a vendor's own way. */
  readonly operation: string
  readonly inserted: boolean
}

/** A slot that the BMC has and that media are not put into. */
export type PassedOverSlot = { readonly id: string; readonly reason: string }

/**
 * How the two media reach the host (spec/redfish.md "Discovery"): two CD slots, a CD and a removable slot for a FAT
 * image, or a single slot for one merged ISO.
 */
export type MediaLayout =
  | { readonly kind: 'two-cds'; readonly maintenance: string; readonly task: string }
  | { readonly kind: 'cd-and-usb'; readonly maintenance: string; readonly task: string }
  | { readonly kind: 'single-cd'; readonly maintenance: string }

/** Something an operator should know before a job needs it, with what to do about it. */
export type Finding = {
  readonly code: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  readonly advice: string
}

/** What discovery found. Plain JSON: it is recorded as a fact in the server's and the job's history. */
export type BmcDescription = {
  readonly vendor: Vendor
  readonly model: string | null
  readonly serial: string | null
  readonly redfishVersion: string | null
  /** `why` says why this one was chosen. */
  readonly system: {
    readonly id: string
    readonly name: string | null
    readonly biosVersion: string | null
    readonly why: string
  }
  /** `id` is empty where the service lists no Manager that can be read. */
  readonly manager: {
    readonly id: string
    readonly model: string | null
    readonly firmware: string | null
    readonly why: string
  }
  /** What the BMC says of its licence, where it says something that is known. */
  readonly licence: string | null
  readonly slots: readonly MediaSlot[]
  readonly passedOver: readonly PassedOverSlot[]
  /** Null when no layout is possible; a finding then says why. */
  readonly layout: MediaLayout | null
  readonly boot: {
    readonly targets: readonly string[]
    readonly cdTarget: string | null
    readonly modes: readonly string[]
    /** Where the override's target is written: the System, or its `@Redfish.Settings`. */
    readonly writtenTo: 'system' | 'settings'
    readonly override: BootOverride
  }
  readonly resetTypes: readonly ResetType[]
  /** Where the reset types come from; `assumed` where the BMC has the action and lists no values. */
  readonly resetTypesFrom: 'action' | 'action-info' | 'assumed' | 'none'
  /** `demanded`: a write without `If-Match` is refused or lost. `given`: documents carry entity tags. */
  readonly etags: 'demanded' | 'given' | 'none'
  readonly power: PowerObservation
  readonly session: 'session' | 'basic'
  readonly tls: 'none' | 'verified' | 'pinned' | 'insecure'
  readonly findings: readonly Finding[]
}

/** One look at the host's power. Fields that the BMC does not have, or fills with nonsense, are null. */
export type PowerObservation = {
  readonly powerState: PowerState
  /** ComputerSystem.LastResetTime as sent; never required (quirks.md 9), null when absent or a placeholder date. */
  readonly lastResetTime: string | null
  /** ComputerSystem.BootProgress.LastState. */
  readonly bootProgress: string | null
}

export type BootOverride = {
  readonly enabled: string | null
  readonly target: string | null
  readonly mode: string | null
}

/**
 * How an operation went, for the history: attempts counts HTTP requests that were sent again, from 1; `learned` is all
 * that the client knows of this BMC by now.
 */
export type OperationFacts = { readonly attempts: number; readonly elapsedMs: number; readonly learned: Learned }

export type InsertResult = OperationFacts & {
  readonly slot: string
  /** What the slot said when it was read back. `image` has its token cut out by the caller before it is recorded. */
  readonly confirmed: {
    readonly inserted: boolean
    readonly image: string | null
    readonly connectedVia: string | null
  }
  /** Other slots that had to be emptied because the BMC said that media are in use. */
  readonly alsoEjected: readonly string[]
}

/** `alreadyEmpty` is true when nothing was seen to be mounted: ejecting an empty slot succeeds. */
export type EjectResult = OperationFacts & { readonly slot: string; readonly alreadyEmpty: boolean }

/** `warnings`: what reads back differently than it was written and does not matter, in words. */
export type BootOverrideResult = OperationFacts & {
  readonly changed: boolean
  readonly override: BootOverride
  readonly warnings: readonly string[]
}

/** One reset that is about to be sent, and the look at the host that it was decided on. */
export type ResetIntent = {
  readonly resetType: ResetType
  readonly reason: string
  readonly before: PowerObservation
  readonly overrideBefore: BootOverride
}

/** What made us believe that the host restarted or changed its power state; `accepted` when the BMC offers no proof. */
export type ResetEvidence = 'power-state' | 'last-reset-time' | 'boot-progress' | 'override-consumed' | 'accepted'

export type ResetResult = OperationFacts & {
  readonly sent: readonly ResetType[]
  readonly evidence: ResetEvidence
  readonly after: PowerObservation
}

/** What looking at an unresolved reset found. `unknown`: the BMC shows neither proof for nor against. */
export type ResetVerdict = {
  readonly happened: 'yes' | 'no' | 'unknown'
  readonly evidence: ResetEvidence | null
  readonly after: PowerObservation
}

/** What an earlier discovery found, as far as a later one needs it. */
export type KnownBmc = {
  readonly serial: string | null
  readonly layout: MediaLayout
  readonly slots: readonly Pick<MediaSlot, 'id' | 'mediaTypes'>[]
}

/** What a known BMC was seen to be like by now. */
export type Recognised = Pick<BmcDescription, 'power' | 'session' | 'tls'>

export type OperationOptions = { readonly signal: AbortSignal }

export interface Bmc {
  /**
   * Walks the tree from the service root and reports what is there. Only reads, unless the client was allowed to switch
   * remote media on where it is off (`switchOnMedia` of the http client).
   */
  discover(options: OperationOptions): Promise<BmcDescription>
  /**
   * Looks whether a BMC is still what was discovered before: reads the System and the slots of the layout, nothing else.
   * Null when one of them is not there or is another one, when the System shows another firmware, or when the client was
   * not told where they are (`learned`); then it has to be discovered again. Only reads.
   */
  recognise(known: KnownBmc, options: OperationOptions): Promise<Recognised | null>
  /** Reads the part of the tree that provisioning may need, within bounds (http/tree.ts). Never writes. */
  readTree(options: OperationOptions): Promise<RecordedTree>
  /** One GET of the service root, without credentials. Resolves when the BMC answers like a Redfish service. */
  ping(options: OperationOptions): Promise<void>
  power(options: OperationOptions): Promise<PowerObservation>
  /**
   * Ejects whatever the slot holds, inserts the image and reads back until the slot shows it.
   * A slot that already shows the same image is not trusted (peers.md pain 2). Safe to repeat for that reason.
   */
  insertMedia(
    media: { readonly slot: string; readonly image: string },
    options: OperationOptions,
  ): Promise<InsertResult>
  /** Safe to repeat: ejecting an empty slot succeeds. */
  ejectMedia(media: { readonly slot: string }, options: OperationOptions): Promise<EjectResult>
  bootOverride(options: OperationOptions): Promise<BootOverride>
  /** Boot once from the virtual CD. Reads, writes if different, reads back; safe to repeat. */
  setBootOnceFromCd(options: OperationOptions): Promise<BootOverrideResult>
  /** Disables any boot override. Safe to repeat. */
  clearBootOverride(options: OperationOptions): Promise<BootOverrideResult>
  /**
   * Restarts the host: GracefulRestart → ForceRestart → PowerCycle → ForceOff and On, as far as the BMC offers them;
   * a host that is off is switched on. Each request is announced to `onIntent` and sent only after that resolved, so
   * that the caller can make the intent durable first. NOT safe to repeat: after a crash call `resolveReset` first.
   * One whose answer was lost is sent again only after the time in which it would have shown; where nothing would show
   * it, the call rejects with `not-confirmed`, and whether the host restarted is not known.
   */
  restart(
    options: OperationOptions & { readonly onIntent: (intent: ResetIntent) => Promise<void> },
  ): Promise<ResetResult>
  /** Looks whether an announced reset took place. Only reads. */
  resolveReset(intent: ResetIntent, options: OperationOptions): Promise<ResetVerdict>
  /** Host off: GracefulShutdown, after its time-out ForceOff. Safe to repeat: a host that is off stays off. */
  powerOff(options: OperationOptions): Promise<ResetResult>
  /** Host on. Safe to repeat: a host that is on stays on. */
  powerOn(options: OperationOptions): Promise<ResetResult>
  /**
   * Ends sessions on the BMC that nobody uses any more, because the process that opened them died or the answer to its
   * login got lost. Never one that may be somebody else's. Safe to repeat.
   */
  endLostSessions(options: OperationOptions): Promise<void>
  /** To be told that somebody else may have changed something: nothing that was read before is used again. */
  forgetRead(): void
  /** Ends the session on the BMC. Further calls reject. */
  close(options: OperationOptions): Promise<void>
}

/**
 * How the BMC's certificate is judged (spec/redfish.md "TLS"). `legacy` allows what old BMCs speak and nothing else does:
 * TLS 1.0 and 1.1, ciphers and keys of OpenSSL's security level 0, renegotiation without RFC 5746 (quirks.md 13).
 */
export type TlsPolicy = { readonly legacy?: boolean | undefined } & TlsTrust

type TlsTrust =
  | { readonly mode: 'system' }
  | { readonly mode: 'ca'; readonly ca: string }
  /** SHA-256 fingerprint of the leaf certificate, lower-case hex without colons. */
  | { readonly mode: 'pinned'; readonly fingerprint: string }
  | { readonly mode: 'insecure' }
