/** Failures of steps: the error that a service throws, and its record. */
import type { FailureData } from '../machines/event.ts'
import { BmcError } from '../redfish/failure.ts'

/** A step failed for good: recorded as `<step>.failed`. Anything else that a service throws is tried again. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly data: FailureData

  constructor(data: FailureData, options?: ErrorOptions) {
    super(data.message, options)
    this.data = data
  }
}

/** The limits of a failure's shape (machines/event.ts): a BMC decides how long its words are. */
const messageCharsMax = 2000
const targetCharsMax = 512
const messageIdCharsMax = 256

/**
 * The record of an error, or null when it is none that a service may fail with. `redact` cuts secrets out of messages:
 * BMCs like to repeat the URL that they could not mount.
 */
export function failureData(error: unknown, redact: (text: string) => string): FailureData | null {
  if (error instanceof StepFailure)
    return { ...error.data, message: redact(error.data.message).slice(0, messageCharsMax) }
  if (!(error instanceof BmcError)) return null
  const { failure, request, attempts } = error
  return {
    kind: failure.kind,
    message: redact(error.message).slice(0, messageCharsMax),
    operation: request.operation,
    target: redact(request.target).slice(0, targetCharsMax),
    attempts,
    ...('status' in failure ? { status: failure.status } : {}),
    ...('messageId' in failure && failure.messageId !== undefined
      ? { message_id: failure.messageId.slice(0, messageIdCharsMax) }
      : {}),
  }
}
