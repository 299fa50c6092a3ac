/** Writes to the BMC's service: POST, and PATCH with the precondition that the BMC wants (quirks.md 10). */
import { readErrorBody } from '../answers/error-body.ts'
import { nextPrecondition, type Precondition, preconditionStatus } from '../answers/etag.ts'
import type { Repeat } from '../answers/retry.ts'
import type { Call } from '../call.ts'
import type { Memory } from '../memory.ts'
import type { Requests } from '../requests/requests.ts'
import type { WireAnswer, WireRequest } from '../wire/transport.ts'
import type { Answer } from './answer.ts'
import type { Handover } from './handover.ts'

/** `seen`: no answer said so, but a look found the write's effect. */
export type Written = { readonly kind: 'answered'; readonly answer: Answer } | { readonly kind: 'seen' }

type Write = {
  readonly body: Readonly<Record<string, unknown>>
  readonly repeat: Repeat
  /** Tells whether the wanted state shows; called after an attempt that may or may not have worked. */
  readonly look?: () => Promise<boolean>
  readonly readTimeoutMs?: number
  /** For a PATCH: sends `*` where the document gives no tag, because this BMC demands a precondition (quirks.md 10). */
  readonly wantsPrecondition?: boolean
  /** False where the caller has another way than to wait for minutes until a state has passed. */
  readonly patient?: boolean
}

export type Writes = {
  post(call: Call, path: string, write: Write): Promise<Written>
  /** PATCH with the entity tag of the document that was just read, going down the ladder of etag.ts on 412 and 428. */
  patch(call: Call, current: Answer, write: Write): Promise<Written>
}

export type WriteParts = {
  readonly requests: Requests
  readonly memory: Memory
  readonly handover: Handover
  readonly read: (call: Call, path: string) => Promise<Answer>
  readonly answerOf: (answer: WireAnswer) => Answer
}

export function createWrites(parts: WriteParts): Writes {
  const { requests, memory, handover, answerOf } = parts

  function write(
    call: Call,
    request: WireRequest,
    { look, repeat, patient }: Write,
    exchange: (attempt: number) => Promise<WireAnswer>,
  ): Promise<Written> {
    handover.wrote(request.path)
    return requests.run<Written>(call, {
      request,
      repeat,
      patient: patient ?? true,
      exchange,
      take: (answer) => ({ kind: 'answered', answer: answerOf(answer) }),
      ...(look === undefined ? {} : { look: async () => ((await look()) ? { kind: 'seen' } : null) }),
    })
  }

  return {
    post(call, path, how) {
      const request = requestOf('POST', path, how)
      return write(call, request, how, (attempt) => requests.authenticated(call, request, attempt))
    },
    patch(call, current, how) {
      const request = requestOf('PATCH', current.path, how)
      const wanted = how.wantsPrecondition === true || memory.known().wantsPrecondition === true
      const first = current.etag ?? (wanted ? '*' : null)
      return write(call, request, how, patchLadder(parts, call, request, first))
    },
  }
}

/**
 * One attempt at a PATCH: sends it with one precondition after the other; a tag that was read again serves later
 * attempts.
 */
function patchLadder(
  { requests, memory, read }: WriteParts,
  call: Call,
  request: WireRequest,
  first: Precondition,
): (attempt: number) => Promise<WireAnswer> {
  let tag = first
  return async (attempt) => {
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
      if (next.kind === 'refresh') tag = (await read(call, request.path)).etag
      precondition = next.kind === 'refresh' ? tag : next.precondition
    }
  }
}

function requestOf(method: 'POST' | 'PATCH', path: string, { body, readTimeoutMs }: Write): WireRequest {
  return { method, path, body, ...(readTimeoutMs === undefined ? {} : { readTimeoutMs }) }
}
