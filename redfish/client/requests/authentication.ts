/**
 * How requests authenticate: one session per BMC, shared by all operations of this client, or Basic where sessions
 * cannot be had (spec/redfish.md "Sessions"). BMCs have 8 or so sessions; a leaked one locks operators out until it
 * times out, and a repeated wrong password locks the account.
 *
 * A session is renewed when the BMC refuses it, never by its `SessionTimeout`: the unit of that number differs between
 * vendors (quirks.md 11), and a session that is not used is closed long before any of them.
 */
import type { BmcFailure } from '../../failure.ts'
import type { SessionLedger } from '../../session-ledger.ts'
import type { Limits, RetryPolicy, Surroundings } from '../options.ts'
import { aborted, Fault } from '../wire/fault.ts'
import { createLogin, ignoreFault, type Session } from './login.ts'
import { createOrphans } from './orphans.ts'
import { createSessionService, type SessionServiceParts } from './sessions.ts'

export type AuthenticationKind = 'session' | 'basic'

/**
 * `generation` says which login the headers come from, so that an old 401 does not end a newer session. `insteadOf` is
 * the refusal of a session that Basic stands in for; null for Basic of a BMC without sessions.
 */
export type Credentials = {
  readonly kind: AuthenticationKind
  readonly insteadOf: BmcFailure | null
  readonly headers: Readonly<Record<string, string>>
  readonly generation: number
}

/**
 * What a 401 means for the request that got it. `resend`: a session that never worked yet may be refused by mood (HPE,
 * quirks.md 11). `replay`: the session had ended and fresh credentials are worth it. `final`: the credentials themselves
 * were refused; nothing is sent any more from now on, because a third and fourth wrong password locks the account.
 */
export type Verdict = 'resend' | 'replay' | 'final'

export type Authentication = {
  /** Credentials for one request; logs in first where needed, once for all callers that wait. Rejects with `Fault`. */
  credentials(signal: AbortSignal): Promise<Credentials>
  /** To be told of every answer that is no 401, but for Basic that stands in only of what is not open to everybody. */
  accepted(credentials: Credentials): void
  /**
   * To be told of every 401, and whether this request was sent again before for that reason. Rejects with a `Fault` where
   * it is not the credentials that are wrong.
   */
  refused(credentials: Credentials, attempt: { readonly resent: boolean; readonly replayed: boolean }): Promise<Verdict>
  /** Ends what logins left behind whose process died or whose answer got lost. Rejects with `Fault`. */
  endLostSessions(signal: AbortSignal): Promise<void>
  /** Secrets that this client knows of now, for redaction. */
  secrets(): readonly string[]
  state(): AuthenticationKind | 'table-full'
  /** Deletes the session on the BMC; one that is gone already counts as deleted. */
  close(signal: AbortSignal): Promise<void>
}

type State =
  /** `ended`: a session that the BMC refused, to be deleted before another one is opened: it may have been a mood. */
  | { readonly kind: 'none'; readonly ended: Session | null }
  | { readonly kind: 'session'; readonly session: Session; readonly generation: number }
  | { readonly kind: 'basic'; readonly generation: number; readonly full: TableFull | null }
  | { readonly kind: 'stopped'; readonly failure: BmcFailure }

/** What the login was refused with, and when the next one is worth it. */
type TableFull = { readonly failure: BmcFailure; readonly retryAt: number }

export type SessionParts = Omit<SessionServiceParts, 'now'> & {
  readonly username: string
  readonly password: string
  readonly limits: Limits
  readonly retries: RetryPolicy
  readonly surroundings: Surroundings
  readonly ledger: SessionLedger
  /**
   * That this BMC refuses Basic, as some with sessions do (Supermicro X11, OpenBMC by its settings; quirks.md 11). Learned
   * when the session table was full, where it is not known whether Basic was refused or the password: said once, it
   * keeps a password that is wrong from being tried until the account is locked.
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
  /** As Basic authentication has it. */
  const pair = `${username}:${password}`
  let state: State = { kind: 'none', ended: null }
  let login: Promise<State> | null = null
  let generation = 0
  /** The generation that worked at least once. */
  let proven = 0

  function headersOf(now: State): Credentials | null {
    if (now.kind === 'session') {
      const headers = { 'X-Auth-Token': now.session.token }
      return { kind: 'session', headers, generation: now.generation, insteadOf: null }
    }
    if (now.kind !== 'basic') return null
    if (now.full !== null && surroundings.now() >= now.full.retryAt) return null
    const basic = Buffer.from(pair, 'utf8').toString('base64')
    const headers = { Authorization: `Basic ${basic}` }
    return { kind: 'basic', headers, generation: now.generation, insteadOf: now.full?.failure ?? null }
  }

  async function nextState(): Promise<State> {
    if (state.kind === 'none' && state.ended !== null) {
      await logOut(state.ended, { repeat: 'never', signal: lifetime }).catch(ignoreFault)
      state = { kind: 'none', ended: null }
    }
    const result = await logIn(lifetime)
    generation++
    switch (result.kind) {
      case 'session':
        return { kind: 'session', session: result.session, generation }
      case 'unsupported':
        return { kind: 'basic', generation, full: null }
      case 'table-full':
        // Nothing is left to be tried; the next operation asks for a session again.
        if (basicRefused.known()) throw new Fault(result.failure, { sent: true })
        return {
          kind: 'basic',
          generation,
          full: { failure: result.failure, retryAt: surroundings.now() + limits.sessionRetryMs },
        }
      case 'refused':
        return { kind: 'stopped', failure: result.failure }
    }
  }

  function currentLogin(): Promise<State> {
    login ??= nextState().then(
      (next) => {
        state = next
        login = null
        return next
      },
      (error: unknown) => {
        login = null
        throw error
      },
    )
    return login
  }

  async function credentials(signal: AbortSignal): Promise<Credentials> {
    if (signal.aborted) throw aborted(signal)
    const known = headersOf(state)
    if (known !== null) return known
    if (state.kind === 'stopped') throw new Fault(state.failure, { sent: true })
    const next = await untilAborted(currentLogin(), signal)
    const fresh = headersOf(next)
    if (fresh !== null) return fresh
    throw new Fault(next.kind === 'stopped' ? next.failure : unauthorized, { sent: true })
  }

  /** Basic sends the password each time, so a refusal of it counts like one of a login. */
  async function countRefusal(): Promise<void> {
    const { id } = await ledger.intend()
    await ledger.refused(id)
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
        if (dropped === null) await countRefusal()
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
      if (login !== null) await untilAborted(login, signal).catch(ignoreFault)
      const last = state.kind === 'session' ? state.session : state.kind === 'none' ? state.ended : null
      state = { kind: 'none', ended: null }
      if (last !== null) await logOut(last, { repeat: 'always', signal })
    },
  }
}

const unauthorized: BmcFailure = { kind: 'unauthorized', retry: false, status: 401 }

/** Waits for work that is shared with others, without ending it when this caller gives up. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(aborted(signal))
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = () => reject(aborted(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  return promise
}
