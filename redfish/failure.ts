/**
 * Every way in which talking to a BMC fails. Whether it is worth trying again is part of the type: a caller never
 * guesses from a status or a message.
 */
import { ADVICE, type Problem } from './problem.ts'

/**
 * `messageId` is the Redfish message registry key of the error body, e.g. `Base.1.12.ActionParameterMissing`; `problem`
 * what it means, where the BMC said something that is known.
 */
export type BmcFailure =
  | { readonly kind: 'unreachable'; readonly retry: true; readonly detail: string }
  | { readonly kind: 'timeout'; readonly retry: true; readonly detail: string }
  | {
      readonly kind: 'busy'
      readonly retry: true
      readonly status: number
      readonly retryAfterMs?: number
      readonly messageId?: string
      readonly problem?: Problem
    }
  | { readonly kind: 'unauthorized'; readonly retry: false; readonly status: number; readonly problem?: Problem }
  | {
      readonly kind: 'refused'
      readonly retry: false
      readonly status: number
      readonly messageId?: string
      readonly message?: string
      readonly related: readonly string[]
      readonly problem?: Problem
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
  /** What an operator can do about it, also at the end of the message; null where there is nothing to be done. */
  readonly advice: string | null

  constructor(failure: BmcFailure, context: { request: BmcRequest; attempts: number; cause?: unknown }) {
    super(describe(failure, context.request, context.attempts), { cause: context.cause })
    this.failure = failure
    this.request = context.request
    this.attempts = context.attempts
    this.advice = adviceOn(failure)
  }
}

function describe(failure: BmcFailure, request: BmcRequest, attempts: number): string {
  const tries = attempts > 1 ? ` after ${attempts} attempts` : ''
  const advice = adviceOn(failure)
  const what = `[${request.method}] ${request.target} (${request.operation}): ${reason(failure)}${tries}`
  return advice === null ? what : `${what}. ${advice}`
}

/** Statuses that mean something by themselves, where the body names no known problem (DSP0266 "Status codes"). */
const STATUS_PROBLEMS: Readonly<Record<number, Problem>> = {
  401: 'credentials-refused',
  403: 'access-denied',
  404: 'not-there',
  405: 'not-offered',
  412: 'precondition',
  415: 'request-malformed',
  428: 'precondition',
  429: 'bmc-overloaded',
  501: 'not-offered',
  503: 'bmc-not-ready',
}

/** The problem behind a failure: the one that the BMC named, else what its status says; null when neither does. */
export function problemOf(failure: BmcFailure): Problem | null {
  if (!('status' in failure)) return null
  return failure.problem ?? STATUS_PROBLEMS[failure.status] ?? (failure.status >= 500 ? 'internal-error' : null)
}

function adviceOn(failure: BmcFailure): string | null {
  const problem = problemOf(failure)
  if (problem !== null) return ADVICE[problem]
  switch (failure.kind) {
    case 'unreachable':
    case 'timeout':
      return 'Check the address of the BMC, the network to it, and that the BMC is alive.'
    case 'tls':
      return 'Check the certificate of the BMC: its authority, its pinned fingerprint, its protocol version.'
    case 'not-confirmed':
      return 'Look at the BMC: it accepted the request and does not show the effect; restarting the BMC often helps.'
    default:
      return null
  }
}

function reason(failure: BmcFailure): string {
  switch (failure.kind) {
    case 'busy':
      return `${failure.status} busy${failure.messageId ? ` ${failure.messageId}` : ''}`
    case 'unauthorized':
      return failure.problem === 'session-table-full'
        ? `${failure.status} all sessions of the BMC are in use, and it lets nobody in without one`
        : `${failure.status} the BMC refused the credentials`
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
