/**
 * Requests with credentials: one attempt of a request logs in where needed and answers a 401 with one fresh login; the
 * attempts are repeated as retry.ts decides; requests queue up behind each other; each is reported to the hook.
 */
import { createTransientLedger } from '../../session-ledger.ts'
import { readErrorBody } from '../answers/error-body.ts'
import { failureOf, type Outcome, retryAfterInWords, retryAfterOf } from '../answers/outcome.ts'
import { type Repeat, withRetries } from '../answers/retry.ts'
import { type Call, callError, naming } from '../call.ts'
import { misfit } from '../documents/misfit.ts'
import { isDoc, linkOf, linksOf } from '../documents/resource.ts'
import type { Memory } from '../memory.ts'
import type { HttpBmcOptions, Limits, RetryPolicy, Surroundings } from '../options.ts'
import { Fault, malformed } from '../wire/fault.ts'
import { observeExchange } from '../wire/observe-exchange.ts'
import { redactSecrets } from '../wire/redaction.ts'
import type { Transport, WireAnswer, WireRequest } from '../wire/transport.ts'
import { type Authentication, createAuthentication } from './authentication.ts'
import { createRequestQueue } from './queue.ts'

/** DSP0266 "Service root". With the slash: HPE redirects `/redfish/v1` to it (quirks.md 2). */
export const ROOT_PATH = '/redfish/v1/'

export type Requests = {
  /** One attempt, with credentials. Rejects with `Fault`. */
  authenticated(call: Call, request: WireRequest, attempt: number): Promise<WireAnswer>
  /** One attempt at the service root, with credentials: the login has read it where it had to look for its collection. */
  root(call: Call, attempt: number): Promise<WireAnswer>
  /** One attempt, without credentials. Rejects with `Fault`. */
  anonymous(call: Call, request: WireRequest, attempt: number): Promise<WireAnswer>
  /**
   * Repeats `exchange` until it gives a 2xx, `look` gives a value, or the policy gives up; then rejects with `BmcError`.
   */
  run<T>(
    call: Call,
    asked: {
      readonly request: WireRequest
      readonly repeat: Repeat
      /** Whether what passes by itself in minutes is waited for. */
      readonly patient: boolean
      readonly exchange: (attempt: number) => Promise<WireAnswer>
      readonly take: (answer: WireAnswer) => T
      readonly look?: () => Promise<T | null>
    },
  ): Promise<T>
  readonly authentication: Authentication
  /** Ends the session and refuses everything from then on. */
  close(signal: AbortSignal): Promise<void>
}

export function createRequests(
  options: Pick<HttpBmcOptions, 'username' | 'password' | 'mayWrite' | 'onRequest' | 'onExchange' | 'sessions'>,
  parts: { transport: Transport; limits: Limits; retries: RetryPolicy; surroundings: Surroundings; memory: Memory },
): Requests {
  const { transport, limits, retries, surroundings, memory } = parts
  const enqueue = createRequestQueue(limits)
  const lifetime = new AbortController()
  /** Whether the learned collection of sessions turned out not to be there. */
  let sessionsMoved = false
  /** The service root as the login that is under way has read it. */
  let rootOfLogin: WireAnswer | null = null
  let closed = false

  type Context = {
    readonly operation: string
    readonly attempt: number
    readonly signal: AbortSignal
    /** See `HttpBmcOptions`. */
    readonly mayWrite?: (() => boolean) | undefined
  }

  const send = (request: WireRequest, context: Context): Promise<WireAnswer> =>
    enqueue(context.signal, () => exchanged(request, context))

  async function exchanged(request: WireRequest, context: Context): Promise<WireAnswer> {
    const startedMs = surroundings.now()
    let answered: WireAnswer | null = null
    try {
      const answer = await transport.send(request, context)
      answered = answer
      return answer
    } finally {
      const { method, path } = request
      const { operation, attempt } = context
      const elapsedMs = surroundings.now() - startedMs
      options.onRequest?.({ operation, method, path, status: answered?.status ?? null, elapsedMs, attempt })
      if (options.onExchange !== undefined) {
        const redact = redactSecrets([options.password, ...authentication.secrets()])
        options.onExchange(observeExchange({ operation, request, answer: answered, elapsedMs }, redact))
      }
    }
  }

  const authentication = createAuthentication({
    ledger: options.sessions ?? createTransientLedger(surroundings),
    username: options.username,
    password: options.password,
    origin: transport.origin,
    limits,
    retries,
    surroundings,
    send,
    sessionsLink: async (signal) => {
      const learned = sessionsMoved ? undefined : memory.known().sessions
      if (learned !== undefined) return learned
      const answer = await send({ method: 'GET', path: ROOT_PATH }, { operation: 'logIn', attempt: 1, signal })
      if (answer.body.kind !== 'json' || !isDoc(answer.body.value)) return null
      rootOfLogin = answer
      const link = linkOf(linksOf(answer.body.value)['Sessions'])
      if (link !== null) memory.learn({ sessions: link })
      return link
    },
    lookAgain: () => {
      const again = !sessionsMoved && memory.known().sessions !== undefined
      sessionsMoved = true
      return again
    },
    basicRefused: {
      known: () => memory.known().basicRefused === true,
      learn: () => memory.learn({ basicRefused: true }),
    },
    lifetime: lifetime.signal,
    redact: redactSecrets([options.password]),
  })

  function open(): void {
    if (!closed) return
    throw new Fault({ kind: 'aborted', retry: false, detail: 'the client was closed' }, { sent: false })
  }

  async function outcomeOf(call: Call, exchange: () => Promise<WireAnswer>): Promise<WireAnswer | Outcome> {
    try {
      const answer = await exchange()
      if (answer.status >= 200 && answer.status < 300 && !isErrorOnly(answer)) return answer
      const error = readErrorBody(answer.body, call.redact)
      const asked = retryAfterOf(answer.headers['retry-after'], surroundings.now())
      const retryAfterMs = asked ?? retryAfterInWords(error.message)
      return { kind: 'refusal', status: answer.status, error, retryAfterMs }
    } catch (error) {
      if (error instanceof Fault) return { kind: 'fault', fault: error }
      throw error
    }
  }

  async function authenticated(call: Call, request: WireRequest, attempt: number): Promise<WireAnswer> {
    const { operation, signal } = call
    const { mayWrite } = request.method === 'GET' ? {} : options
    const context = { operation, attempt, signal, mayWrite }
    let replayed = false
    for (let resentWith: number | null = null; ; ) {
      open()
      const credentials = await authentication.credentials(call.signal)
      const answer = await send({ ...request, headers: { ...request.headers, ...credentials.headers } }, context)
      if (answer.status !== 401) {
        // The root is for everybody (DSP0266 "Authentication"): that it answers says nothing of Basic.
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

  return {
    authentication,
    authenticated,
    async root(call, attempt) {
      open()
      rootOfLogin = null
      await authentication.credentials(call.signal)
      const read: WireAnswer | null = rootOfLogin
      rootOfLogin = null
      // Some show more of it to who is logged in.
      if (read !== null && namesCollections(read)) return read
      return authenticated(call, { method: 'GET', path: ROOT_PATH }, attempt)
    },
    async anonymous(call, request, attempt) {
      open()
      return send(request, { operation: call.operation, attempt, signal: call.signal })
    },
    async run(call, { request, repeat, patient, exchange, take, look }) {
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
            const outcome = await outcomeOf(call, () => exchange(number))
            return 'kind' in outcome ? outcome : { kind: 'done', value: take(outcome) }
          },
        }),
      )
      if (result.kind === 'done') return result.value
      const { outcome, attempts } = result
      const cause = outcome.kind === 'fault' ? outcome.fault.cause : undefined
      throw callError(call, failureOf(outcome), { ...asked, attempts, cause })
    },
    async close(signal) {
      if (closed) return
      closed = true
      try {
        // Before anything is cut off: a login that is under way would leave its session behind.
        await authentication.close(signal)
      } finally {
        lifetime.abort()
        await transport.close()
      }
    },
  }
}

/**
 * Whether a read was answered by nothing but an error, with a 2xx all the same (a BMC that is starting). After a write
 * such an answer is what iLO says to a success (`Base.1.12.Success`, quirks.md 10), and reading back tells.
 */
function isErrorOnly({ method, body }: WireAnswer): boolean {
  if (method !== 'GET' || body.kind !== 'json' || !isDoc(body.value) || !isDoc(body.value['error'])) return false
  return Object.keys(body.value).length === 1
}

/** DSP0266 lets everybody read the service root; not every BMC does, or not all of it (quirks.md 11). */
function namesCollections({ status, body }: WireAnswer): boolean {
  const doc = status === 200 && body.kind === 'json' && isDoc(body.value) ? body.value : {}
  return isDoc(doc['Systems']) && isDoc(doc['Managers'])
}

/** Lets a read pass only with a JSON object in it that makes sense (or as 202 and 204, which may be empty). */
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
