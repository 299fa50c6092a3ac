/**
 * One HTTP exchange with one BMC: no retries, no authentication, no knowledge of Redfish beyond its headers. Bounds
 * everything that the other side controls: time to connect, time to answer, bytes, JSON depth, redirects.
 */
import { type Dispatcher, Pool } from 'undici'
import type { TlsPolicy } from '../../bmc.ts'
import type { Limits } from '../options.ts'
import type { Profile } from '../quirks/profile.ts'
import { readBytes } from './body-bytes.ts'
import { aborted, Fault, malformed } from './fault.ts'
import { type Body, parseBody } from './json.ts'
import { redirectTarget } from './links.ts'
import { faultOf, IdleReset, isBodyFailure, isReset, slow } from './thrown.ts'
import { createConnector } from './tls.ts'

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export type WireRequest = {
  readonly method: Method
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. Always an object for writes: HPE answers 415 to a POST without a body (quirks.md 5). */
  readonly body?: Readonly<Record<string, unknown>>
  readonly readTimeoutMs?: number
  /** Leaves out `Accept-Encoding: identity`, which some registries of HPE answer with 406 (quirks.md 10). */
  readonly anyEncoding?: boolean
}

export type WireAnswer = {
  readonly method: Method
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Body
  /** Where the answer came from after redirects. */
  readonly path: string
}

export type SendOptions = {
  readonly signal: AbortSignal
  /** Asked when the connection is there and the first byte would be sent; false: nothing is, and the request fails. */
  readonly mayWrite?: (() => boolean) | undefined
}

export type Transport = {
  readonly origin: string
  /** Resolves with any HTTP answer, whatever its status; rejects with a `Fault` when there is none or it is unusable. */
  send(request: WireRequest, options: SendOptions): Promise<WireAnswer>
  /** Whether the connection is kept after an answer, from the next request on. */
  prefer(connection: Profile['connection']): void
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
  'User-Agent': 'provisioner',
} as const

const IDENTITY = { 'Accept-Encoding': 'identity' } as const

/** BMCs fall over under more (quirks.md 10). */
const CONNECTIONS = 1
/** Short, because iLO resets idle sockets and a reused dead one costs a failed request (quirks.md 10). */
const KEEP_ALIVE_MS = 1_000

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308])

/** The pool is bound to one origin, so no request can go anywhere else. */
export function createTransport(options: { address: string; tls: TlsPolicy; limits: Limits }): Transport {
  const { limits } = options
  const { origin } = new URL(options.address)
  const open = createConnector(options.tls, limits)
  /** Answers that came over the connection that is open now. */
  let answered = 0
  let connection: Profile['connection'] = 'keep-alive'
  const pool = new Pool(origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: (target, callback) => {
      answered = 0
      open(target, callback)
    },
  })

  /**
   * One request and its answer. A GET that met a connection which the BMC had closed while it was idle is sent once
   * more, at once: iLO does that, and nothing was wrong (quirks.md 10). Whether a write was read is not known, so the
   * caller looks first.
   */
  async function exchange(request: WireRequest, options: SendOptions): Promise<WireAnswer> {
    const reused = answered > 0
    try {
      return await exchangeOnce(request, options)
    } catch (error) {
      if (!(error instanceof IdleReset)) throw error
      if (request.method !== 'GET' || !reused) throw error.fault
    }
    try {
      return await exchangeOnce(request, options)
    } catch (error) {
      throw error instanceof IdleReset ? error.fault : error
    }
  }

  async function exchangeOnce(request: WireRequest, { signal, mayWrite }: SendOptions): Promise<WireAnswer> {
    if (signal.aborted) throw aborted(signal)
    const readTimeoutMs = request.readTimeoutMs ?? limits.readTimeoutMs
    // undici's own time-outs restart with every byte; this one bounds an answer that trickles in.
    const deadline = AbortSignal.timeout(limits.connectTimeoutMs + readTimeoutMs)
    // A BMC goes on with a write whose connection was cut, and may finish it after the eject that follows a cancellation.
    const patience = request.method === 'POST' || request.method === 'PATCH' ? limits.abortGraceMs : 0
    const caller = abortedLater(signal, patience)
    const stop = AbortSignal.any([caller.signal, deadline])
    let begun = false
    try {
      const line = mayWrite === undefined ? pool : pool.compose(guardedBy(mayWrite))
      const answer = await line.request({
        method: request.method,
        path: request.path,
        headers: {
          ...HEADERS,
          ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...(request.anyEncoding === true ? {} : IDENTITY),
          ...request.headers,
        },
        reset: connection === 'close',
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: stop,
        headersTimeout: readTimeoutMs,
        bodyTimeout: readTimeoutMs,
      })
      begun = true
      const status = answer.statusCode
      const headers = singleHeaders(answer.headers)
      const body = await readBody(answer.body, { path: request.path, status, encoding: headers['content-encoding'] })
      answered++
      return { method: request.method, status, headers, path: request.path, body }
    } catch (error) {
      if (signal.aborted) throw aborted(signal)
      if (deadline.aborted) throw slow(`no complete answer within ${readTimeoutMs} ms`, error)
      const fault = faultOf(error, { path: request.path, readTimeoutMs })
      throw !begun && fault instanceof Fault && isReset(error) ? new IdleReset(fault) : fault
    } finally {
      caller.release()
    }
  }

  /** A broken or endless body of an error answer is dropped: the status has spoken (iDRAC8's 401, quirks.md 10). */
  async function readBody(
    body: AsyncIterable<unknown>,
    answer: { readonly path: string; readonly status: number; readonly encoding: string | undefined },
  ): Promise<Body> {
    try {
      return parseBody(await readBytes(body, { ...answer, bytesMax: limits.bodyBytesMax }), limits)
    } catch (error) {
      if (answer.status >= 400 && isBodyFailure(error)) return { kind: 'none' }
      throw error
    }
  }

  return {
    origin,
    async send(request, options) {
      let target = request
      for (let redirects = 0; ; redirects++) {
        const first = await exchange(target, options)
        const refused = first.status === 406 && request.method === 'GET'
        const answer = refused ? await exchange({ ...target, anyEncoding: true }, options) : first
        const location = answer.headers['location']
        if (!REDIRECTS.has(answer.status) || request.method !== 'GET') return answer
        if (location === undefined) throw malformed(target.path, `${answer.status} without Location`)
        if (redirects === limits.redirectsMax) throw malformed(request.path, `more than ${redirects} redirects`)
        const link = redirectTarget(location, { origin, path: target.path })
        if (!link.ok) throw malformed(target.path, `redirected by ${link.detail}`)
        target = { ...target, path: link.path }
      }
    },
    prefer(wanted) {
      connection = wanted
    },
    async close() {
      await pool.destroy()
    },
  }
}

/** Whatever a request waited for before it could be sent, who sends it is asked last. */
function guardedBy(mayWrite: () => boolean): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch(options, {
      onRequestStart: (controller, context) => {
        if (!mayWrite()) {
          const detail = 'whoever sent it may not write to this BMC any more'
          throw new Fault({ kind: 'aborted', retry: false, detail }, { sent: false })
        }
        handler.onRequestStart?.(controller, context)
      },
      onResponseStart: (...about) => handler.onResponseStart?.(...about),
      onResponseData: (...about) => handler.onResponseData?.(...about),
      onResponseEnd: (...about) => handler.onResponseEnd?.(...about),
      onResponseError: (...about) => handler.onResponseError?.(...about),
    })
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

function singleHeaders(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const single: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const first = Array.isArray(value) ? value[0] : value
    if (first !== undefined) single[name.toLowerCase()] = first
  }
  return single
}
