/** What can be set on the http client, with its defaults: limits, waits and the retry policy. */
import type { TlsPolicy } from '../bmc.ts'
import type { Learned } from '../learned.ts'
import type { SessionLedger } from '../session-ledger.ts'

/** Bounds and waits. Every default names where it comes from; tests make the waits short. */
export type Limits = {
  /** To a connection, TLS handshake included. */
  readonly connectTimeoutMs: number
  /** To the whole answer of an ordinary request. */
  readonly readTimeoutMs: number
  /** To the answer of an insert: BMCs fetch from the image server first, sushy-tools the whole image (quirks.md 10). */
  readonly insertReadTimeoutMs: number
  /** How long a write that was sent is still waited for after the caller has given up: to know that it is over. */
  readonly abortGraceMs: number
  /** The largest captured document has 150 KB; parsed, a hostile one takes ten times its bytes for each BMC. */
  readonly bodyBytesMax: number
  readonly jsonDepthMax: number
  /** Members read of one collection, over all of its pages. */
  readonly membersMax: number
  /** How old what an operation read may be for the next one to act on it; whether that worked is always read anew. */
  readonly handoverMsMax: number
  /** How long ago a host may have been seen to be on that is switched off without another look. */
  readonly seenOnMsMax: number
  readonly redirectsMax: number
  /** Requests that may wait for the one that is in flight. */
  readonly requestsWaitingMax: number
  /** How long a write may take to show when it is read back. XCC needs up to 30 s (quirks.md 6). */
  readonly confirmTimeoutMs: number
  readonly confirmPollMs: number
  /** Before a slot that was filled or emptied is read back for the first time: most show it by then. */
  readonly mediaSettleMs: number
  /** The same where a BMC is known to need seconds (XCC, iRMC and iDRAC, quirks.md 6). */
  readonly mediaLagMs: number
  /** Between an eject and the next insert where the slot was found in use (iDRAC, quirks.md 6). */
  readonly ejectSettleMs: number
  /** At most this long a BMC gets to show its slots after remote media was switched on (quirks.md 5). */
  readonly mediaSwitchSettleMs: number
  /** How long a graceful restart or shutdown is given before it is forced (quirks.md 9). */
  readonly gracefulTimeoutMs: number
  /** How long the effect of any other reset may take to show: firmware may need minutes to use up the override. */
  readonly resetTimeoutMs: number
  /** How long an unanswered reset is looked for. */
  readonly resetLookMs: number
  /** How long a reset that a state of the host stands against is tried again: iDRAC10 needs a minute (quirks.md 9). */
  readonly stateConflictMs: number
  /** The first pause before that; it doubles. */
  readonly statePauseMs: number
  /** Between off and the first On where that is refused for a while (iDRAC10, quirks.md 9). */
  readonly offRestMs: number
  /** Between ForceOff and On, for capacitors and BMCs that refuse to be quicker (quirks.md 9). */
  readonly offPauseMs: number
  /** The first pause between two looks at the host's power; each is half as long again, up to five times the first. */
  readonly powerPollMs: number
  readonly taskTimeoutMs: number
  readonly taskPollMs: number
  /** After a full session table: how long Basic is used before a session is tried again (quirks.md 11). */
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
  /** Requests in all, the first one counted. */
  readonly attemptsMax: number
  /** The same for what passes by itself in minutes: a host in POST, a job that runs on the BMC (quirks.md 8, 9). */
  readonly patientAttemptsMax: number
  /** Upper end of the first pause; it doubles with each attempt. */
  readonly delayMinMs: number
  readonly delayMaxMs: number
  /** A BMC that asks for more patience than this gets this much (quirks.md 10). */
  readonly retryAfterMaxMs: number
}

export const DEFAULT_RETRIES: RetryPolicy = {
  attemptsMax: 5,
  patientAttemptsMax: 40,
  delayMinMs: 1_000,
  delayMaxMs: 30_000,
  retryAfterMaxMs: 120_000,
}

/** One HTTP request that was answered or failed; `status` is null when there was no answer. For metrics. */
export type RequestObservation = {
  readonly operation: string
  readonly method: string
  readonly path: string
  readonly status: number | null
  readonly elapsedMs: number
  /** From 1, counted per request of the operation. */
  readonly attempt: number
}

/** One HTTP exchange with its bodies, as the caller may keep it: credentials and session tokens are cut out. */
export type ExchangeObservation = {
  readonly operation: string
  readonly method: string
  readonly path: string
  /** Null when there was no answer. */
  readonly status: number | null
  readonly elapsedMs: number
  readonly request: { readonly ifMatch?: string; readonly body?: unknown }
  /** Headers by lower-case name, only those that the client goes by; `text` is a body that is no JSON. */
  readonly response: {
    readonly headers: Readonly<Record<string, string>>
    readonly body?: unknown
    readonly text?: string
  }
}

/** Time and chance, handed in. `now` is in milliseconds since the epoch (`Retry-After` may be a date). */
export type Surroundings = {
  readonly now: () => number
  /** Resolves after the time or rejects as soon as the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
  /** In [0, 1), for the jitter. */
  readonly random: () => number
}

export type HttpBmcOptions = {
  /** `https://host[:port]`; `http://` only for simulators and labs, and visible in the description's `tls: 'none'`. */
  readonly address: string
  readonly username: string
  readonly password: string
  readonly tls: TlsPolicy
  /** Vendor of the server record, used where the service says nothing that is known. */
  readonly vendorHint?: string
  /** Which System of a BMC that has several: its Id. */
  readonly systemId?: string
  /** Serial number or service tag of the server, to tell several Systems apart and to notice a wrong address. */
  readonly serial?: string
  /** What earlier clients of this BMC learned, to be tried first. */
  readonly learned?: Learned
  /** Hears of all that is known by then whenever something was learned; must not throw. */
  readonly onLearned?: (learned: Learned) => void
  /** Whether remote media may be switched on where it is off and hides the slots (AMI); a setting of the BMC changes. */
  readonly switchOnMedia?: boolean
  /**
   * Asked when a request that changes something (sessions are no such thing) is ready to be sent: false, and it is not. For
   * a caller that may have to stop in the middle of a call, when it is too late for a signal.
   */
  readonly mayWrite?: () => boolean
  readonly limits?: Partial<Limits>
  readonly retries?: Partial<RetryPolicy>
  readonly surroundings?: Partial<Surroundings>
  readonly onRequest?: (observation: RequestObservation) => void
  /** Hears of every exchange, login and logout included, when it is over. */
  readonly onExchange?: (exchange: ExchangeObservation) => void
  /** What outlives this process of the sessions on this BMC; nothing by default. */
  readonly sessions?: SessionLedger
}
