/** Limits on requests (size of bodies, requests per source), and the security headers of answers. */
import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { LRUCache } from 'lru-cache'
import { recipeLimits } from '../../machines/recipe/parse.ts'
import { RequestRefused } from '../errors.ts'
import { type ApiEnv, sourceOf } from './request.ts'

export type Limits = {
  /** Requests that a source may send per minute; also the burst. Media, health and metrics are exempt. */
  readonly requestsPerMinute: number
  /** Wrong credentials or webhook secrets that a source may send per minute; also the burst. */
  readonly authFailuresPerMinute: number
  /** Timeout of a request that waits for a BMC; then the API answers `still_under_way`. */
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

/** A recipe of the largest size, and the members around it. */
export const jobBodyBytesMax = recipeLimits.bytesMax + 16 * 1024
/** A registration may hold a CA of 64 KiB, written with JSON escapes. */
export const bodyBytesMax = 160 * 1024

/** Ceiling of the buckets in memory; beyond it the least recently used one is evicted. */
const sourcesMax = 10_000

export type RateLimiter = {
  /** Takes one token. @throws RequestRefused too_many_requests when the bucket is empty. */
  readonly take: (source: string) => void
  /** Takes no token. @throws RequestRefused too_many_requests when the bucket is empty. */
  readonly check: (source: string) => void
}

/** A token bucket per source, refilled continuously. `now` is a monotonic clock in milliseconds. */
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

/** A BMC reads a medium in thousands of small requests; a health checker asks every second from one address. */
function isUnmetered(path: string): boolean {
  return path.startsWith('/media/') || path === '/healthz' || path === '/readyz' || path === '/metrics'
}

/** Refuses a body over the limit before it is in memory, also one without a Content-Length. */
export function limitBody(bytesMax: number): MiddlewareHandler<ApiEnv> {
  return bodyLimit({
    maxSize: bytesMax,
    onError: () => {
      throw new RequestRefused({ kind: 'too_large' }, `the body is larger than ${bytesMax} bytes`)
    },
  })
}

/** Headers for every answer but media: browsers may not frame, sniff, embed or cache it. */
export function securityHeaders({ https }: { readonly https: boolean }): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    await next()
    // BMCs get only the headers that they need (redfish/quirks.md section 7).
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
