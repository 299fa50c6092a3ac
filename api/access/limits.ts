/** Limits on what comes in: size of bodies, requests per source; and the headers that limit what a browser does. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { LRUCache } from 'lru-cache'
import { recipeLimits } from '../../machines/recipe/parse.ts'
import { RequestRefused } from '../errors.ts'
import { type ApiEnv, sourceOf } from './request.ts'

export type Limits = {
  /** Requests that a source may send per minute, and at once. Media, health and metrics are not counted. */
  readonly requestsPerMinute: number
  /** Wrong credentials, wrong webhook secrets. */
  readonly authFailuresPerMinute: number
  /** How long a request waits for a BMC before it is answered that the BMC is still at it. */
  readonly bmcWaitMs: number
  readonly streamsMax: number
  readonly heartbeatMs: number
}

export const defaultLimits: Limits = {
  requestsPerMinute: 1200,
  authFailuresPerMinute: 20,
  bmcWaitMs: 60_000,
  streamsMax: 200,
  heartbeatMs: 15_000,
}

/** A whole recipe and what stands around it. */
export const jobBodyBytesMax = recipeLimits.bytesMax + 16 * 1024
/** A server may bring a CA of 64 KiB, written with escapes. */
export const bodyBytesMax = 160 * 1024

/** Sources that are remembered; beyond that the one that was quiet longest is forgotten. */
const sourcesMax = 10_000

export type RateLimiter = {
  /** Takes one. @throws RequestRefused too_many_requests when there is none left. */
  readonly take: (source: string) => void
  /** @throws RequestRefused too_many_requests when there is none left; takes nothing. */
  readonly check: (source: string) => void
}

/** A bucket of tokens per source that fills by the minute. `now` is a monotonic clock in milliseconds. */
export function createRateLimiter({
  perMinute,
  now,
  what,
}: {
  readonly perMinute: number
  readonly now: () => number
  readonly what: string
}): RateLimiter {
  const buckets = new LRUCache<string, { readonly tokens: number; readonly atMs: number }>({ max: sourcesMax })
  const perMs = perMinute / 60_000

  const filled = (source: string): number => {
    const bucket = buckets.peek(source)
    if (bucket === undefined) return perMinute
    return Math.min(perMinute, bucket.tokens + (now() - bucket.atMs) * perMs)
  }
  const check = (source: string): number => {
    const tokens = filled(source)
    if (tokens < 1) {
      const retryAfterMs = Math.ceil((1 - tokens) / perMs)
      throw new RequestRefused({ kind: 'too_many_requests', retryAfterMs }, `too many ${what} from this address`)
    }
    return tokens
  }
  return {
    check: (source) => void check(source),
    take: (source) => {
      const tokens = check(source)
      buckets.set(source, { tokens: tokens - 1, atMs: now() })
    },
  }
}

/** Refuses requests of sources that send too many. */
export function rateLimit(limiter: RateLimiter): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    if (!isUnmetered(context.req.path)) limiter.take(sourceOf(context))
    await next()
  }
}

/** A BMC reads a medium in thousands of small requests; probes of health come every second from one address. */
function isUnmetered(path: string): boolean {
  return path.startsWith('/media/') || path === '/healthz' || path === '/readyz' || path === '/metrics'
}

/** Refuses bodies over the limit before they are in memory, also those that come without a length. */
export function limitBody(bytesMax: number): MiddlewareHandler<ApiEnv> {
  return bodyLimit({
    maxSize: bytesMax,
    onError: () => {
      throw new RequestRefused({ kind: 'too_large' }, `the body is larger than ${bytesMax} bytes`)
    },
  })
}

/** Answers are read by programs and, on /docs, by people; nothing may be framed, guessed, embedded or kept. */
export function securityHeaders({ https }: { readonly https: boolean }): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    await next()
    // BMCs get what they need and nothing else (redfish/quirks.md section 7).
    if (context.req.path.startsWith('/media/')) return
    const headers = context.res.headers
    const set = (name: string, value: string) => headers.has(name) || headers.set(name, value)
    set('x-content-type-options', 'nosniff')
    set('x-frame-options', 'DENY')
    set('referrer-policy', 'no-referrer')
    set('cross-origin-resource-policy', 'same-origin')
    set('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
    set('cache-control', 'no-store')
    if (https) set('strict-transport-security', 'max-age=31536000')
  }
}
