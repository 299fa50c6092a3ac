/** One operation under way, and the errors that its failures become. */
import type { OperationFacts } from '../bmc.ts'
import { BmcError, type BmcFailure } from '../failure.ts'
import type { Learned } from '../learned.ts'
import { Fault } from './wire/fault.ts'
import { type Redact, redactImage } from './wire/redaction.ts'

export type Call = {
  /** The method of `Bmc`, for errors and metrics. */
  readonly operation: string
  readonly signal: AbortSignal
  /** Takes the client's secrets and this operation's image URL out of a text. */
  readonly redact: Redact
  readonly facts: () => OperationFacts
  /** Call when a request of this operation is about to be repeated. */
  readonly countRepeat: () => void
}

export function beginCall(
  operation: string,
  context: {
    readonly signal: AbortSignal
    readonly image?: string
    readonly redact: Redact
    readonly now: () => number
    readonly learned: () => Learned
  },
): Call {
  const startedMs = context.now()
  let attempts = 1
  const redactMedia: Redact = context.image === undefined ? (text) => text : redactImage(context.image)
  return {
    operation,
    signal: context.signal,
    // The image first: it is the longer text, and a password that occurs in it must not split it.
    redact: (text) => context.redact(redactMedia(text)),
    facts: () => ({ attempts, elapsedMs: context.now() - startedMs, learned: context.learned() }),
    countRepeat: () => {
      attempts++
    },
  }
}

/** The request that an error names; `attempts` defaults to those of the call. */
export type Asked = {
  readonly method: string
  readonly target: string
  readonly attempts?: number
  readonly cause?: unknown
}

/** The error of this call, with secrets cut out of every text from or to the BMC. */
export function callError(call: Call, failure: BmcFailure, asked: Asked): BmcError {
  const { redact, operation } = call
  return new BmcError(redactFailure(failure, redact), {
    request: { operation, method: asked.method, target: redact(asked.target) },
    attempts: asked.attempts ?? call.facts().attempts,
    cause: asked.cause,
  })
}

/** Runs work below the operations and turns its faults into errors of this call. */
export async function naming<T>(call: Call, asked: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw callError(call, error.failure, { ...asked, cause: error.cause })
  }
}

function redactFailure(failure: BmcFailure, redact: Redact): BmcFailure {
  switch (failure.kind) {
    case 'busy':
      return failure.messageId === undefined ? failure : { ...failure, messageId: redact(failure.messageId) }
    case 'unauthorized':
      return failure
    case 'refused':
      return {
        ...failure,
        ...(failure.messageId === undefined ? {} : { messageId: redact(failure.messageId) }),
        ...(failure.message === undefined ? {} : { message: redact(failure.message) }),
        related: failure.related.map(redact),
      }
    case 'malformed':
      return { ...failure, path: redact(failure.path), detail: redact(failure.detail) }
    default:
      return { ...failure, detail: redact(failure.detail) }
  }
}
