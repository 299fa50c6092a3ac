/**
 * Every way in which talking to a BMC fails. Whether it is worth trying again is part of the type: a caller never
 * guesses from a status or a message.
 */

/** `messageId` is the Redfish message registry key of the error body, e.g. `Base.1.12.ActionParameterMissing`. */
export type BmcFailure =
  | { readonly kind: 'unreachable'; readonly retry: true; readonly detail: string }
  | { readonly kind: 'timeout'; readonly retry: true; readonly detail: string }
  | {
      readonly kind: 'busy'
      readonly retry: true
      readonly status: number
      readonly retryAfterMs?: number
      readonly messageId?: string
    }
  | { readonly kind: 'unauthorized'; readonly retry: false; readonly status: number }
  | {
      readonly kind: 'refused'
      readonly retry: false
      readonly status: number
      readonly messageId?: string
      readonly message?: string
      readonly related: readonly string[]
    }
  | { readonly kind: 'unsupported'; readonly retry: false; readonly action: string; readonly detail: string }
  | { readonly kind: 'not-confirmed'; readonly retry: false; readonly action: string; readonly detail: string }
  | { readonly kind: 'malformed'; readonly retry: false; readonly path: string; readonly detail: string }
  | { readonly kind: 'tls'; readonly retry: false; readonly detail: string }
  /** The caller's signal: cancelled or out of its budget. */
  | { readonly kind: 'aborted'; readonly retry: false; readonly detail: string }

/** What was asked of the BMC when it failed. `target` is a path on the BMC, never a URL with credentials. */
export type BmcRequest = { readonly operation: string; readonly method: string; readonly target: string }

/** The one error of this folder. Its message says what was asked and what came back, and holds no secret. */
export class BmcError extends Error {
  override readonly name = 'BmcError'
  readonly failure: BmcFailure
  readonly request: BmcRequest
  /** How often it was tried before giving up, from 1. */
  readonly attempts: number

  constructor(failure: BmcFailure, context: { request: BmcRequest; attempts: number; cause?: unknown }) {
    super(describe(failure, context.request, context.attempts), { cause: context.cause })
    this.failure = failure
    this.request = context.request
    this.attempts = context.attempts
  }
}

function describe(failure: BmcFailure, request: BmcRequest, attempts: number): string {
  const tries = attempts > 1 ? ` after ${attempts} attempts` : ''
  return `[${request.method}] ${request.target} (${request.operation}): ${reason(failure)}${tries}`
}

function reason(failure: BmcFailure): string {
  switch (failure.kind) {
    case 'busy':
      return `${failure.status} busy${failure.messageId ? ` ${failure.messageId}` : ''}`
    case 'unauthorized':
      return `${failure.status} the BMC refused the credentials`
    case 'refused':
      return [failure.status, failure.messageId, failure.message].filter((part) => part !== undefined).join(' ')
    case 'unsupported':
    case 'not-confirmed':
      return `${failure.action} ${failure.kind}: ${failure.detail}`
    case 'malformed':
      return `malformed answer at ${failure.path}: ${failure.detail}`
    default:
      return `${failure.kind}: ${failure.detail}`
  }
}
