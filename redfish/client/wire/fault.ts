/**
 * A failure below the operations: of one exchange, of a link, of a document. The service layer turns it into a
 * `BmcError` that also knows the operation and the attempts; a fault never leaves the client.
 */
import type { BmcFailure } from '../../failure.ts'

export class Fault extends Error {
  override readonly name = 'Fault'
  readonly failure: BmcFailure
  /** False only where the request provably never reached the BMC: there was no connection. */
  readonly sent: boolean

  constructor(failure: BmcFailure, context: { sent: boolean; cause?: unknown }) {
    super(failure.kind, { cause: context.cause })
    this.failure = failure
    this.sent = context.sent
  }
}

/** The fault of a document or link that makes no sense. `path` is the resource that it came from. */
export function malformed(path: string, detail: string): Fault {
  return new Fault({ kind: 'malformed', retry: false, path, detail }, { sent: true })
}

export function aborted(signal: AbortSignal, detail = 'the caller gave up'): Fault {
  const reason = signal.reason instanceof Error ? ` (${signal.reason.name})` : ''
  return new Fault({ kind: 'aborted', retry: false, detail: `${detail}${reason}` }, { sent: true })
}
