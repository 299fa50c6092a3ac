/** The refusals of commands, in domain words; `api/` maps each to an HTTP status. */
import type { Fault } from '../machines/recipe/types.ts'

export type Refusal =
  | { readonly kind: 'invalid_recipe'; readonly faults: readonly Fault[] }
  | { readonly kind: 'unknown_server' }
  | { readonly kind: 'unknown_job' }
  /** The server has no active job that waits for this report. */
  | { readonly kind: 'no_job_waiting' }
  /** A job that has not ended holds the server. */
  | { readonly kind: 'active_job'; readonly jobId: string }
  | { readonly kind: 'job_ended' }
  /** Only an ended job can be retried. */
  | { readonly kind: 'job_not_ended' }
  /** The server's TLS policy is another one than `pinned`. */
  | { readonly kind: 'not_pinned' }
  /** Another power action is under way. */
  | { readonly kind: 'power_busy' }
  | { readonly kind: 'too_many_recordings' }
  /** The job's history was archived and removed; its tombstone names the archive. */
  | { readonly kind: 'removed_job'; readonly archiveSha256: string; readonly removedAt: string }
  /** The same idempotency key came with another body. */
  | { readonly kind: 'idempotency_key_reused' }
  /** The request stopped waiting for the BMC; the outcome will be in the server's history. */
  | { readonly kind: 'still_under_way' }

export class Refused extends Error {
  override readonly name = 'Refused'
  readonly refusal: Refusal
  /** `message` is shown to the caller. */
  constructor(refusal: Refusal, message: string, options?: ErrorOptions) {
    super(message, options)
    this.refusal = refusal
  }
}

/** True for a `Refused` of one of these kinds. */
export function isRefused(error: unknown, ...kinds: readonly Refusal['kind'][]): error is Refused {
  return error instanceof Refused && kinds.includes(error.refusal.kind)
}

export function unknownServer(serial: string): Refused {
  return new Refused({ kind: 'unknown_server' }, `server ${serial} is not registered`)
}

export function unknownJob(jobId: string): Refused {
  return new Refused({ kind: 'unknown_job' }, `there is no job ${jobId}`)
}

export function activeJob(serial: string, jobId: string): Refused {
  return new Refused({ kind: 'active_job', jobId }, `server ${serial} is reserved by job ${jobId}`)
}
