/**
 * The one HTTP application: the middleware of every request, then the resources. Reading order of the folder: this
 * file, access/, problem.ts, one folder per resource (jobs/, servers/, reports/, media/, histories/).
 */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import type { Registry } from 'prom-client'
import type { JobCommands } from '../actors/commands/jobs.ts'
import type { ServerCommands } from '../actors/commands/servers.ts'
import type { Log } from '../actors/log.ts'
import type { Recordings } from '../actors/recordings/recordings.ts'
import type { Database } from '../eventstore/postgres/database.ts'
import type { Notifications } from '../eventstore/postgres/notifications.ts'
import { asyncApiDocument } from '../eventstore/publish/asyncapi.ts'
import type { Budgets } from '../machines/job/events.ts'
import { type Authenticate, type AuthOptions, createAuthenticate } from './access/auth.ts'
import { createRateLimiter, type Limits, type RateLimiter, rateLimit, securityHeaders } from './access/limits.ts'
import { hasRole, requiredRole } from './access/principals.ts'
import { type ApiEnv, sourceOf } from './access/request.ts'
import { docsRoutes } from './docs.ts'
import { isUnauthenticated, RequestRefused } from './errors.ts'
import { createHistory } from './histories/history.ts'
import type { IsoPreview } from './jobs/dry-run.ts'
import { jobRoutes } from './jobs/handlers.ts'
import { type MediaPorts, mediaRoutes } from './media/handlers.ts'
import { meterMedia } from './media/meter.ts'
import { type OpenApiDocument, openApiDocument } from './openapi.ts'
import { healthRoutes, type ReadinessCheck } from './operation/health.ts'
import { createApiMetrics, metricsRoutes } from './operation/metrics.ts'
import { describeError, requestLog, routeOf } from './operation/request-log.ts'
import * as problem from './problem.ts'
import type { WebhookOptions } from './reports/authentication.ts'
import { webhookRoutes } from './reports/webhook.ts'
import { serverRoutes } from './servers/handlers.ts'
import { recordingRoutes } from './servers/recordings.ts'
import { refuseInvalid } from './validation.ts'

export type ApiOptions = {
  readonly db: Database
  readonly notifications: Notifications
  readonly jobs: JobCommands
  readonly servers: ServerCommands
  readonly recordings: Recordings
  readonly media: MediaPorts
  readonly auth: AuthOptions
  readonly webhook: WebhookOptions
  readonly limits: Limits
  /** The API registers its metrics here; `/metrics` shows the whole registry. */
  readonly registry: Registry
  readonly readiness: readonly ReadinessCheck[]
  /** Aborted when the controller begins to stop: no new jobs, live streams end, `/readyz` says so. */
  readonly drain: AbortSignal
  /** The budgets of a job with this task target, for dry runs. */
  readonly budgetsFor: (taskTarget: string) => Budgets
  /** The digest of the task ISO that a job would get, for dry runs. */
  readonly isoDigest?: (preview: IsoPreview) => Promise<{ readonly sha256: string; readonly bytes: number }>
  readonly log: Log
  /** Monotonic, in milliseconds. */
  readonly now: () => number
  readonly wallClock: () => Date
  readonly nextId: () => string
  /** The origin that clients use. */
  readonly publicUrl: string
  readonly version: string
  /** The JetStream stream that events are published to. */
  readonly streamName: string
}

export type Api = { readonly app: OpenAPIHono<ApiEnv>; readonly document: OpenApiDocument }

/** Puts the application together. @throws RangeError for an invalid configuration of the authentication. */
export async function createApp(options: ApiOptions): Promise<Api> {
  const { log, now, nextId, registry, publicUrl, limits } = options
  const metrics = createApiMetrics(registry)
  const failures = (what: string) => createRateLimiter({ perMinute: limits.authFailuresPerMinute, now, what })
  const requests = createRateLimiter({ perMinute: limits.requestsPerMinute, now, what: 'requests' })
  const authenticate = await createAuthenticate(options.auth, { now })

  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
  const refuse = (refusal: problem.Problem, context: Context<ApiEnv>) =>
    problem.problemResponse(refusal, { requestId: context.get('requestId'), publicUrl })
  app.onError((error, context) => {
    const known = problem.problemOf(error)
    if (known === null || known.status === 500) {
      const fields = { request_id: context.get('requestId'), route: routeOf(context), err: describeError(error) }
      log.error(fields, 'a request failed by a defect')
    }
    return refuse(known ?? problem.internalError, context)
  })
  app.notFound((context) => refuse(problem.notFound, context))

  app.use(requestLog({ log, metrics, now, nextId }))
  app.use(securityHeaders({ https: new URL(publicUrl).protocol === 'https:' }))
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (context, allowed) =>
        refuse({ ...problem.methodNotAllowed, headers: { allow: allowed.join(', ') } }, context),
    }),
  )
  app.use(rateLimit(requests))
  app.use(requireRole(authenticate, failures('failed logins')))
  app.use('/media/*', meterMedia(metrics))

  const history = createHistory(options)
  app.route('/', jobRoutes(options, history))
  app.route('/', serverRoutes(options, history))
  app.route('/', recordingRoutes(options))
  app.route('/', webhookRoutes({ ...options, metrics, failures: failures('reports with a wrong secret') }))
  app.route('/', healthRoutes(options))
  app.route('/', metricsRoutes(registry))
  app.route('/', mediaRoutes(options.media))
  const document = openApiDocument(app, options)
  app.route('/', docsRoutes(document, asyncApiDocument({ version: options.version, streamName: options.streamName })))
  return { app, document }
}

/** Authenticates every request but those to open paths, and checks the principal's role. */
function requireRole(authenticate: Authenticate, failures: RateLimiter): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const { path, method } = context.req
    if (isOpen(path)) return next()
    const source = sourceOf(context)
    failures.check(source)
    try {
      context.set('principal', await authenticate(context.req.header('authorization')))
    } catch (error) {
      // A request without credentials is no attempt to guess them.
      if (isUnauthenticated(error) && context.req.header('authorization') !== undefined) failures.take(source)
      throw error
    }
    const principal = context.get('principal')
    const needed = requiredRole({ method, path })
    if (principal === null || !hasRole(principal, needed))
      throw new RequestRefused(
        { kind: 'forbidden' },
        `the role ${needed} is needed for this; yours is ${principal?.role ?? 'none'}`,
      )
    return next()
  }
}

const openPaths = ['/healthz', '/readyz', '/openapi.json', '/asyncapi.json', '/docs']
const openPrefixes = ['/media/', '/api/v1/status-webhook/']

/** True for a public path, and for one with its own authentication (media URLs, the webhook). */
function isOpen(path: string): boolean {
  return openPaths.includes(path) || openPrefixes.some((prefix) => path.startsWith(prefix))
}
