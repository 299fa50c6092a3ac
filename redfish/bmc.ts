/**
 * The operations of a BMC: the one interface of the http client (`client/`) and the noop client (`noop.ts`). Reading
 * order of the folder: this file, `vocabulary.ts`, `failure.ts`, `learned.ts`, `session-ledger.ts`, `noop.ts`, then
 * `client/client.ts`; `recording/` makes a file of what a BMC said, `simulator/` is the BMC of the tests and the
 * demonstration. Nothing here knows of jobs.
 *
 * Every operation is discover → act → confirm: it resolves only when the client saw the BMC in the wanted state, and
 * rejects with a `BmcError` otherwise. All operations take an AbortSignal and stop at it.
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
  /** Kinds of image that the slot takes: an ISO as a CD, a disk image as a USB stick. */
  readonly takes: readonly ('cd' | 'usb')[]
  /**
   * How the client fills it: `action` (VirtualMedia.InsertMedia), `patch` (of the slot), or the name of a vendor's own
   * way.
   */
  readonly operation: string
  readonly inserted: boolean
}

/** A slot of the BMC that the client inserts no media into. */
export type PassedOverSlot = { readonly id: string; readonly reason: string }

/**
 * How the two media reach the host (spec/redfish.md "Discovery"): two CD slots, a CD and a removable slot for a FAT
 * image, or a single slot for one merged ISO.
 */
export type MediaLayout =
  | { readonly kind: 'two-cds'; readonly maintenance: string; readonly task: string }
  | { readonly kind: 'cd-and-usb'; readonly maintenance: string; readonly task: string }
  | { readonly kind: 'single-cd'; readonly maintenance: string }

/** A fact that an operator should know before a job needs it, with advice. */
export type Finding = {
  readonly code: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  readonly advice: string
}

/** The result of a discovery. Plain JSON: the controller records it in the server's and the job's history. */
export type BmcDescription = {
  readonly vendor: Vendor
  readonly model: string | null
  readonly serial: string | null
  readonly redfishVersion: string | null
  /** `why`: the reason for choosing this System. */
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
  /** The licence that the BMC names, where the client knows the place of the name. */
  readonly licence: string | null
  readonly slots: readonly MediaSlot[]
  readonly passedOver: readonly PassedOverSlot[]
  /** Null when no layout is possible; a finding then gives the reason. */
  readonly layout: MediaLayout | null
  readonly boot: {
    readonly targets: readonly string[]
    readonly cdTarget: string | null
    readonly modes: readonly string[]
    /** The document that takes the override's target: the System, or its `@Redfish.Settings`. */
    readonly writtenTo: 'system' | 'settings'
    readonly override: BootOverride
  }
  readonly resetTypes: readonly ResetType[]
  /** Source of the reset types; `assumed` where the BMC has the action and lists no values. */
  readonly resetTypesFrom: 'action' | 'action-info' | 'assumed' | 'none'
  /** `demanded`: the BMC refuses or drops a write without `If-Match`. `given`: documents carry entity tags. */
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
 * Facts about one operation, for the history: `attempts` is 1 and one more for each HTTP request that was repeated;
 * `learned` is all that the client knows of this BMC by now.
 */
export type OperationFacts = { readonly attempts: number; readonly elapsedMs: number; readonly learned: Learned }

export type InsertResult = OperationFacts & {
  readonly slot: string
  /** The slot as it was read back. The caller cuts the token out of `image` before it records it. */
  readonly confirmed: {
    readonly inserted: boolean
    readonly image: string | null
    readonly connectedVia: string | null
  }
  /** Other slots that the client emptied because the BMC said that media are in use. */
  readonly alsoEjected: readonly string[]
}

/** `alreadyEmpty` is true when the client saw no media in the slot: ejecting an empty slot succeeds. */
export type EjectResult = OperationFacts & { readonly slot: string; readonly alreadyEmpty: boolean }

/** `warnings`: one sentence for each value that reads back other than written and does not matter. */
export type BootOverrideResult = OperationFacts & {
  readonly changed: boolean
  readonly override: BootOverride
  readonly warnings: readonly string[]
}

/** One reset that the client is about to send, and the look at the host that it was decided on. */
export type ResetIntent = {
  readonly resetType: ResetType
  readonly reason: string
  readonly before: PowerObservation
  readonly overrideBefore: BootOverride
}

/** The evidence that the host restarted or changed its power state; `accepted` when the BMC offers no proof. */
export type ResetEvidence = 'power-state' | 'last-reset-time' | 'boot-progress' | 'override-consumed' | 'accepted'

export type ResetResult = OperationFacts & {
  readonly sent: readonly ResetType[]
  readonly evidence: ResetEvidence
  readonly after: PowerObservation
}

/** The verdict on an unresolved reset. `unknown`: the BMC shows neither proof for nor against it. */
export type ResetVerdict = {
  readonly happened: 'yes' | 'no' | 'unknown'
  readonly evidence: ResetEvidence | null
  readonly after: PowerObservation
}

/** The part of an earlier discovery that `recognise` compares with the BMC. */
export type KnownBmc = {
  readonly serial: string | null
  readonly layout: MediaLayout
  readonly slots: readonly Pick<MediaSlot, 'id' | 'mediaTypes'>[]
}

/** The facts that `recognise` reads anew. */
type Recognised = Pick<BmcDescription, 'power' | 'session' | 'tls'>

export type OperationOptions = { readonly signal: AbortSignal }

export interface Bmc {
  /**
   * Walks the tree from the service root and reports what is there. Only reads, unless the client was allowed to switch
   * remote media on where it is off (`switchOnMedia` of the http client).
   */
  discover(options: OperationOptions): Promise<BmcDescription>
  /**
   * Compares the BMC with an earlier discovery: reads the System and the slots of the layout, nothing else. Null when one
   * of them is missing or another one, when the System shows another firmware, or when `learned` does not say where they
   * are; the caller then discovers the BMC again. Only reads.
   */
  recognise(known: KnownBmc, options: OperationOptions): Promise<Recognised | null>
  /** Reads the part of the tree that provisioning may need, within bounds (client/discovery/tree.ts). Never writes. */
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
   * switches on a host that is off. The client announces each request to `onIntent` and sends it only after that
   * resolved, so that the caller can make the intent durable first. NOT safe to repeat: after a crash call `resolveReset`
   * first. A request whose answer was lost is repeated only after the time in which its effect would have shown; where
   * the BMC shows no effect of a reset, the call rejects with `not-confirmed`, and the host may have restarted.
   */
  restart(
    options: OperationOptions & { readonly onIntent: (intent: ResetIntent) => Promise<void> },
  ): Promise<ResetResult>
  /** Decides by the host's state whether an announced reset took place. Only reads. */
  resolveReset(intent: ResetIntent, options: OperationOptions): Promise<ResetVerdict>
  /** Host off: GracefulShutdown, after its time-out ForceOff. Safe to repeat: a host that is off stays off. */
  powerOff(options: OperationOptions): Promise<ResetResult>
  /** Host on. Safe to repeat: a host that is on stays on. */
  powerOn(options: OperationOptions): Promise<ResetResult>
  /**
   * Ends sessions on the BMC whose process died, or whose login answer got lost. A session that another tool may have
   * opened stays. Safe to repeat.
   */
  endLostSessions(options: OperationOptions): Promise<void>
  /** Drops every cached document. Call it when another controller or tool may have changed the BMC. */
  forgetRead(): void
  /** Ends the session on the BMC. Further calls reject. */
  close(options: OperationOptions): Promise<void>
}

/**
 * How the client judges the BMC's certificate (spec/redfish.md "TLS"). `legacy` allows what only old BMCs still need:
 * TLS 1.0 and 1.1, ciphers and keys of OpenSSL's security level 0, renegotiation without RFC 5746 (quirks.md 13).
 */
export type TlsPolicy = { readonly legacy?: boolean | undefined } & TlsTrust

type TlsTrust =
  | { readonly mode: 'system' }
  | { readonly mode: 'ca'; readonly ca: string }
  /** SHA-256 fingerprint of the leaf certificate, lower-case hex without colons. */
  | { readonly mode: 'pinned'; readonly fingerprint: string }
  | { readonly mode: 'insecure' }
