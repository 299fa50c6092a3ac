/** Turns the errors of undici and the sockets below it into faults of this client. */
import { errors } from 'undici'
import { Fault, malformed } from './fault.ts'
import { ConnectFault } from './tls.ts'

/** Codes of undici and the kernel for a connection that the peer had closed. */
const RESET_CODES: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** The connection was gone before the answer began. `fault` is the failure if the connection was not an idle one. */
export class IdleReset extends Error {
  override readonly name = 'IdleReset'
  readonly fault: Fault

  constructor(fault: Fault) {
    super('connection reset', { cause: fault })
    this.fault = fault
  }
}

/** True for an error that says that the connection is gone. */
export function isReset(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && RESET_CODES.has(error.code)
}

/** HTTPParserError is not derived from UndiciError, whatever its declaration says. */
export function isBodyFailure(error: unknown): boolean {
  return error instanceof Fault || error instanceof errors.UndiciError || error instanceof errors.HTTPParserError
}

/** The time-out of an answer that did not end in time. */
export function slow(detail: string, cause: unknown): Fault {
  return new Fault({ kind: 'timeout', retry: true, detail }, { sent: true, cause })
}

/** The fault of an error by its class and code. An error of another kind is a bug and comes back as it is. */
export function faultOf(error: unknown, request: { path: string; readTimeoutMs: number }): unknown {
  if (error instanceof Fault) return error
  if (error instanceof ConnectFault) {
    if (error.tls) return new Fault({ kind: 'tls', retry: false, detail: error.detail }, { sent: false, cause: error })
    const kind = error.cause instanceof errors.ConnectTimeoutError ? 'timeout' : 'unreachable'
    return new Fault({ kind, retry: true, detail: error.detail }, { sent: false, cause: error })
  }
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
    return slow(`no answer within ${request.readTimeoutMs} ms`, error)
  }
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    // Without the cause: the parser's error holds the raw bytes, which may include a session token.
    return malformed(request.path, `not HTTP: ${error.message.slice(0, 200)}`)
  }
  if (error instanceof errors.ClientDestroyedError || error instanceof errors.ClientClosedError) {
    return new Fault({ kind: 'aborted', retry: false, detail: 'the client was closed' }, { sent: false })
  }
  if (error instanceof errors.InvalidArgumentError) return error
  if (error instanceof errors.UndiciError || isSystemError(error)) {
    const detail = `${error.code} ${error.message}`.slice(0, 300)
    return new Fault({ kind: 'unreachable', retry: true, detail }, { sent: true, cause: error })
  }
  return error
}

function isSystemError(error: unknown): error is Error & { code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
}
