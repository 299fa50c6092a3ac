/** The API's metrics, and `GET /metrics`. Label values are bounded: route patterns, statuses, fixed words. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { ApiEnv } from '../access/request.ts'
import { textAnswer } from '../schemas.ts'

export type ApiMetrics = ReturnType<typeof createApiMetrics>

/** Registers the API's metrics (spec/observability.md). */
export function createApiMetrics(registry: Registry) {
  const registers = [registry]
  return {
    requests: new Counter({
      name: 'http_requests_total',
      help: 'Requests answered, by route pattern and status.',
      labelNames: ['route', 'code'],
      registers,
    }),
    duration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'From a request to the head of its answer.',
      labelNames: ['route'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers,
    }),
    reports: new Counter({
      name: 'webhook_received_total',
      help: 'Authenticated reports of maintenance OSes: success, failed, progress or invalid.',
      labelNames: ['status'],
      registers,
    }),
    reportAuthFailures: new Counter({
      name: 'webhook_auth_failures_total',
      help: 'Reports with a missing or wrong secret.',
      registers,
    }),
    mediaRequests: new Counter({
      name: 'media_requests_total',
      help: 'Requests for media, by status.',
      labelNames: ['code'],
      registers,
    }),
    mediaBytes: new Counter({ name: 'media_bytes_total', help: 'Bytes of media handed to connections.', registers }),
  }
}

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  operationId: 'metrics',
  tags: ['Operation'],
  summary: 'Metrics in the Prometheus text format',
  responses: { 200: textAnswer('The metrics') },
})

export function metricsRoutes(registry: Registry): OpenAPIHono<ApiEnv> {
  return new OpenAPIHono<ApiEnv>().openapi(metricsRoute, async (context) =>
    context.text(await registry.metrics(), 200, { 'content-type': registry.contentType }),
  )
}
