/**
 * One HTTP exchange with one BMC: no retries, no authentication, no knowledge of Redfish beyond its headers. Bounds
 * everything that the other side controls: time to connect, time to answer, bytes, JSON depth, redirects.
 */
import { errors, Pool } from 'undici'
import type { TlsPolicy } from '../bmc.ts'
import { aborted, Fault, malformed } from './fault.ts'
import { type Body, parseBody } from './json.ts'
import { rebaseLink } from './links.ts'
import type { Limits } from './options.ts'
import { ConnectFault, createConnector } from './tls.ts'

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export type WireRequest = {
  readonly method: Method
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. Always an object for writes: HPE answers 415 to a POST without a body (quirks.md 5). */
  readonly body?: Readonly<Record<string, unknown>>
  readonly readTimeoutMs?: number
}

export type WireAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
  /** Where the answer came from after redirects. */
  readonly path: string
}

export type Transport = {
  readonly origin: string
  /** Resolves with any HTTP answer, whatever its status; rejects with a `Fault` when there is none or it is unusable. */
  send(request: WireRequest, options: { readonly signal: AbortSignal }): Promise<WireAnswer>
  /** Closes the connections; requests in flight fail. */
  close(): Promise<void>
}

/**
 * `OData-Version` makes iLO 4 send today's shape, `Accept` keeps iDRAC 3.30 from answering 406, `identity` keeps ETags
 * strong (quirks.md 2 and 10).
 */
const HEADERS = {
  'OData-Version': '4.0',
  Accept: 'application/json',
  'Accept-Encoding': 'identity',
  'User-Agent': 'provisioner',
} as const

/** Two connections: one for the write in flight, one for reads beside it. BMCs fall over under more (quirks.md 10). */
const CONNECTIONS = 2
/** Short, because iLO resets idle sockets and a reused dead one costs a failed request (quirks.md 10). */
const KEEP_ALIVE_MS = 1_000

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308])

/** The pool is bound to one origin, so no request can go anywhere else. */
export function createTransport(options: { address: string; tls: TlsPolicy; limits: Limits }): Transport {
  const { limits } = options
  const { origin } = new URL(options.address)
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: createConnector(options.tls, limits),
  })

  async function exchange(request: WireRequest, signal: AbortSignal): Promise<WireAnswer> {
    if (signal.aborted) throw aborted(signal)
    const readTimeoutMs = request.readTimeoutMs ?? limits.readTimeoutMs
    // undici's own time-outs restart with every byte; this one bounds an answer that trickles in.
    const deadline = AbortSignal.timeout(limits.connectTimeoutMs + readTimeoutMs)
    // A BMC goes on with a write whose connection was cut, and may finish it after the eject that follows a cancellation.
    const patience = request.method === 'POST' || request.method === 'PATCH' ? limits.abortGraceMs : 0
    const caller = abortedLater(signal, patience)
    const stop = AbortSignal.any([caller.signal, deadline])
    try {
      const answer = await pool.request({
        method: request.method,
        path: request.path,
        headers: {
          ...HEADERS,
          ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...request.headers,
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: stop,
        headersTimeout: readTimeoutMs,
        bodyTimeout: readTimeoutMs,
      })
      const status = answer.statusCode
      const headers = singleHeaders(answer.headers)
      const read = await readBody(answer.body, request, status)
      return { status, headers, path: request.path, body: read }
    } catch (error) {
      if (signal.aborted) throw aborted(signal)
      if (deadline.aborted) throw slow(`no complete answer within ${readTimeoutMs} ms`, error)
      throw faultOf(error, { path: request.path, readTimeoutMs })
    } finally {
      caller.release()
    }
  }

  /** A broken or endless body of an error answer is dropped: the status has spoken (iDRAC8's 401, quirks.md 10). */
  async function readBody(body: AsyncIterable<unknown>, request: WireRequest, status: number): Promise<Body> {
    try {
      return parseBody(await collect(body, request.path, limits.bodyBytesMax), limits)
    } catch (error) {
      if (status >= 400 && isBodyFailure(error)) return { kind: 'none' }
      throw error
    }
  }

  return {
    origin,
    async send(request, { signal }) {
      let target = request
      for (let redirects = 0; ; redirects++) {
        const answer = await exchange(target, signal)
        const location = answer.headers['location']
        if (!REDIRECTS.has(answer.status) || request.method !== 'GET') return answer
        if (location === undefined) throw malformed(target.path, `${answer.status} without Location`)
        if (redirects === limits.redirectsMax) throw malformed(request.path, `more than ${redirects} redirects`)
        const link = rebaseLink(location, { origin })
        if (!link.ok) throw malformed(target.path, `redirected by ${link.detail}`)
        target = { ...target, path: link.path }
      }
    },
    async close() {
      await pool.destroy()
    },
  }
}

/** A signal that aborts `delayMs` after another one does. Released, it never will. */
function abortedLater(signal: AbortSignal, delayMs: number): { readonly signal: AbortSignal; release(): void } {
  if (delayMs === 0) return { signal, release: () => {} }
  const later = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = () => {
    timer = setTimeout(() => later.abort(signal.reason), delayMs)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return {
    signal: later.signal,
    release: () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}

/** HTTPParserError is not derived from UndiciError, whatever its declaration says. */
function isBodyFailure(error: unknown): boolean {
  return error instanceof Fault || error instanceof errors.UndiciError || error instanceof errors.HTTPParserError
}

async function collect(body: AsyncIterable<unknown>, path: string, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('the body stream gave something other than bytes')
    bytes += chunk.byteLength
    // Leaving the loop destroys the stream and with it the connection.
    if (bytes > bytesMax) throw malformed(path, `an answer of more than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function singleHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const single: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) single[name.toLowerCase()] = first
  }
  return single
}

function slow(detail: string, cause: unknown): Fault {
  return new Fault({ kind: 'timeout', retry: true, detail }, { sent: true, cause })
}

/** Everything that undici and the sockets below it throw, by class and code; anything else is a bug and goes on. */
function faultOf(error: unknown, request: { path: string; readTimeoutMs: number }): unknown {
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
    // Without its cause: the parser's error holds the raw bytes, which may include a session token.
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
