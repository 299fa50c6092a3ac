/** A job as the API shows it. */
import { z } from '@hono/zod-openapi'
import type { JobRow } from '../../eventstore/read-models/jobs.ts'
import { jobEvents } from '../../machines/job/events.ts'
import type { JobView } from '../../machines/job/view.ts'
import { jobStatuses } from '../../machines/job/view.ts'
import { failure, orNull, warning } from '../schemas.ts'

export const outcomes = ['succeeded', 'failed', 'cancelled'] as const

const layout = z.object({ kind: z.string(), maintenance: z.string(), task: z.string() })
/** Made anew from the events' shapes, because only schemas made here can be named in the document. */
const mediaRead = z.strictObject(jobEvents['media.read.observed'].data.shape).openapi('MediaRead')
export const recipeSummary = z
  .strictObject(jobEvents['job.requested'].data.shape.recipe.shape)
  .openapi('RecipeSummary', { description: 'what may be said of a recipe: payloads by size and SHA-256' })

/** What a state says of a job, now or as it was. */
const stateMembers = {
  job_id: z.uuid(),
  server_serial: z.string(),
  task_target: z.string(),
  status: z.enum(jobStatuses),
  outcome: z.enum(outcomes).nullable(),
  cleanup: z.enum(['pending', 'clean', 'dirty']),
  state: z.string().openapi({ example: 'provisioning.redfish.mountingTask' }),
  step: z.string(),
  failed_step: z.string().nullable(),
  failure: orNull(failure),
  cleanup_faults: z.array(z.object({ step: z.string(), failure })),
  created_at: z.string(),
  resets: z.int().openapi({ description: 'restarts of the host that were announced' }),
  media: z.object({
    task_iso: z.object({ sha256: z.string(), bytes: z.int() }).nullable(),
    layout: layout.nullable(),
    reads: z.object({ maintenance: mediaRead.optional(), task: mediaRead.optional() }),
  }),
  progress: z.object({ step: z.string(), percent: z.number().nullable(), message: z.string().nullable() }).nullable(),
}

const rowMembers = {
  ...stateMembers,
  last_update: z.string(),
  last_seq: z.int(),
  retry_of: z.uuid().nullable(),
  recipe: recipeSummary,
  warnings: z.array(warning),
}

export const jobItem = z.object(rowMembers).openapi('Job')
export const jobDetail = z
  .object({
    ...rowMembers,
    attempts: z.int().openapi({ description: '1, or one more than that of the job it retries' }),
    waiting_for: z.array(z.object({ for: z.string(), deadline: z.string(), until: z.string() })),
    events: z.array(
      z.object({
        time: z.string(),
        level: z.enum(['info', 'warning', 'error']),
        message: z.string(),
        step: z.string().nullable(),
        seq: z.int(),
      }),
    ),
  })
  .openapi('JobDetail')
export const jobState = z
  .object({ ...stateMembers, seq: z.int(), at: z.string() })
  .openapi('JobState', { description: 'a job as it was after event `seq`' })

export function jobStateOf(view: JobView) {
  return {
    job_id: view.jobId,
    server_serial: view.serverSerial,
    task_target: view.taskTarget,
    status: view.status,
    outcome: view.outcome,
    cleanup: view.cleanup,
    state: view.state,
    step: view.step,
    failed_step: view.failedStep,
    failure: view.failure,
    cleanup_faults: view.cleanupFaults.map((fault) => ({ ...fault })),
    created_at: view.createdAt,
    resets: view.resets,
    media: { task_iso: view.taskIso, layout: view.layout, reads: view.mediaReads },
    progress: view.progress,
  }
}

export function jobItemOf({ view, updatedAt, version, retryOf }: JobRow) {
  return {
    ...jobStateOf(view),
    last_update: updatedAt,
    last_seq: version,
    retry_of: retryOf,
    recipe: { ...view.recipe },
    warnings: view.warnings.map((one) => ({ ...one })),
  }
}
