/** `/api/v1/jobs` (spec/api.md "Jobs"). A route parses, makes one call, and replies. */
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { RequestedJob } from '../../actors/commands/job-request.ts'
import type { JobCommands } from '../../actors/commands/jobs.ts'
import { isRefused, Refused, unknownJob } from '../../actors/refusals.ts'
import { readStream } from '../../eventstore/log/read.ts'
import { deadlinesOf } from '../../eventstore/pending/deadlines.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { countAttempts, getJob, listJobs } from '../../eventstore/read-models/jobs.ts'
import { findTombstone, type Tombstone } from '../../eventstore/upkeep/tombstones.ts'
import { narrate, narrateWaits } from '../../machines/job/narrate.ts'
import { type Job, viewJob } from '../../machines/job/view.ts'
import { jobStream, kinds } from '../../machines/kinds.ts'
import { jobBodyBytesMax, limitBody } from '../access/limits.ts'
import { type ApiEnv, requesterOf } from '../access/request.ts'
import { invalidRequest, RequestRefused } from '../errors.ts'
import type { History } from '../histories/history.ts'
import { refuseInvalid } from '../validation.ts'
import { parseJobBody } from './body.ts'
import { type DryRunPorts, dryRun } from './dry-run.ts'
import * as routes from './routes.ts'

export type JobPorts = DryRunPorts & {
  readonly db: Database
  readonly jobs: JobCommands
  readonly drain: AbortSignal
}

/** Ceiling of the narrated events in one answer, which are the latest ones. `GET .../events` has all. */
const narratedMax = 1000

export function jobRoutes(ports: JobPorts, history: History) {
  const { db, jobs } = ports

  const requireJob = async (jobId: string): Promise<Job> => {
    const row = await getJob(db, jobId)
    if (row === null) throw await orRemoved(unknownJob(jobId), jobId)
    return row
  }
  /** Turns `unknown_job` into `removed_job` when the job has a tombstone. Other errors pass unchanged. */
  const orRemoved = async (error: unknown, jobId: string): Promise<unknown> => {
    const tombstone = isRefused(error, 'unknown_job') ? await findTombstone(db, jobId) : null
    return tombstone === null ? error : removedJob(jobId, tombstone)
  }
  const refuseWhileDraining = () => {
    if (ports.drain.aborted)
      throw new RequestRefused({ kind: 'draining' }, 'the controller is stopping and takes no new jobs; try again')
  }

  const app = new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
  app.use('/api/v1/jobs', limitBody(jobBodyBytesMax))
  return app
    .openapi(routes.create, async (context) => {
      refuseWhileDraining()
      requireJson(context)
      const body = parseJobBody(new Uint8Array(await context.req.arrayBuffer()))
      if (context.req.valid('query').dry_run === 'true') return context.json(await dryRun(body, ports), 200)
      const idempotencyKey = idempotencyKeyOf(context)
      const job = await jobs.request({ ...body, idempotencyKey }, requesterOf(context))
      if (!job.created) return context.json(existing(await requireJob(job.jobId), job), 200)
      context.header('location', `/api/v1/jobs/${job.jobId}`)
      return context.json(created(job), 202)
    })
    .openapi(routes.list, async (context) => {
      const { limit, cursor = null, ...filter } = context.req.valid('query')
      const { rows, nextCursor } = await listJobs(db, { filter, limit, cursor })
      return context.json({ jobs: rows, next_cursor: nextCursor }, 200)
    })
    .openapi(routes.get, async (context) => {
      const { job_id } = context.req.valid('param')
      const job = await requireJob(job_id)
      const stream = jobStream(job_id)
      const [events, deadlines, attempts] = await Promise.all([
        readStream(db, stream, { afterVersion: job.last_seq - narratedMax, upToVersion: job.last_seq }),
        deadlinesOf(db, stream),
        countAttempts(db, job_id),
      ])
      const narrated = events.map((event) => ({
        time: event.at,
        seq: event.version,
        ...narrate(kinds.job.upcast(event)),
      }))
      return context.json({ ...job, attempts, waiting_for: narrateWaits(deadlines), events: narrated }, 200)
    })
    .openapi(routes.cancel, async (context) => {
      const { job_id } = context.req.valid('param')
      const { reason } = context.req.valid('json')
      await jobs.cancel(job_id, reason ?? null, requesterOf(context)).catch(async (error: unknown) => {
        throw await orRemoved(error, job_id)
      })
      return context.json(await requireJob(job_id), 202)
    })
    .openapi(routes.retry, async (context) => {
      refuseWhileDraining()
      const { job_id } = context.req.valid('param')
      const job = await jobs.retry(job_id, requesterOf(context)).catch(async (error: unknown) => {
        throw await orRemoved(error, job_id)
      })
      context.header('location', `/api/v1/jobs/${job.jobId}`)
      return context.json({ ...created(job), retry_of: job_id }, 202)
    })
    .route('/', historyRoutes(requireJob, history))
}

/** The job's history: its events, its state after any of them, and the changes between two. */
function historyRoutes(requireJob: (jobId: string) => Promise<Job>, history: History) {
  return new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(routes.events, async (context) => {
      const { job_id } = context.req.valid('param')
      await requireJob(job_id)
      const answer = await history.events(context, jobStream(job_id), context.req.valid('query'))
      return 'live' in answer ? answer.live : context.json(answer.page, 200)
    })
    .openapi(routes.state, async (context) => {
      const { job_id } = context.req.valid('param')
      await requireJob(job_id)
      const { snapshot, event } = await history.state('job', jobStream(job_id), context.req.valid('query'))
      return context.json({ ...viewJob(snapshot), seq: event.version, at: event.at }, 200)
    })
    .openapi(routes.stateChanges, async (context) => {
      const { job_id } = context.req.valid('param')
      await requireJob(job_id)
      const query = context.req.valid('query')
      return context.json(await history.changes('job', jobStream(job_id), { query, show: viewJob }), 200)
    })
}

function removedJob(jobId: string, { archiveSha256, removedAt }: Tombstone): Refused {
  return new Refused(
    { kind: 'removed_job', archiveSha256, removedAt },
    `job ${jobId} was archived and removed on ${removedAt}; the archive is the file with SHA-256 ${archiveSha256}`,
  )
}

function created(job: RequestedJob) {
  return {
    job_id: job.jobId,
    status: 'queued' as const,
    server_serial: job.serverSerial,
    created_at: job.createdAt,
    warnings: job.warnings.map((one) => ({ ...one })),
  }
}

/** The job that an earlier request with the same key created, as it is now. */
function existing({ status }: Job, job: RequestedJob) {
  return { ...created(job), status }
}

/** Refuses other media types, because a browser sends JSON to another origin only after a CORS preflight. */
function requireJson(context: Context<ApiEnv>): void {
  const mediaType = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json')
    throw new RequestRefused({ kind: 'unsupported_media_type' }, 'the body must be application/json')
}

/** @throws RequestRefused validation_error. */
function idempotencyKeyOf(context: Context<ApiEnv>): string | null {
  const key = context.req.header('idempotency-key')
  if (key === undefined) return null
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key
  const message = 'is 1 to 255 printable ASCII characters without spaces'
  throw invalidRequest([{ path: '/headers/idempotency-key', code: 'invalid', message }])
}
