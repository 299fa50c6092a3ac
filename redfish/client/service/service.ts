/**
 * The BMC's Redfish service as the operations see it: documents that are read, written and followed. Every failure is
 * a `BmcError`.
 */
import { BmcError, type BmcFailure } from '../../failure.ts'
import { readErrorBody } from '../answers/error-body.ts'
import { etagOf, nextPrecondition, type Precondition, preconditionStatus } from '../answers/etag.ts'
import { retryAfterOf } from '../answers/outcome.ts'
import { pause, type Repeat } from '../answers/retry.ts'
import { type Asked, beginCall, type Call, callError, naming } from '../call.ts'
import { isDoc, linkOf } from '../documents/resource.ts'
import type { Memory } from '../memory.ts'
import type { HttpBmcOptions, Limits, RetryPolicy, Surroundings } from '../options.ts'
import type { Authentication } from '../requests/authentication.ts'
import { createRequests, mustBeDocument, ROOT_PATH } from '../requests/requests.ts'
import { rebaseLink } from '../wire/links.ts'
import { redactSecrets } from '../wire/redaction.ts'
import type { Transport, WireAnswer, WireRequest } from '../wire/transport.ts'
import type { Answer } from './answer.ts'
import { createHandover, type Handover } from './handover.ts'

/** `seen`: no answer said so, but a look found the write's effect. */
export type Written = { readonly kind: 'answered'; readonly answer: Answer } | { readonly kind: 'seen' }

export type Write = {
  readonly body: Readonly<Record<string, unknown>>
  readonly repeat: Repeat
  /** Whether the wanted state shows; asked after an attempt that may or may not have worked. */
  readonly look?: () => Promise<boolean>
  readonly readTimeoutMs?: number
  /** Of a PATCH: `*` goes where the document gives no tag, because this BMC wants a precondition (quirks.md 10). */
  readonly wantsPrecondition?: boolean
  /** False where something else can be done than to wait for minutes until a state has passed. */
  readonly patient?: boolean
}

export type Service = {
  readonly limits: Limits
  readonly memory: Memory
  /** Documents from one operation for the next. */
  readonly handover: Handover
  readonly now: () => number
  begin(operation: string, options: { readonly signal: AbortSignal; readonly image?: string }): Call
  /** Reads a document. An answer that is no JSON object is `malformed`. */
  read(call: Call, path: string): Promise<Answer>
  /** The service root; by the login's own look at it, where this makes one. */
  readRoot(call: Call): Promise<Answer>
  /** Reads a document that may be missing or forbidden: null when the BMC refuses it for good. */
  readOptional(call: Call, path: string): Promise<Answer | null>
  /** The document that an operation shortly before left, at most so long ago; else it is read. For once. */
  readOnce(call: Call, path: string, ageMsMax: number): Promise<Answer>
  /** One GET without credentials and without a second try. */
  probe(call: Call, path: string): Promise<Answer>
  post(call: Call, path: string, write: Write): Promise<Written>
  /** PATCH with the entity tag of the document that was just read, going down the ladder of etag.ts on 412 and 428. */
  patch(call: Call, current: Answer, write: Write): Promise<Written>
  /** A link found at `from` as a path on this BMC; throws `malformed` when it leads elsewhere or is no link. */
  follow(call: Call, link: unknown, from: string): string
  fail(call: Call, failure: BmcFailure, asked: Asked): BmcError
  /** Waits; rejects with `aborted` as soon as the call's signal does. */
  pause(call: Call, ms: number): Promise<void>
  authentication(): ReturnType<Authentication['state']>
  endLostSessions(call: Call): Promise<void>
  close(call: Call): Promise<void>
}

/** See `Service`. */
export function createService(
  options: Pick<HttpBmcOptions, 'username' | 'password' | 'onRequest' | 'onExchange' | 'sessions'>,
  parts: { transport: Transport; limits: Limits; retries: RetryPolicy; surroundings: Surroundings; memory: Memory },
): Service {
  const { transport, limits, surroundings, memory } = parts
  const requests = createRequests(options, parts)
  const handover = createHandover(surroundings.now)

  function answerOf(answer: WireAnswer): Answer {
    const doc = answer.body.kind === 'json' && isDoc(answer.body.value) ? answer.body.value : {}
    return {
      path: answer.path,
      status: answer.status,
      doc,
      etag: etagOf({ header: answer.headers['etag'], doc }),
      location: answer.headers['location'] ?? null,
      retryAfterMs: retryAfterOf(answer.headers['retry-after'], surroundings.now()),
    }
  }

  function write(
    call: Call,
    request: WireRequest,
    how: Pick<Write, 'repeat' | 'look' | 'patient'> & { readonly exchange: (attempt: number) => Promise<WireAnswer> },
  ): Promise<Written> {
    const { look } = how
    handover.wrote(request.path)
    return requests.run<Written>(call, {
      request,
      repeat: how.repeat,
      patient: how.patient ?? true,
      exchange: how.exchange,
      take: (answer) => ({ kind: 'answered', answer: answerOf(answer) }),
      ...(look === undefined ? {} : { look: async () => ((await look()) ? { kind: 'seen' } : null) }),
    })
  }

  function requestOf(method: 'POST' | 'PATCH', path: string, { body, readTimeoutMs }: Write): WireRequest {
    return { method, path, body, ...(readTimeoutMs === undefined ? {} : { readTimeoutMs }) }
  }

  async function read(call: Call, path: string): Promise<Answer> {
    const request: WireRequest = { method: 'GET', path }
    const exchange = async (attempt: number) => mustBeDocument(await requests.authenticated(call, request, attempt))
    return requests.run(call, { request, repeat: 'always', patient: true, exchange, take: answerOf })
  }

  return {
    limits,
    memory,
    handover,
    now: surroundings.now,
    read,
    readRoot(call) {
      const exchange = async (attempt: number) => mustBeDocument(await requests.root(call, attempt))
      const request: WireRequest = { method: 'GET', path: ROOT_PATH }
      return requests.run(call, { request, repeat: 'always', patient: true, exchange, take: answerOf })
    },
    readOnce: async (call, path, ageMsMax) => {
      // Who gave up is told so, also where no request would have.
      const left = call.signal.aborted ? null : handover.take(path, ageMsMax)
      return left ?? read(call, path)
    },
    async readOptional(call, path) {
      try {
        return await read(call, path)
      } catch (error) {
        if (error instanceof BmcError && error.failure.kind === 'refused') return null
        throw error
      }
    },
    probe(call, path) {
      const request: WireRequest = { method: 'GET', path }
      const exchange = async (attempt: number) => mustBeDocument(await requests.anonymous(call, request, attempt))
      return requests.run(call, { request, repeat: 'never', patient: false, exchange, take: answerOf })
    },
    post(call, path, how) {
      const request = requestOf('POST', path, how)
      return write(call, request, { ...how, exchange: (attempt) => requests.authenticated(call, request, attempt) })
    },
    patch(call, current, how) {
      const request = requestOf('PATCH', current.path, how)
      const wanted = how.wantsPrecondition === true || memory.known().wantsPrecondition === true
      let tag = current.etag ?? (wanted ? '*' : null)
      const exchange = async (attempt: number): Promise<WireAnswer> => {
        const preconditions: Precondition[] = []
        for (let precondition = tag; ; ) {
          preconditions.push(precondition)
          const conditional = precondition === null ? request : { ...request, headers: { 'If-Match': precondition } }
          const answer = await requests.authenticated(call, conditional, attempt)
          const status = preconditionStatus({ status: answer.status, error: readErrorBody(answer.body, call.redact) })
          const next = nextPrecondition({ status }, { tag, preconditions })
          if (next === null) {
            if (answer.status < 300 && precondition === '*') memory.learn({ wantsPrecondition: true })
            return answer
          }
          call.countRepeat()
          if (next.kind === 'refresh') tag = (await read(call, current.path)).etag
          precondition = next.kind === 'refresh' ? tag : next.precondition
        }
      }
      return write(call, request, { ...how, exchange })
    },
    begin: (operation, { signal, image }) =>
      beginCall(operation, {
        signal,
        ...(image === undefined ? {} : { image }),
        redact: (text) => redactSecrets(requests.authentication.secrets())(text),
        now: surroundings.now,
        learned: memory.known,
      }),
    follow(call, link, from) {
      const target = linkOf(link)
      const rebased = target === null ? null : rebaseLink(target, transport)
      if (rebased?.ok) return rebased.path
      const detail = rebased?.detail ?? 'a link that is not a string'
      throw callError(call, { kind: 'malformed', retry: false, path: from, detail }, { method: 'GET', target: from })
    },
    fail: callError,
    pause: (call, ms) =>
      naming(call, { method: 'WAIT', target: ROOT_PATH }, () =>
        pause(surroundings, { delayMs: ms, signal: call.signal }),
      ),
    authentication: () => requests.authentication.state(),
    endLostSessions: (call) =>
      naming(call, { method: 'DELETE', target: ROOT_PATH }, () => requests.authentication.endLostSessions(call.signal)),
    close: (call) => {
      handover.clear()
      return naming(call, { method: 'DELETE', target: ROOT_PATH }, () => requests.close(call.signal))
    },
  }
}
