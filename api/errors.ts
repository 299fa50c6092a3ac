/** What this folder refuses by itself, in domain words; problem.ts knows which answer each is. */
import type { FailureData } from '../machines/event.ts'

/** One fault of a request. `path` is a JSON Pointer into the body, or `/query/...`, `/headers/...` outside of it. */
export type Detail = { readonly path: string; readonly code: string; readonly message: string }

/** The request is not what the contract says; lists every fault, and none of their values. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest'
  readonly details: readonly Detail[]
  constructor(details: readonly Detail[]) {
    super(`the request has ${details.length} fault(s)`)
    this.details = details
  }
}

export class UnsupportedMediaType extends Error {
  override readonly name = 'UnsupportedMediaType'
}

/** No credentials, or ones that are not believed. Which of the two is not told. */
export class Unauthenticated extends Error {
  override readonly name = 'Unauthenticated'
  /** The `WWW-Authenticate` of the answer (RFC 9110 section 11.6.1). */
  readonly challenge: string
  constructor(message: string, challenge: string) {
    super(message)
    this.challenge = challenge
  }
}

export class Forbidden extends Error {
  override readonly name = 'Forbidden'
}

/** The keys that tokens are checked with cannot be fetched. */
export class IdentityProviderDown extends Error {
  override readonly name = 'IdentityProviderDown'
}

export class TooManyRequests extends Error {
  override readonly name = 'TooManyRequests'
  readonly retryAfterMs: number
  constructor(message: string, retryAfterMs: number) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

export class TooManyStreams extends Error {
  override readonly name = 'TooManyStreams'
}

export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge'
}

/** The controller is stopping and takes no new jobs. */
export class Draining extends Error {
  override readonly name = 'Draining'
}

/** The actor has no event of that number, or did not exist yet at that time. */
export class NoSuchState extends Error {
  override readonly name = 'NoSuchState'
}

/** The BMC was asked, and it did not work. */
export class BmcFailed extends Error {
  override readonly name = 'BmcFailed'
  readonly failure: FailureData
  constructor(what: string, failure: FailureData) {
    super(`${what}: ${failure.message}`)
    this.failure = failure
  }
}
