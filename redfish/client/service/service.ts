/**
 * The BMC's Redfish service as the operations see it: documents that are read, written and followed. Every failure is
 * a `BmcError`. Reading order of the folder: this file, `answer.ts`, `writes.ts`, `handover.ts` (documents from one
 * operation for the next), then `until.ts`, `tasks.ts` and `collection.ts`, which are built on it.
 */
import { BmcError, type BmcFailure } from '../../failure.ts'
import { pause } from '../answers/retry.ts'
import { type Asked as AskedOf, beginCall, type Call, callError, naming } from '../call.ts'
import { linkOf } from '../documents/resource.ts'
import type { Memory } from '../memory.ts'
import type { Limits } from '../options.ts'
import type { Authentication } from '../requests/authentication.ts'
import {
  type Asked,
  createRequests,
  mustBeDocument,
  type RequestOptions,
  type RequestParts,
} from '../requests/requests.ts'
import { ROOT_PATH } from '../requests/sessions-link.ts'
import { rebaseLink } from '../wire/links.ts'
import { redactSecrets } from '../wire/redaction.ts'
import type { WireAnswer } from '../wire/transport.ts'
import { type Answer, readAnswer } from './answer.ts'
import { createHandover, type Handover } from './handover.ts'
import { createWrites, type Writes } from './writes.ts'

export type Service = Writes & {
  readonly limits: Limits
  readonly memory: Memory
  /** Documents from one operation for the next. */
  readonly handover: Handover
  readonly now: () => number
  begin(operation: string, options: { readonly signal: AbortSignal; readonly image?: string }): Call
  /** Reads a document. An answer that is no JSON object is `malformed`. */
  read(call: Call, path: string): Promise<Answer>
  /** The service root. A login that has just read it saves the request. */
  readRoot(call: Call): Promise<Answer>
  /** Reads a document that may be missing or forbidden: null when the BMC refuses it for good. */
  readOptional(call: Call, path: string): Promise<Answer | null>
  /** Takes the handed-over document if it is not older than `ageMsMax`, which uses it up; otherwise reads. */
  readOnce(call: Call, path: string, ageMsMax: number): Promise<Answer>
  /** One GET without credentials and without a second try. */
  probe(call: Call, path: string): Promise<Answer>
  /** A link found at `from` as a path on this BMC; throws `malformed` when it leads elsewhere or is no link. */
  follow(call: Call, link: unknown, from: string): string
  fail(call: Call, failure: BmcFailure, asked: AskedOf): BmcError
  /** Waits; rejects with `aborted` as soon as the call's signal does. */
  pause(call: Call, ms: number): Promise<void>
  authentication(): ReturnType<Authentication['state']>
  endLostSessions(call: Call): Promise<void>
  close(call: Call): Promise<void>
}

/** See `Service`. */
export function createService(options: RequestOptions, parts: RequestParts): Service {
  const { transport, limits, surroundings, memory } = parts
  const requests = createRequests(options, parts)
  const handover = createHandover(surroundings.now)
  const answerOf = (answer: WireAnswer) => readAnswer(answer, surroundings.now())

  async function get(
    call: Call,
    path: string,
    how: Pick<Asked<Answer>, 'repeat' | 'patient' | 'exchange'>,
  ): Promise<Answer> {
    const exchange = async (attempt: number) => mustBeDocument(await how.exchange(attempt))
    return requests.run(call, { ...how, request: { method: 'GET', path }, exchange, take: answerOf })
  }

  function read(call: Call, path: string): Promise<Answer> {
    const exchange = (attempt: number) => requests.authenticated(call, { method: 'GET', path }, attempt)
    return get(call, path, { repeat: 'always', patient: true, exchange })
  }

  return {
    ...createWrites({ requests, memory, handover, read, answerOf }),
    limits,
    memory,
    handover,
    now: surroundings.now,
    read,
    readRoot: (call) =>
      get(call, ROOT_PATH, { repeat: 'always', patient: true, exchange: (attempt) => requests.root(call, attempt) }),
    async readOnce(call, path, ageMsMax) {
      // With an aborted signal the handover is skipped, so that the read below rejects.
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
      const exchange = (attempt: number) => requests.anonymous(call, { method: 'GET', path }, attempt)
      return get(call, path, { repeat: 'never', patient: false, exchange })
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
    close(call) {
      handover.clear()
      return naming(call, { method: 'DELETE', target: ROOT_PATH }, () => requests.close(call.signal))
    },
  }
}
