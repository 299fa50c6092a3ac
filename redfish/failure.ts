/**
 * Every way in which an exchange with a BMC fails. The type says if a retry is worth it, so that a caller never guesses
 * from a status or a message.
 */

/**
 * One reason for which a BMC refuses, independent of the vendor's name for it. `client/quirks/messages.ts` maps the
 * BMCs' messages to these (quirks.md 15).
 */
export type Problem =
  | 'bmc-licence-missing'
  | 'configuration-locked'
  | 'virtual-media-disabled'
  | 'image-unreachable'
  | 'image-not-accepted'
  | 'slot-in-use'
  | 'slot-empty'
  | 'session-table-full'
  | 'credentials-refused'
  | 'account-locked'
  | 'password-change-required'
  | 'access-denied'
  | 'authorization-not-wanted'
  | 'host-in-post'
  | 'reset-in-progress'
  | 'already-in-state'
  | 'state-conflict'
  | 'power-off-required'
  | 'job-running'
  | 'bmc-not-ready'
  | 'bmc-overloaded'
  | 'precondition'
  | 'parameter-missing'
  | 'parameter-unknown'
  | 'value-not-accepted'
  | 'read-only'
  | 'not-offered'
  | 'request-malformed'
  | 'not-there'
  | 'internal-error'

/**
 * `messageId` is the Redfish message registry key of the error body, e.g. `Base.1.12.ActionParameterMissing`; `problem`
 * is its meaning, where the client knows the message.
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
  /** The caller's signal aborted: the operation was cancelled or is out of its budget. */
  | { readonly kind: 'aborted'; readonly retry: false; readonly detail: string }

/** The request that failed. `target` is a path on the BMC, never a URL with credentials. */
export type BmcRequest = { readonly operation: string; readonly method: string; readonly target: string }

/** The one error of this folder. Its message has the request and the answer, and holds no secret. */
export class BmcError extends Error {
  override readonly name = 'BmcError'
  readonly failure: BmcFailure
  readonly request: BmcRequest
  /** Number of attempts before the client gave up, from 1. */
  readonly attempts: number
  /** Advice for the operator, also at the end of the message; null where the operator can do nothing. */
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

/** Problems by status, for answers whose body names no known problem (DSP0266 "Status codes"). */
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

/** The problem behind a failure: the one that the BMC named, else the one of its status; null when neither is known. */
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

const REPORT = 'Record the exchange with this BMC and report it: the client should have adapted its request.'

/** Advice for the operator, one line per problem. */
export const ADVICE: Readonly<Record<Problem, string>> = {
  'bmc-licence-missing':
    'Install the licence that the BMC names; virtual media needs iLO Advanced, iDRAC Enterprise or Datacenter, XCC Advanced or Enterprise, Supermicro SFT-DCMS-SINGLE or SFT-OOB-LIC, or the iRMC media licence.',
  'configuration-locked': 'Switch off lockdown mode on the BMC: it refuses every change while it is on.',
  'virtual-media-disabled':
    'Switch on virtual media in the settings of the BMC (iLO: access settings; iDRAC: attach mode Attach or Auto-Attach; AMI: remote media support).',
  'image-unreachable':
    'Check that the BMC reaches the media server: address and name resolution as seen from the BMC, port, firewall, and, for https, that the BMC trusts the certificate.',
  'image-not-accepted':
    'The BMC does not take an image of this kind or protocol: CD slots want .iso, removable slots .img; some BMCs want https, some a short URL.',
  'slot-in-use':
    'End other virtual media sessions of this BMC (KVM consoles, other tools); if that does not help, restart the BMC.',
  'slot-empty': 'Nothing to do: nothing was mounted.',
  'session-table-full': 'End sessions on the BMC that nobody needs, or wait until they time out (20 to 30 minutes).',
  'credentials-refused': 'Check the user name and the password that this server is registered with.',
  'account-locked': 'Wait until the BMC unlocks the account, or unlock it, then check the registered password.',
  'password-change-required': 'Log in to the BMC once and change the initial password, then register the new one.',
  'access-denied': 'Give the BMC account the privileges to configure the BMC, use virtual media and control power.',
  'authorization-not-wanted': REPORT,
  'host-in-post': 'Wait until the host has left POST, or switch it off, and try again.',
  'reset-in-progress': 'Wait until the reset that is under way has ended, and try again.',
  'already-in-state': 'Nothing to do if the power state is the wanted one; otherwise try again in a minute.',
  'state-conflict': 'Wait a minute and try again: the BMC does not take this action so soon after the last one.',
  'power-off-required': 'Switch the host off first: the BMC does not do this while it is on.',
  'job-running': 'Wait for the job that runs on the BMC, or clear its job queue and pending changes; then try again.',
  'bmc-not-ready': 'Wait a few minutes and try again; if it stays so, restart the BMC.',
  'bmc-overloaded': 'Let the BMC rest: stop other clients that poll it, then try again.',
  precondition: 'Another client changed this resource at the same time; make sure that only one works on this BMC.',
  'parameter-missing': REPORT,
  'parameter-unknown': REPORT,
  'value-not-accepted': REPORT,
  'read-only': REPORT,
  'not-offered': 'This firmware does not offer the action; update the firmware of the BMC.',
  'request-malformed': REPORT,
  'not-there': 'Probe the server again: what is asked for is not there (any more), or this firmware lacks it.',
  'internal-error': 'Try again later; if it stays so, restart the BMC and update its firmware.',
}
