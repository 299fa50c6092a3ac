/** The requester of a command, and how it gets onto the events that the command causes. */
import type { Cause } from '../runtime.ts'

/** A principal, the request it came with, and the trace it belongs to. */
export type Requester = { readonly actor: string; readonly requestId: string; readonly trace: string | null }

/** The cause of what a request made happen; `jobId` where it is about a job. */
export function causeOf({ actor, requestId, trace }: Requester, jobId: string | null): Cause {
  return { actor, causationId: requestId, correlationId: jobId, trace }
}
