/**
 * Middleware of every request: its id and trace, one log line, its metrics. The log has route patterns and never paths,
 * because paths hold media tokens and queries hold signatures.
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

/** Without a slash, which marks the id of an effect: events have either as their causation id. */
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

/** The pattern of the route that answered; `unmatched` when no route did. */
export function routeOf(context: Context): string {
  const pattern = routePath(context, -1)
  return pattern === '' || pattern.includes('*') ? 'unmatched' : pattern
}

/** Routes with thousands of requests, which are logged at level debug. */
function isChatter(route: string): boolean {
  return route.startsWith('/media/') || route === '/healthz' || route === '/readyz' || route === '/metrics'
}

/**
 * An error for the log, with its stack and without the parameters of a query. A driver's message may quote those, and
 * they are as large as a recipe.
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
