/**
 * How requests authenticate: one session per BMC, shared by all operations of this client, or Basic where the BMC gives
 * no session (spec/redfish.md "Sessions"). BMCs have 8 or so sessions; a leaked one locks operators out until it
 * times out, and a repeated wrong password locks the account.
 *
 * The client renews a session when the BMC refuses it, never by its `SessionTimeout`: the unit of that number differs
 * between vendors (quirks.md 11), and the client closes an unused session long before any of them.
 */
import type { BmcFailure } from '../../failure.ts'
import type { SessionLedger } from '../../session-ledger.ts'
import type { Limits, RetryPolicy, Surroundings } from '../options.ts'
import { aborted, Fault } from '../wire/fault.ts'
import { createLogin, ignoreFault, type LoginResult, type Session } from './login.ts'
import { createOrphans } from './orphans.ts'
import { createSessionService, type SessionServiceParts } from './sessions.ts'

type AuthenticationKind = 'session' | 'basic'

/**
 * `generation` is the number of the login that the headers come from, so that an old 401 does not end a newer session.
 * `insteadOf` is the refusal of a session that Basic stands in for; null for Basic of a BMC without sessions.
 */
type Credentials = {
  readonly kind: AuthenticationKind
  readonly insteadOf: BmcFailure | null
  readonly headers: Readonly<Record<string, string>>
  readonly generation: number
}

/**
 * The meaning of a 401 for the request that got it. `resend`: HPE refuses a new session now and then, and takes it the
 * next time (quirks.md 11). `replay`: the session had ended, and the request is worth a fresh login. `final`: the BMC
 * refused the credentials themselves; the client sends nothing any more, because a third and fourth wrong password locks
 * the account.
 */
type Verdict = 'resend' | 'replay' | 'final'

export type Authentication = {
  /**
   * Credentials for one request; logs in first where needed, by one login for all waiting callers. Rejects with `Fault`.
   */
  credentials(signal: AbortSignal): Promise<Credentials>
  /** Call for every non-401 answer; with Basic that stands in for a session, skip answers from public resources. */
  accepted(credentials: Credentials): void
  /**
   * Call for every 401; `resent` and `replayed` say how this request was repeated before for that reason. Rejects with a
   * `Fault` where the cause is not a wrong password.
   */
  refused(credentials: Credentials, attempt: { readonly resent: boolean; readonly replayed: boolean }): Promise<Verdict>
  /** Ends sessions that logins left behind when their process died or their answer got lost. Rejects with `Fault`. */
  endLostSessions(signal: AbortSignal): Promise<void>
  /** The secrets that this client holds at the moment, for redaction. */
  secrets(): readonly string[]
  state(): AuthenticationKind | 'table-full'
  /** Deletes the session on the BMC; one that is gone already counts as deleted. */
  close(signal: AbortSignal): Promise<void>
}

type State =
  /** `ended`: a session that the BMC refused; it may exist still, and is deleted before the client opens another one. */
  | { readonly kind: 'none'; readonly ended: Session | null }
  | { readonly kind: 'session'; readonly session: Session; readonly generation: number }
  | { readonly kind: 'basic'; readonly generation: number; readonly full: TableFull | null }
  | { readonly kind: 'stopped'; readonly failure: BmcFailure }

/** The failure of the login, and the time (ms since the epoch) from which the next one is worth it. */
type TableFull = { readonly failure: BmcFailure; readonly retryAt: number }

export type SessionParts = Omit<SessionServiceParts, 'now'> & {
  readonly username: string
  readonly password: string
  readonly limits: Limits
  readonly retries: RetryPolicy
  readonly surroundings: Surroundings
  readonly ledger: SessionLedger
  /**
   * Records that this BMC refuses Basic, as some with sessions do (Supermicro X11, OpenBMC by its settings; quirks.md
   * 11). Learned when the session table is full, where the client cannot tell a refusal of Basic from one of the
   * password: recorded once, it prevents a wrong password from being retried until the account is locked.
   */
  readonly basicRefused: { readonly known: () => boolean; readonly learn: () => void }
  /** Ends with the client: a login outlives the caller that happened to start it. */
  readonly lifetime: AbortSignal
}

export function createAuthentication(parts: SessionParts): Authentication {
  const { username, password, limits, surroundings, ledger, lifetime, basicRefused } = parts
  const service = createSessionService({ ...parts, now: surroundings.now })
  const orphans = createOrphans({ service, ledger, username, membersMax: limits.membersMax })
  const { logIn, logOut } = createLogin({ ...parts, service, orphans })
  /** The user and the password in the form of Basic authentication. */
  const pair = `${username}:${password}`
  let state: State = { kind: 'none', ended: null }
  let generation = 0
  /** The generation that worked at least once. */
  let proven = 0

  const login = shared(async (): Promise<State> => {
    if (state.kind === 'none' && state.ended !== null) {
      await logOut(state.ended, { repeat: 'never', signal: lifetime }).catch(ignoreFault)
      state = { kind: 'none', ended: null }
    }
    const result = await logIn(lifetime)
    generation++
    // Nothing is left to be tried; the next operation asks for a session again.
    if (result.kind === 'table-full' && basicRefused.known()) throw new Fault(result.failure, { sent: true })
    state = stateAfter(result, generation, surroundings.now() + limits.sessionRetryMs)
    return state
  })

  async function credentials(signal: AbortSignal): Promise<Credentials> {
    if (signal.aborted) throw aborted(signal)
    const known = credentialsOf(state, pair, surroundings.now())
    if (known !== null) return known
    if (state.kind === 'stopped') throw new Fault(state.failure, { sent: true })
    const next = await untilAborted(login.run(), signal)
    const fresh = credentialsOf(next, pair, surroundings.now())
    if (fresh !== null) return fresh
    throw new Fault(next.kind === 'stopped' ? next.failure : unauthorized, { sent: true })
  }

  return {
    credentials,
    accepted: (given) => {
      proven = Math.max(proven, given.generation)
    },
    async refused(given, { resent, replayed }) {
      if (given.kind === 'session' && !resent && proven < given.generation) return 'resend'
      const isCurrent = (state.kind === 'session' || state.kind === 'basic') && state.generation === given.generation
      const dropped = isCurrent && state.kind === 'session' ? state.session : null
      if (given.kind === 'session' && !replayed) {
        if (isCurrent) state = { kind: 'none', ended: dropped }
        return state.kind === 'stopped' ? 'final' : 'replay'
      }
      if (given.insteadOf !== null && proven < given.generation) {
        basicRefused.learn()
        if (isCurrent) state = { kind: 'none', ended: null }
        throw new Fault(given.insteadOf, { sent: true })
      }
      if (isCurrent) {
        state = { kind: 'stopped', failure: unauthorized }
        if (dropped === null) await countRefusal(ledger)
        else await logOut(dropped, { repeat: 'never', signal: lifetime }).catch(ignoreFault)
      }
      return 'final'
    },
    async endLostSessions(signal) {
      const lost = await orphans.endKnown(signal)
      if (lost.length === 0) return
      await credentials(signal)
      if (state.kind === 'session') await orphans.endLost(lost, state.session, signal)
    },
    secrets: () => (state.kind === 'session' ? [password, pair, state.session.token] : [password, pair]),
    state: () => (state.kind === 'basic' ? (state.full === null ? 'basic' : 'table-full') : 'session'),
    async close(signal) {
      const running = login.running()
      if (running !== null) await untilAborted(running, signal).catch(ignoreFault)
      const last = state.kind === 'session' ? state.session : state.kind === 'none' ? state.ended : null
      state = { kind: 'none', ended: null }
      if (last !== null) await logOut(last, { repeat: 'always', signal })
    },
  }
}

/** The state that a login leads to; after a full session table Basic stands in for a session until `retryAt`. */
function stateAfter(result: LoginResult, generation: number, retryAt: number): State {
  switch (result.kind) {
    case 'session':
      return { kind: 'session', session: result.session, generation }
    case 'unsupported':
      return { kind: 'basic', generation, full: null }
    case 'table-full':
      return { kind: 'basic', generation, full: { failure: result.failure, retryAt } }
    case 'refused':
      return { kind: 'stopped', failure: result.failure }
  }
}

/** The credentials that this state has; null where a login has to come first. */
function credentialsOf(state: State, pair: string, now: number): Credentials | null {
  if (state.kind === 'session') {
    const headers = { 'X-Auth-Token': state.session.token }
    return { kind: 'session', headers, generation: state.generation, insteadOf: null }
  }
  if (state.kind !== 'basic' || (state.full !== null && now >= state.full.retryAt)) return null
  const headers = { Authorization: `Basic ${Buffer.from(pair, 'utf8').toString('base64')}` }
  return { kind: 'basic', headers, generation: state.generation, insteadOf: state.full?.failure ?? null }
}

/** Basic sends the password each time, so a refusal of it counts like one of a login. */
async function countRefusal(ledger: SessionLedger): Promise<void> {
  const { id } = await ledger.intend()
  await ledger.refused(id)
}

const unauthorized: BmcFailure = { kind: 'unauthorized', retry: false, status: 401 }

/** Work of which at most one run is under way: callers that come meanwhile get the same promise. */
function shared<T>(work: () => Promise<T>): { run(): Promise<T>; running(): Promise<T> | null } {
  let running: Promise<T> | null = null
  return {
    running: () => running,
    run() {
      running ??= work().finally(() => {
        running = null
      })
      return running
    },
  }
}

/** Waits for shared work; when this caller's signal aborts, the work goes on for the others. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(aborted(signal))
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = () => reject(aborted(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  return promise
}
