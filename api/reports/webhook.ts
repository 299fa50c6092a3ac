/** `POST /api/v1/status-webhook/{server_serial}`: reports of the maintenance OS (spec/api.md "Report webhook"). */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { JobCommands } from '../../actors/commands/jobs.ts'
import type { ReportAuthentication } from '../../actors/commands/reports.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { limitBody, type RateLimiter } from '../access/limits.ts'
import { type ApiEnv, requesterOf, sourceOf } from '../access/request.ts'
import { invalidRequest, isUnauthenticated } from '../errors.ts'
import type { ApiMetrics } from '../operation/metrics.ts'
import { jsonAnswer, plainText, refusals, serial } from '../schemas.ts'
import { refuseInvalid, zodDetails } from '../validation.ts'
import { createReportAuthentication, type ReportCredentials, type WebhookOptions } from './authentication.ts'

export type WebhookPorts = {
  readonly db: Database
  readonly jobs: Pick<JobCommands, 'receiveReport' | 'reportProgress'>
  readonly webhook: WebhookOptions
  readonly metrics: ApiMetrics
  readonly failures: RateLimiter
}

const reportBytesMax = 64 * 1024

const optional = (charsMax: number) => plainText(charsMax).nullish()
const jobId = z.uuid().toLowerCase().nullish()

const facts = {
  job_id: jobId,
  delivery_id: optional(128).openapi({ description: 'the same for every try to deliver this report' }),
  task_target: optional(128),
  dispatcher_version: optional(64),
  schema_id: optional(256),
  started_at: optional(64),
  finished_at: optional(64),
}

const report = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), ...facts }),
  z.object({
    status: z.literal('failed'),
    failed_step: plainText(256).openapi({ example: 'bootloader-linux.service' }),
    ...facts,
  }),
  z.object({
    status: z.literal('progress'),
    job_id: jobId,
    step: plainText(256),
    percent: z.number().min(0).max(100).nullish(),
    message: optional(1000),
  }),
])
type ReportBody = z.infer<typeof report>

const reportRoute = createRoute({
  method: 'post',
  path: '/api/v1/status-webhook/{server_serial}',
  operationId: 'report',
  tags: ['Report webhook'],
  summary: 'Report the outcome or the progress of a job, from the maintenance OS',
  description:
    'Authenticated by `X-Webhook-Secret`, or by the token of the job as `Authorization: Bearer`. Unknown members are ' +
    'ignored. A report that comes again is answered like the first time and changes nothing.',
  security: [{ webhookSecret: [] }, { jobToken: [] }],
  request: {
    params: z.object({ server_serial: serial }),
    // For the document only; the handler reads the body, so that authentication comes before validation.
    body: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Report' } } } },
  },
  responses: {
    200: jsonAnswer('It is durable', z.object({ ok: z.literal(true) })),
    ...refusals(400, 401, 404, 413, 429),
  },
})

export function webhookRoutes({ db, jobs, webhook, metrics, failures }: WebhookPorts): OpenAPIHono<ApiEnv> {
  const authenticate = createReportAuthentication(webhook, db)

  const believe = async (source: string, credentials: ReportCredentials): Promise<ReportAuthentication> => {
    failures.check(source)
    try {
      return await authenticate(credentials)
    } catch (error) {
      if (!isUnauthenticated(error)) throw error
      metrics.reportAuthFailures.inc()
      failures.take(source)
      throw error
    }
  }

  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
  app.openAPIRegistry.register('Report', report)
  app.use('/api/v1/status-webhook/*', limitBody(reportBytesMax))
  return app.openapi(reportRoute, async (context) => {
    const { server_serial } = context.req.valid('param')
    const body = parsedJson(await context.req.text())
    const by = await believe(sourceOf(context), {
      secret: context.req.header('x-webhook-secret'),
      authorization: context.req.header('authorization'),
      serial: server_serial,
      jobId: namedJob(body),
    })
    const parsed = report.safeParse(body)
    metrics.reports.inc({ status: parsed.success ? parsed.data.status : 'invalid' })
    if (!parsed.success) throw invalidRequest(zodDetails(parsed.error, ''))
    const requester = requesterOf(context)
    if (parsed.data.status === 'progress') {
      const { job_id, step, percent, message } = parsed.data
      const progress = { step, percent: percent ?? null, message: message ?? null }
      await jobs.reportProgress(server_serial, job_id ?? null, progress, by, requester)
    } else {
      await jobs.receiveReport(server_serial, outcomeOf(parsed.data), by, requester)
    }
    return context.json({ ok: true as const }, 200)
  })
}

/** Invalid JSON yields undefined, so that authentication is checked first. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** A constant, because zod takes longer to build a schema than to parse with it. */
const naming = z.looseObject({ job_id: z.uuid().toLowerCase() })

function namedJob(body: unknown): string | null {
  const named = naming.safeParse(body)
  return named.success ? named.data.job_id : null
}

function outcomeOf(body: Exclude<ReportBody, { status: 'progress' }>) {
  return {
    status: body.status,
    job_id: body.job_id ?? null,
    failed_step: body.status === 'failed' ? body.failed_step : null,
    delivery_id: body.delivery_id ?? null,
    task_target: body.task_target ?? null,
    dispatcher_version: body.dispatcher_version ?? null,
    schema_id: body.schema_id ?? null,
    started_at: body.started_at ?? null,
    finished_at: body.finished_at ?? null,
  }
}
