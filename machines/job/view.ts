/** What the outside sees of a job (spec/job.md, spec/api.md), derived from its state. */
import { pathOf } from '../evolve.ts'
import type { JobContext } from './context.ts'
import type { JobSnapshot } from './machine.ts'

export const jobStatuses = ['queued', 'provisioning', 'succeeded', 'failed', 'complete'] as const
export type JobStatus = (typeof jobStatuses)[number]

/** The whole of a job's state that is shown: stable names, no XState internals. */
export type JobView = {
  readonly jobId: string
  readonly serverSerial: string
  readonly taskTarget: string
  readonly status: JobStatus
  /** The machine's full state value as a path: `provisioning.redfish.mountingTask`. */
  readonly state: string
  readonly createdAt: string
} & Pick<
  JobContext,
  | 'step'
  | 'outcome'
  | 'failedStep'
  | 'failure'
  | 'cleanup'
  | 'cleanupFaults'
  | 'resets'
  | 'taskIso'
  | 'layout'
  | 'progress'
  | 'mediaReads'
>

export function viewJob(snapshot: JobSnapshot): JobView {
  const { context } = snapshot
  return {
    jobId: context.jobId,
    serverSerial: context.serverSerial,
    taskTarget: context.taskTarget,
    status: statusOf(snapshot),
    state: pathOf(snapshot.value),
    createdAt: context.createdAt,
    step: context.step,
    outcome: context.outcome,
    failedStep: context.failedStep,
    failure: context.failure,
    cleanup: context.cleanup,
    cleanupFaults: context.cleanupFaults,
    resets: context.resets,
    taskIso: context.taskIso,
    layout: context.layout,
    progress: context.progress,
    mediaReads: context.mediaReads,
  }
}

/** A cancelled job shows `failed` while it is being cleaned up; its outcome says `cancelled` from the start. */
function statusOf(snapshot: JobSnapshot): JobStatus {
  if (snapshot.matches('queued')) return 'queued'
  if (snapshot.matches('provisioning')) return 'provisioning'
  if (snapshot.matches('complete')) return 'complete'
  return snapshot.context.outcome === 'succeeded' ? 'succeeded' : 'failed'
}

/** Whether a report of the maintenance OS would be taken now (spec/api.md: 404 otherwise). */
export function awaitsReport(snapshot: JobSnapshot): boolean {
  if (snapshot.matches({ provisioning: 'polling' }) || snapshot.matches({ provisioning: 'waitingForReport' }))
    return true
  return snapshot.matches({ provisioning: { redfish: 'resetting' } }) && snapshot.context.hostRestarted
}

/** Whether the host may still read the job's media: from the first mount until they are out again. */
export function mediaAreLive(snapshot: JobSnapshot): boolean {
  return snapshot.matches('provisioning') || snapshot.matches('cleaningUp')
}
