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

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'

export type WireRequest = {
  readonly method: Method
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. Writes always have an object: HPE answers 415 to a POST without a body (quirks.md 5). */
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
  /** The path that answered, after redirects. */
  readonly path: string
}

export type SendOptions = {
  readonly signal: AbortSignal
  /** Called when the connection is up, before the first byte is sent; on false nothing is sent and the request fails. */
  readonly mayWrite?: (() => boolean) | undefined
}

export type Transport = {
  readonly origin: string
  /** Resolves with any HTTP answer, whatever its status; rejects with a `Fault` when there is none or it is unusable. */
  send(request: WireRequest, options: SendOptions): Promise<WireAnswer>
  /** Sets, from the next request on, whether the connection is kept after an answer. */
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

/** BMCs fall over under more connections (quirks.md 10). */
const CONNECTIONS = 1
/** Short, because iLO resets idle sockets and a reused dead one costs a failed request (quirks.md 10). */
const KEEP_ALIVE_MS = 1_000

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 307, 308])

/** One BMC's transport: its pool is bound to one origin, so that no request can go anywhere else. */
export function createTransport(options: { address: string; tls: TlsPolicy; limits: Limits }): Transport {
  const { limits } = options
  const { origin } = new URL(options.address)
  /** Number of answers over the connection that is open now. */
  let answered = 0
  let connection: Profile['connection'] = 'keep-alive'
  const pool = createPool(options, () => {
    answered = 0
  })

  /**
   * One request and its answer. iLO closes idle connections; a GET that meets a closed one is sent once more at once
   * (quirks.md 10). A write is not, because the BMC may have read it: the caller looks first.
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
    let begun = false
    try {
      const line = mayWrite === undefined ? pool : pool.compose(guardedBy(mayWrite))
      const answer = await line.request({
        method: request.method,
        path: request.path,
        headers: headersOf(request),
        reset: connection === 'close',
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: AbortSignal.any([caller.signal, deadline]),
        headersTimeout: readTimeoutMs,
        bodyTimeout: readTimeoutMs,
      })
      begun = true
      const read = await readAnswer(request, answer, limits)
      answered++
      return read
    } catch (error) {
      if (signal.aborted) throw aborted(signal)
      if (deadline.aborted) throw slow(`no complete answer within ${readTimeoutMs} ms`, error)
      const fault = faultOf(error, { path: request.path, readTimeoutMs })
      throw !begun && fault instanceof Fault && isReset(error) ? new IdleReset(fault) : fault
    } finally {
      caller.release()
    }
  }

  return {
    origin,
    send: (request, options) =>
      followingRedirects(request, { origin, redirectsMax: limits.redirectsMax }, (target) => exchange(target, options)),
    prefer(wanted) {
      connection = wanted
    },
    async close() {
      await pool.destroy()
    },
  }
}

function createPool({ address, tls, limits }: Parameters<typeof createTransport>[0], onConnect: () => void): Pool {
  const open = createConnector(tls, limits)
  return new Pool(new URL(address).origin, {
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: (target, callback) => {
      onConnect()
      open(target, callback)
    },
  })
}

/** Follows the redirects of a GET on this BMC, and asks again without `identity` where the BMC answers 406 to it. */
async function followingRedirects(
  request: WireRequest,
  { origin, redirectsMax }: { readonly origin: string; readonly redirectsMax: number },
  exchange: (target: WireRequest) => Promise<WireAnswer>,
): Promise<WireAnswer> {
  let target = request
  for (let redirects = 0; ; redirects++) {
    const first = await exchange(target)
    const refused = first.status === 406 && request.method === 'GET'
    const answer = refused ? await exchange({ ...target, anyEncoding: true }) : first
    const location = answer.headers['location']
    if (!REDIRECTS.has(answer.status) || request.method !== 'GET') return answer
    if (location === undefined) throw malformed(target.path, `${answer.status} without Location`)
    if (redirects === redirectsMax) throw malformed(request.path, `more than ${redirects} redirects`)
    const link = redirectTarget(location, { origin, path: target.path })
    if (!link.ok) throw malformed(target.path, `redirected by ${link.detail}`)
    target = { ...target, path: link.path }
  }
}

function headersOf(request: WireRequest): Record<string, string> {
  return {
    ...HEADERS,
    ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(request.anyEncoding === true ? {} : IDENTITY),
    ...request.headers,
  }
}

/** Reads the body within its bounds. */
async function readAnswer(
  { method, path }: WireRequest,
  answer: Dispatcher.ResponseData,
  limits: Pick<Limits, 'bodyBytesMax' | 'jsonDepthMax'>,
): Promise<WireAnswer> {
  const status = answer.statusCode
  const headers = singleHeaders(answer.headers)
  const body = await readBody(answer.body, { path, status, encoding: headers['content-encoding'] }, limits)
  return { method, status, headers, path, body }
}

/** Drops a broken or endless body of an error answer: its status says enough (iDRAC8's 401, quirks.md 10). */
async function readBody(
  body: AsyncIterable<unknown>,
  answer: { readonly path: string; readonly status: number; readonly encoding: string | undefined },
  limits: Pick<Limits, 'bodyBytesMax' | 'jsonDepthMax'>,
): Promise<Body> {
  try {
    return parseBody(await readBytes(body, { ...answer, bytesMax: limits.bodyBytesMax }), limits)
  } catch (error) {
    if (answer.status >= 400 && isBodyFailure(error)) return { kind: 'none' }
    throw error
  }
}

/** Calls `mayWrite` as late as possible: after every wait of the request, right before it is sent. */
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

/** A signal that aborts `delayMs` after another one does; after `release` it never aborts. */
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
