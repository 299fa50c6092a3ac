/** The requester of a command, and the cause that the command's events record. */
import type { Cause } from '../runtime.ts'

/** A principal, and the id and trace of its request. */
export type Requester = { readonly actor: string; readonly requestId: string; readonly trace: string | null }

/** The cause of events that a request appends; `jobId` is null for a request without a job. */
export function causeOf({ actor, requestId, trace }: Requester, jobId: string | null): Cause {
  return { actor, causationId: requestId, correlationId: jobId, trace }
}
