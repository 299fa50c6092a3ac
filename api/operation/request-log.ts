/**
 * Around every request: its id and trace, one log line, its metrics. Routes are logged as patterns, never as paths: media
 * tokens stand in paths, signatures in queries.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Log } from '../../actors/log.ts'
import type { ApiEnv } from '../access/request.ts'
import type { ApiMetrics } from './metrics.ts'

export type RequestLogOptions = {
  readonly log: Log
  readonly metrics: ApiMetrics
  readonly now: () => number
  readonly nextId: () => string
}

/** No slash: ids of effects have one, and a request must not be taken for an effect in the log of events. */
const saneRequestId = /^[A-Za-z0-9._:-]{1,128}$/
/** W3C Trace Context section 3.2, version 00; ids of zeros are invalid. */
const traceparent = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

export function requestLog({ log, metrics, now, nextId }: RequestLogOptions): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const startedAtMs = now()
    const given = context.req.header('x-request-id')
    const requestId = given !== undefined && saneRequestId.test(given) ? given : nextId()
    const trace = context.req.header('traceparent')
    context.set('requestId', requestId)
    context.set('trace', trace !== undefined && traceparent.test(trace) ? trace : null)
    context.set('principal', null)

    await next()

    const durationMs = now() - startedAtMs
    const route = routeOf(context)
    const code = context.res.status
    metrics.requests.inc({ route, code })
    metrics.duration.observe({ route }, durationMs / 1000)
    if (!route.startsWith('/media/')) context.res.headers.set('x-request-id', requestId)
    const fields = {
      request_id: requestId,
      method: context.req.method,
      route,
      status: code,
      duration_ms: Math.round(durationMs * 10) / 10,
      principal: context.get('principal')?.name ?? null,
    }
    log[isChatter(route) ? 'debug' : 'info'](fields, 'request answered')
  }
}

/** The pattern of the route that answered; `unmatched` for all that is nowhere. */
export function routeOf(context: Context): string {
  const pattern = routePath(context, -1)
  return pattern === '' || pattern.includes('*') ? 'unmatched' : pattern
}

/** Requests that come in thousands and say nothing one by one. */
function isChatter(route: string): boolean {
  return route.startsWith('/media/') || route === '/healthz' || route === '/readyz' || route === '/metrics'
}

/**
 * An error for the log: what it was and where, without what was in it. A driver's message may quote the parameters of
 * a query, which are as large as a recipe.
 */
export function describeError(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { type: typeof error }
  const { code } = error as { code?: unknown }
  return {
    name: error.name,
    message: error.message.replace(/\nparams: .*/s, '').slice(0, 1000),
    ...(typeof code === 'string' ? { code } : {}),
    stack: (error.stack ?? '')
      .split('\n')
      .filter((line) => line.startsWith('    at '))
      .slice(0, 12),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  }
}
