/** Options of the http client with their defaults: limits, waits and the retry policy. */
import type { TlsPolicy } from '../bmc.ts'
import type { Learned } from '../learned.ts'
import type { SessionLedger } from '../session-ledger.ts'

/** Bounds and waits. The comment of each names its source; tests make the waits short. */
export type Limits = {
  /** Until the connection is up, TLS handshake included. */
  readonly connectTimeoutMs: number
  /** Until the whole answer of an ordinary request is there. */
  readonly readTimeoutMs: number
  /** The same for an insert: BMCs fetch from the image server first, sushy-tools the whole image (quirks.md 10). */
  readonly insertReadTimeoutMs: number
  /**
   * After the caller has given up, the client waits this long for the answer of a write that was sent, so that it is
   * over.
   */
  readonly abortGraceMs: number
  /** The largest captured document has 150 KB; a hostile one takes ten times its bytes when parsed, for each BMC. */
  readonly bodyBytesMax: number
  readonly jsonDepthMax: number
  /** Members that the client reads of one collection, over all of its pages. */
  readonly membersMax: number
  /** Age up to which an operation acts on a document that the one before it read; its own effect it always reads anew. */
  readonly handoverMsMax: number
  /** Age up to which a look that showed the host on replaces the look before it is switched off. */
  readonly seenOnMsMax: number
  readonly redirectsMax: number
  /** Requests that may wait for the one in flight. */
  readonly requestsWaitingMax: number
  /** The time that a write may take until it reads back. XCC needs up to 30 s (quirks.md 6). */
  readonly confirmTimeoutMs: number
  readonly confirmPollMs: number
  /** The wait before a filled or emptied slot is read back for the first time: most show the change by then. */
  readonly mediaSettleMs: number
  /** The same for BMCs that need seconds (XCC, iRMC and iDRAC, quirks.md 6). */
  readonly mediaLagMs: number
  /** The wait between an eject and the next insert where the BMC reported the slot in use (iDRAC, quirks.md 6). */
  readonly ejectSettleMs: number
  /** The longest wait for the slots after remote media was switched on (quirks.md 5). */
  readonly mediaSwitchSettleMs: number
  /** The time for a graceful restart or shutdown before the client forces it (quirks.md 9). */
  readonly gracefulTimeoutMs: number
  /** The time for the effect of any other reset to show: firmware may need minutes to use up the override. */
  readonly resetTimeoutMs: number
  /** The time in which the client looks for the effect of an unanswered reset. */
  readonly resetLookMs: number
  /** The time in which the client repeats a reset that the host's state forbids: iDRAC10 needs a minute (quirks.md 9). */
  readonly stateConflictMs: number
  /** The first pause before such a repetition; it doubles. */
  readonly statePauseMs: number
  /** The wait between off and the first On where the BMC refuses On for a while (iDRAC10, quirks.md 9). */
  readonly offRestMs: number
  /** The wait between ForceOff and On, for capacitors and BMCs that refuse an earlier On (quirks.md 9). */
  readonly offPauseMs: number
  /** The first pause between two looks at the host's power; each is half as long again, up to five times the first. */
  readonly powerPollMs: number
  readonly taskTimeoutMs: number
  readonly taskPollMs: number
  /** After a full session table: the time with Basic before the client asks for a session again (quirks.md 11). */
  readonly sessionRetryMs: number
}

export const DEFAULT_LIMITS: Limits = {
  connectTimeoutMs: 10_000,
  readTimeoutMs: 30_000,
  insertReadTimeoutMs: 180_000,
  abortGraceMs: 10_000,
  bodyBytesMax: 1024 * 1024,
  jsonDepthMax: 64,
  membersMax: 64,
  handoverMsMax: 30_000,
  seenOnMsMax: 300_000,
  redirectsMax: 3,
  requestsWaitingMax: 16,
  confirmTimeoutMs: 60_000,
  confirmPollMs: 2_000,
  mediaSettleMs: 1_000,
  mediaLagMs: 5_000,
  ejectSettleMs: 5_000,
  mediaSwitchSettleMs: 30_000,
  gracefulTimeoutMs: 300_000,
  resetTimeoutMs: 300_000,
  resetLookMs: 60_000,
  stateConflictMs: 60_000,
  statePauseMs: 5_000,
  offRestMs: 30_000,
  offPauseMs: 10_000,
  powerPollMs: 3_000,
  taskTimeoutMs: 600_000,
  taskPollMs: 2_000,
  sessionRetryMs: 300_000,
}

export type RetryPolicy = {
  /** Requests in total, the first one included. */
  readonly attemptsMax: number
  /**
   * The same for states that pass by themselves in minutes: a host in POST, a job that runs on the BMC (quirks.md 8, 9).
   */
  readonly patientAttemptsMax: number
  /** Back-off ceiling of the first pause; it doubles with each attempt. */
  readonly delayMinMs: number
  readonly delayMaxMs: number
  /** Upper bound on the `Retry-After` of a BMC (quirks.md 10). */
  readonly retryAfterMaxMs: number
}

export const DEFAULT_RETRIES: RetryPolicy = {
  attemptsMax: 5,
  patientAttemptsMax: 40,
  delayMinMs: 1_000,
  delayMaxMs: 30_000,
  retryAfterMaxMs: 120_000,
}

/** One HTTP request that was answered or failed, for metrics; `status` is null when there was no answer. */
export type RequestObservation = {
  readonly operation: string
  readonly method: string
  readonly path: string
  readonly status: number | null
  readonly elapsedMs: number
  /** From 1, counted per request of the operation. */
  readonly attempt: number
}

/** One HTTP exchange with its bodies, safe to keep: credentials and session tokens are cut out. */
export type ExchangeObservation = {
  readonly operation: string
  readonly method: string
  readonly path: string
  /** Null when there was no answer. */
  readonly status: number | null
  readonly elapsedMs: number
  readonly request: { readonly ifMatch?: string; readonly body?: unknown }
  /** The headers that the client evaluates, by lower-case name; `text` is a body that is no JSON. */
  readonly response: {
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
    readonly text?: string
  }
}

/** The injected clock and random source. `now` is in milliseconds since the epoch (`Retry-After` may be a date). */
export type Surroundings = {
  readonly now: () => number
  /** Resolves after the time or rejects as soon as the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** In [0, 1), for the jitter. */
  readonly random: () => number
}

export type HttpBmcOptions = {
  /** `https://host[:port]`; `http://` is for simulators and labs only, and shows in the description as `tls: 'none'`. */
  readonly address: string
  readonly username: string
  readonly password: string
  readonly tls: TlsPolicy
  /** Vendor of the server record, for a service that names no known vendor. */
  readonly vendorHint?: string
  /** Id of the System, for a BMC that has several. */
  readonly systemId?: string
  /** Serial number or service tag of the server: it tells several Systems apart and reveals a wrong address. */
  readonly serial?: string
  /** Lessons of earlier clients of this BMC, which this one tries first. */
  readonly learned?: Learned
  /** Called with all lessons whenever they have changed; must not throw. */
  readonly onLearned?: (learned: Learned) => void
  /** True allows the client to change a setting of the BMC: to switch remote media on where it hides the slots (AMI). */
  readonly switchOnMedia?: boolean
  /**
   * Called right before a request that changes the BMC is sent (logins and logouts do not count); on false it is not
   * sent. For a caller that may lose its right to write in the middle of a call, when a signal would come too late.
   */
  readonly mayWrite?: () => boolean
  readonly limits?: Partial<Limits>
  readonly retries?: Partial<RetryPolicy>
  readonly surroundings?: Partial<Surroundings>
  readonly onRequest?: (observation: RequestObservation) => void
  /** Called after every exchange, login and logout included. */
  readonly onExchange?: (exchange: ExchangeObservation) => void
  /** The ledger of this BMC's sessions that outlives the process; in memory by default. */
  readonly sessions?: SessionLedger
}
