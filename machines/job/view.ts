/**
 * The public view of a job (spec/job.md, spec/api.md), derived from its state: the one shape that the read model keeps,
 * the API answers, NATS publishes in part and the command line reads.
 */
import { z } from 'zod'
import { failureData } from '../event.ts'
import { pathOf } from '../evolve.ts'
import { jobEvents } from './events.ts'
import type { JobSnapshot } from './machine.ts'

/** Increased with every change of `jobView`: stored views of another version are not used, and made anew. */
export const jobViewVersion = 1

export const jobStatuses = ['queued', 'provisioning', 'succeeded', 'failed', 'complete'] as const
type JobStatus = (typeof jobStatuses)[number]
export const jobOutcomes = ['succeeded', 'failed', 'cancelled'] as const

const mediaRead = jobEvents['media.read.observed'].data
const { recipe, warnings } = jobEvents['job.requested'].data.shape

/** The state of a job, now or as it was. Stable names, no XState internals. */
export const jobView = z.object({
  job_id: z.uuid(),
  server_serial: z.string(),
  task_target: z.string(),
  status: z.enum(jobStatuses),
  outcome: z.enum(jobOutcomes).nullable(),
  cleanup: z.enum(['pending', 'clean', 'dirty']),
  /** The machine's full state value as a path: `provisioning.redfish.mountingTask`. */
  state: z.string(),
  step: z.string(),
  failed_step: z.string().nullable(),
  failure: failureData.nullable(),
  cleanup_faults: z.array(z.object({ step: z.string(), failure: failureData })),
  created_at: z.string(),
  resets: z.int().describe('restarts of the host that were announced'),
  media: z.object({
    task_iso: z.object({ sha256: z.string(), bytes: z.int() }).nullable(),
    layout: z.object({ kind: z.string(), maintenance: z.string(), task: z.string() }).nullable(),
    reads: z.object({ maintenance: mediaRead.optional(), task: mediaRead.optional() }),
  }),
  progress: z.object({ step: z.string(), percent: z.number().nullable(), message: z.string().nullable() }).nullable(),
})
export type JobView = z.infer<typeof jobView>

/** A job as it is listed: its state, its last event, and its request. */
export const job = jobView.extend({
  last_update: z.string(),
  last_seq: z.int(),
  retry_of: z.uuid().nullable(),
  recipe,
  warnings,
})
export type Job = z.infer<typeof job>

export function viewJob(snapshot: JobSnapshot): JobView {
  const { context } = snapshot
  return {
    job_id: context.jobId,
    server_serial: context.serverSerial,
    task_target: context.taskTarget,
    status: statusOf(snapshot),
    outcome: context.outcome,
    cleanup: context.cleanup,
    state: pathOf(snapshot.value),
    step: context.step,
    failed_step: context.failedStep,
    failure: context.failure,
    cleanup_faults: [...context.cleanupFaults],
    created_at: context.createdAt,
    resets: context.resets,
    media: { task_iso: context.taskIso, layout: context.layout, reads: context.mediaReads },
    progress: context.progress,
  }
}

/** A cancelled job shows `failed` while it is being cleaned up; its outcome says `cancelled` from the start. */
function statusOf(snapshot: JobSnapshot): JobStatus {
  if (snapshot.matches('queued')) return 'queued'
  if (snapshot.matches('provisioning')) return 'provisioning'
  if (snapshot.matches('complete')) return 'complete'
  return snapshot.context.outcome === 'succeeded' ? 'succeeded' : 'failed'
}

/** True when the job takes a report of the maintenance OS now (spec/api.md: 404 otherwise). */
export function awaitsReport(snapshot: JobSnapshot): boolean {
  if (snapshot.matches({ provisioning: 'polling' }) || snapshot.matches({ provisioning: 'waitingForReport' }))
    return true
  return snapshot.matches({ provisioning: { redfish: 'resetting' } }) && snapshot.context.hostRestarted
}

/** True while the host may still read the job's media: until the end of cleanup. */
export function mediaAreLive(snapshot: JobSnapshot): boolean {
  return snapshot.matches('provisioning') || snapshot.matches('cleaningUp')
}
