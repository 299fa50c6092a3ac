/**
 * Requests with credentials: one attempt of a request logs in where needed and answers a 401 with one fresh login; the
 * attempts are repeated as `answers/retry.ts` decides. Reading order of the folder: this file, `send.ts` and `queue.ts`
 * (one request at a time), `authentication.ts` and `login.ts`, `sessions.ts` and `sessions-link.ts` (the BMC's session
 * service), then `orphans.ts` and `lost-logins.ts` (sessions that dead processes left).
 */
import { createTransientLedger } from '../../session-ledger.ts'
import { readErrorBody } from '../answers/error-body.ts'
import { failureOf, type Outcome, retryAfterInWords, retryAfterOf } from '../answers/outcome.ts'
import { type Repeat, withRetries } from '../answers/retry.ts'
import { type Call, callError, naming } from '../call.ts'
import { misfit } from '../documents/misfit.ts'
import { isDoc } from '../documents/resource.ts'
import type { Memory } from '../memory.ts'
import type { HttpBmcOptions, Limits, RetryPolicy, Surroundings } from '../options.ts'
import { Fault, malformed } from '../wire/fault.ts'
import { redactSecrets } from '../wire/redaction.ts'
import type { Transport, WireAnswer, WireRequest } from '../wire/transport.ts'
import { type Authentication, createAuthentication } from './authentication.ts'
import { createSend, type Send, type SendContext } from './send.ts'
import { createSessionsLink, ROOT_PATH } from './sessions-link.ts'

export type Requests = {
  /** One attempt, with credentials. Rejects with `Fault`. */
  authenticated(call: Call, request: WireRequest, attempt: number): Promise<WireAnswer>
  /** One attempt at the service root, with credentials. A login that has just read the root saves the request. */
  root(call: Call, attempt: number): Promise<WireAnswer>
  /** One attempt, without credentials. Rejects with `Fault`. */
  anonymous(call: Call, request: WireRequest, attempt: number): Promise<WireAnswer>
  /**
   * Repeats `exchange` until it gives a 2xx, `look` gives a value, or the policy gives up; then rejects with `BmcError`.
   */
  run<T>(call: Call, asked: Asked<T>): Promise<T>
  readonly authentication: Authentication
  /** Ends the session and refuses everything from then on. */
  close(signal: AbortSignal): Promise<void>
}

/** A request that is repeated as `repeat` allows. */
export type Asked<T> = {
  readonly request: WireRequest
  readonly repeat: Repeat
  /** True when the client waits out a state that passes by itself in minutes. */
  readonly patient: boolean
  readonly exchange: (attempt: number) => Promise<WireAnswer>
  readonly take: (answer: WireAnswer) => T
  readonly look?: () => Promise<T | null>
}

export type RequestOptions = Pick<
  HttpBmcOptions,
  'username' | 'password' | 'mayWrite' | 'onRequest' | 'onExchange' | 'sessions'
>

export type RequestParts = {
  readonly transport: Transport
  readonly limits: Limits
  readonly retries: RetryPolicy
  readonly surroundings: Surroundings
  readonly memory: Memory
}

export function createRequests(options: RequestOptions, parts: RequestParts): Requests {
  const { transport, limits, retries, surroundings, memory } = parts
  const { username, password } = options
  const lifetime = new AbortController()
  const send = createSend(options, { transport, limits, surroundings, secrets: () => authentication.secrets() })
  const sessionsLink = createSessionsLink({ send, memory })
  const authentication = createAuthentication({
    ledger: options.sessions ?? createTransientLedger(surroundings),
    username,
    password,
    origin: transport.origin,
    limits,
    retries,
    surroundings,
    send,
    sessionsLink: sessionsLink.find,
    lookAgain: sessionsLink.lookAgain,
    basicRefused: {
      known: () => memory.known().basicRefused === true,
      learn: () => memory.learn({ basicRefused: true }),
    },
    lifetime: lifetime.signal,
    redact: redactSecrets([password]),
  })
  let closed = false

  const open = () => {
    if (closed) throw new Fault({ kind: 'aborted', retry: false, detail: 'the client was closed' }, { sent: false })
  }
  const authenticated: Requests['authenticated'] = (call, request, attempt) => {
    const { operation, signal } = call
    const mayWrite = request.method === 'GET' ? undefined : options.mayWrite
    return sendAuthenticated(request, { operation, attempt, signal, mayWrite }, { open, send, authentication })
  }

  return {
    authentication,
    authenticated,
    async root(call, attempt) {
      open()
      sessionsLink.takeRoot()
      await authentication.credentials(call.signal)
      const read = sessionsLink.takeRoot()
      // Some BMCs show more of it to a client that is logged in.
      if (read !== null && namesCollections(read)) return read
      return authenticated(call, { method: 'GET', path: ROOT_PATH }, attempt)
    },
    async anonymous({ operation, signal }, request, attempt) {
      open()
      return send(request, { operation, attempt, signal })
    },
    run: (call, asked) => runAttempts(call, asked, parts),
    async close(signal) {
      if (closed) return
      closed = true
      try {
        // First, because a login that is under way would leave its session behind.
        await authentication.close(signal)
      } finally {
        lifetime.abort()
        await transport.close()
      }
    },
  }
}

/** Sends a request with credentials and answers a 401 as the verdict on it says: as it is, once more, or after a login. */
async function sendAuthenticated(
  request: WireRequest,
  context: SendContext,
  by: { readonly open: () => void; readonly send: Send; readonly authentication: Authentication },
): Promise<WireAnswer> {
  const { open, send, authentication } = by
  let replayed = false
  for (let resentWith: number | null = null; ; ) {
    open()
    const credentials = await authentication.credentials(context.signal)
    const answer = await send({ ...request, headers: { ...request.headers, ...credentials.headers } }, context)
    if (answer.status !== 401) {
      // The root is public (DSP0266 "Authentication"): an answer of it says nothing of Basic.
      if (credentials.insteadOf === null || request.path !== ROOT_PATH) authentication.accepted(credentials)
      return answer
    }
    const resent = resentWith === credentials.generation
    const verdict = await authentication.refused(credentials, { resent, replayed })
    if (verdict === 'final') return answer
    if (verdict === 'resend') resentWith = credentials.generation
    else replayed = true
  }
}

async function runAttempts<T>(
  call: Call,
  { request, repeat, patient, exchange, take, look }: Asked<T>,
  { retries, surroundings }: RequestParts,
): Promise<T> {
  const asked = { method: request.method, target: request.path }
  const result = await naming(call, asked, () =>
    withRetries({
      repeat,
      policy: patient ? retries : { ...retries, patientAttemptsMax: 0 },
      surroundings,
      signal: call.signal,
      ...(look === undefined ? {} : { look }),
      attempt: async (number) => {
        if (number > 1) call.countRepeat()
        const outcome = await outcomeOf(call, surroundings.now, () => exchange(number))
        return 'kind' in outcome ? outcome : { kind: 'done', value: take(outcome) }
      },
    }),
  )
  if (result.kind === 'done') return result.value
  const { outcome, attempts } = result
  const cause = outcome.kind === 'fault' ? outcome.fault.cause : undefined
  throw callError(call, failureOf(outcome), { ...asked, attempts, cause })
}

/** The answer of one attempt where it is a 2xx that says something, else what came of the attempt. */
async function outcomeOf(
  call: Call,
  now: () => number,
  exchange: () => Promise<WireAnswer>,
): Promise<WireAnswer | Outcome> {
  try {
    const answer = await exchange()
    if (answer.status >= 200 && answer.status < 300 && !isErrorOnly(answer)) return answer
    const error = readErrorBody(answer.body, call.redact)
    const asked = retryAfterOf(answer.headers['retry-after'], now())
    const retryAfterMs = asked ?? retryAfterInWords(error.message)
    return { kind: 'refusal', status: answer.status, error, retryAfterMs }
  } catch (error) {
    if (error instanceof Fault) return { kind: 'fault', fault: error }
    throw error
  }
}

/**
 * True for a read that a BMC answered with a 2xx that holds nothing but an error (a BMC that is starting). After a write
 * iLO says so to a success (`Base.1.12.Success`, quirks.md 10), and reading back tells.
 */
function isErrorOnly({ method, body }: WireAnswer): boolean {
  if (method !== 'GET' || body.kind !== 'json' || !isDoc(body.value) || !isDoc(body.value['error'])) return false
  return Object.keys(body.value).length === 1
}

/** DSP0266 makes the service root public; some BMCs show none or only a part of it without a login (quirks.md 11). */
function namesCollections({ status, body }: WireAnswer): boolean {
  const doc = status === 200 && body.kind === 'json' && isDoc(body.value) ? body.value : {}
  return isDoc(doc['Systems']) && isDoc(doc['Managers'])
}

/**
 * Lets a 2xx answer of a read pass only with a JSON object that makes sense (202 and 204 may be empty).
 * @throws Fault `malformed` otherwise.
 */
export function mustBeDocument(answer: WireAnswer): WireAnswer {
  const empty = answer.status === 202 || answer.status === 204
  if (answer.status < 200 || answer.status >= 300 || empty) return answer
  if (answer.body.kind !== 'json' || !isDoc(answer.body.value)) {
    throw malformed(answer.path, answer.body.kind === 'text' ? answer.body.why : 'no JSON object')
  }
  const wrong = misfit(answer.body.value)
  if (wrong !== null) throw malformed(answer.path, wrong)
  return answer
}
