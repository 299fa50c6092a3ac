/** The refusals that the API makes itself; problem.ts has the answer to each. */
import type { FailureData } from '../machines/event.ts'
import type { Fault } from '../machines/recipe/types.ts'

/** One fault of a request. `path` is a JSON Pointer into the body, or `/query/...`, `/headers/...` outside of it. */
export type Detail = { readonly path: string; readonly code: string; readonly message: string }

export type RequestRefusal =
  /** The request violates the contract; `details` name every fault, without its value. */
  | { readonly kind: 'validation_error'; readonly details: readonly Detail[] }
  /**
   * Credentials are missing or wrong; the caller is not told which of the two. `challenge` is the `WWW-Authenticate` of
   * the answer (RFC 9110 section 11.6.1).
   */
  | { readonly kind: 'unauthenticated'; readonly challenge: string }
  | { readonly kind: 'forbidden' }
  /** The actor has no event of that number, or did not exist yet at that time. */
  | { readonly kind: 'no_such_state' }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'unsupported_media_type' }
  | { readonly kind: 'too_many_requests'; readonly retryAfterMs: number }
  /** The operation on the BMC failed. */
  | { readonly kind: 'bmc_failed'; readonly failure: FailureData }
  /** The controller is stopping and takes no new jobs. */
  | { readonly kind: 'draining' }
  /** The controller cannot fetch the keys that it checks tokens with. */
  | { readonly kind: 'identity_provider_down' }
  | { readonly kind: 'too_many_streams' }

export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly refusal: RequestRefusal
  /** `message` is shown to the caller. */
  constructor(refusal: RequestRefusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.refusal = refusal
  }
}

export function invalidRequest(details: readonly Detail[]): RequestRefused {
  return new RequestRefused({ kind: 'validation_error', details }, `the request has ${details.length} fault(s)`)
}

/** A fault of a recipe, with its pointer relative to the body that holds the recipe. */
export function inRecipe(fault: Fault): Detail {
  return { ...fault, path: `/recipe${fault.path}` }
}

export function unauthenticated(message: string, challenge: string): RequestRefused {
  return new RequestRefused({ kind: 'unauthenticated', challenge }, message)
}

export function isUnauthenticated(error: unknown): error is RequestRefused {
  return error instanceof RequestRefused && error.refusal.kind === 'unauthenticated'
}

/** `what` did not happen because of `failure`. */
export function bmcFailed(what: string, failure: FailureData): RequestRefused {
  return new RequestRefused({ kind: 'bmc_failed', failure }, `${what}: ${failure.message}`)
}
