/**
 * How requests authenticate: one session per BMC, shared by all operations of this client, or Basic where sessions
 * cannot be had (spec/redfish.md "Sessions"). BMCs have 8 or so sessions; a leaked one locks operators out until it
 * times out, and a repeated wrong password locks the account.
 */
import { hasMessage, readErrorBody } from './error-body.ts'
import { aborted, Fault } from './fault.ts'
import { rebaseLink } from './links.ts'
import type { Limits, RetryPolicy, Surroundings } from './options.ts'
import { failureOf, type Outcome, retryAfterOf } from './outcome.ts'
import { SESSION_TABLE_FULL_MESSAGES } from './quirks.ts'
import type { Redact } from './redaction.ts'
import { isDoc, linkOf } from './resource.ts'
import { withRetries } from './retry.ts'
import type { WireAnswer, WireRequest } from './transport.ts'

/** DSP0266 section "Session login": the path that services without `Links.Sessions` in their root use, if any. */
const DEFAULT_SESSIONS_PATH = '/redfish/v1/SessionService/Sessions'

/** Statuses of the login that mean that this service has no sessions (quirks.md 11). */
const SESSIONS_UNSUPPORTED: ReadonlySet<number> = new Set([404, 405, 501])

export type AuthenticationKind = 'session' | 'basic'

/** `generation` says which login the headers come from, so that an old 401 does not end a newer session. */
export type Credentials = {
  readonly kind: AuthenticationKind
  readonly headers: Readonly<Record<string, string>>
  readonly generation: number
}

export type Authentication = {
  /** Credentials for one request; logs in first where needed, once for all callers that wait. Rejects with `Fault`. */
  credentials(signal: AbortSignal): Promise<Credentials>
  /**
   * To be told of every 401. True: the session had ended and a replay with fresh credentials is worth it. False: the
   * credentials themselves were refused; nothing is sent any more from now on, because a third and fourth wrong
   * password locks the account (iDRAC, XCC; quirks.md 11).
   */
  refused(credentials: Credentials, attempt: { readonly replayed: boolean }): boolean
  /** Secrets that this client knows of now, for redaction. */
  secrets(): readonly string[]
  state(): AuthenticationKind | 'table-full'
  /** Deletes the session on the BMC; one that is gone already counts as deleted. */
  close(signal: AbortSignal): Promise<void>
}

type State =
  | { readonly kind: 'none' }
  | { readonly kind: 'session'; readonly token: string; readonly path: string | null; readonly generation: number }
  | { readonly kind: 'basic'; readonly retryAt: number | null; readonly generation: number }
  | { readonly kind: 'stopped'; readonly status: number }

export type SessionParts = {
  readonly username: string
  readonly password: string
  readonly origin: string
  readonly limits: Limits
  readonly retries: RetryPolicy
  readonly surroundings: Surroundings
  /** Sends one request as it is. */
  readonly send: (
    request: WireRequest,
    options: { operation: string; attempt: number; signal: AbortSignal },
  ) => Promise<WireAnswer>
  /** The service root's `Links.Sessions`, null when it has none or cannot be read. */
  readonly sessionsLink: (signal: AbortSignal) => Promise<string | null>
  /** Ends with the client: a login outlives the caller that happened to start it. */
  readonly lifetime: AbortSignal
  readonly redact: Redact
}

export function createAuthentication(parts: SessionParts): Authentication {
  let state: State = { kind: 'none' }
  let login: Promise<State> | null = null
  let generation = 0

  function headersOf(now: State): Credentials | null {
    if (now.kind === 'session') {
      return { kind: 'session', headers: { 'X-Auth-Token': now.token }, generation: now.generation }
    }
    if (now.kind !== 'basic') return null
    if (now.retryAt !== null && parts.surroundings.now() >= now.retryAt) return null
    const basic = Buffer.from(`${parts.username}:${parts.password}`, 'utf8').toString('base64')
    return { kind: 'basic', headers: { Authorization: `Basic ${basic}` }, generation: now.generation }
  }

  async function logIn(): Promise<State> {
    const path = await sessionsPath()
    const result = await withRetries<WireAnswer>({
      repeat: 'always',
      policy: parts.retries,
      surroundings: parts.surroundings,
      signal: parts.lifetime,
      attempt: async (attempt) => postLogin(path, attempt),
    })
    generation++
    if (result.kind === 'done') return opened(result.value)
    const { outcome } = result
    if (outcome.kind === 'refusal') {
      if (SESSIONS_UNSUPPORTED.has(outcome.status)) return { kind: 'basic', retryAt: null, generation }
      if (hasMessage(outcome.error, SESSION_TABLE_FULL_MESSAGES)) {
        return { kind: 'basic', retryAt: parts.surroundings.now() + parts.limits.sessionRetryMs, generation }
      }
      if (outcome.status === 401 || outcome.status === 403) return { kind: 'stopped', status: outcome.status }
    }
    throw outcome.kind === 'fault' ? outcome.fault : new Fault(failureOf(outcome), { sent: true })
  }

  /** Never with an Authorization header: iDRAC9 7.00.60 answers SYS468 to that (quirks.md 11). */
  async function postLogin(path: string, attempt: number): Promise<{ kind: 'done'; value: WireAnswer } | Outcome> {
    const body = { UserName: parts.username, Password: parts.password }
    const answer = await sent({ method: 'POST', path, body }, { operation: 'logIn', attempt, signal: parts.lifetime })
    if ('kind' in answer) return answer
    if (answer.status >= 200 && answer.status < 300) return { kind: 'done', value: answer }
    return {
      kind: 'refusal',
      status: answer.status,
      error: readErrorBody(answer.body, parts.redact),
      retryAfterMs: retryAfterOf(answer.headers['retry-after'], parts.surroundings.now()),
    }
  }

  async function sent(
    request: WireRequest,
    options: { operation: string; attempt: number; signal: AbortSignal },
  ): Promise<WireAnswer | Extract<Outcome, { kind: 'fault' }>> {
    try {
      return await parts.send(request, options)
    } catch (error) {
      if (error instanceof Fault) return { kind: 'fault', fault: error }
      throw error
    }
  }

  function opened(answer: WireAnswer): State {
    const token = answer.headers['x-auth-token']
    if (token === undefined || token === '') {
      const detail = 'a session without X-Auth-Token'
      throw new Fault({ kind: 'malformed', retry: false, path: answer.path, detail }, { sent: true })
    }
    const body = answer.body.kind === 'json' && isDoc(answer.body.value) ? linkOf(answer.body.value) : null
    const link = answer.headers['location'] ?? body
    return { kind: 'session', token, path: link === null ? null : own(link, answer.path), generation }
  }

  async function sessionsPath(): Promise<string> {
    const link = await parts.sessionsLink(parts.lifetime)
    return link === null ? DEFAULT_SESSIONS_PATH : own(link, '/redfish/v1/')
  }

  function own(link: string, from: string): string {
    const rebased = rebaseLink(link, { origin: parts.origin })
    if (rebased.ok) return rebased.path
    throw new Fault({ kind: 'malformed', retry: false, path: from, detail: rebased.detail }, { sent: true })
  }

  function currentLogin(): Promise<State> {
    login ??= logIn().then(
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

  return {
    async credentials(signal) {
      if (signal.aborted) throw aborted(signal)
      const known = headersOf(state)
      if (known !== null) return known
      if (state.kind === 'stopped') throw refusedCredentials(state.status)
      const next = await untilAborted(currentLogin(), signal)
      const fresh = headersOf(next)
      if (fresh !== null) return fresh
      throw refusedCredentials(next.kind === 'stopped' ? next.status : 401)
    },
    refused(credentials, { replayed }) {
      const current = state.kind === 'session' || state.kind === 'basic' ? state.generation : null
      if (credentials.kind === 'session' && !replayed) {
        if (current === credentials.generation) state = { kind: 'none' }
        return state.kind !== 'stopped'
      }
      if (current === credentials.generation) state = { kind: 'stopped', status: 401 }
      return false
    },
    secrets: () => (state.kind === 'session' ? [parts.password, state.token] : [parts.password]),
    state: () => (state.kind === 'basic' ? (state.retryAt === null ? 'basic' : 'table-full') : 'session'),
    async close(signal) {
      if (login !== null) await untilAborted(login, signal).catch(ignoreFault)
      const last = state
      state = { kind: 'none' }
      if (last.kind !== 'session' || last.path === null) return
      const headers = { 'X-Auth-Token': last.token }
      const answer = await sent(
        { method: 'DELETE', path: last.path, headers },
        { operation: 'logOut', attempt: 1, signal },
      )
      if ('kind' in answer) throw answer.fault
      if (answer.status < 300 || answer.status === 401 || answer.status === 404) return
      const error = readErrorBody(answer.body, parts.redact)
      throw new Fault(failureOf({ kind: 'refusal', status: answer.status, error, retryAfterMs: null }), { sent: true })
    },
  }
}

function refusedCredentials(status: number): Fault {
  return new Fault({ kind: 'unauthorized', retry: false, status }, { sent: true })
}

/** A login that failed left nothing to delete. */
function ignoreFault(error: unknown): void {
  if (!(error instanceof Fault)) throw error
}

/** Waits for work that is shared with others, without ending it when this caller gives up. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(aborted(signal))
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const onAbort = () => reject(aborted(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  return promise
}
