/**
 * Commands of jobs. Each decides on the current state and appends events; the performer that leases the effects does
 * the rest. A refusal is an error in domain words; `api/` maps it to an HTTP status.
 */
import type { JobEventData } from '../../machines/job/events.ts'
import { jobStream } from '../../machines/kinds.ts'
import type { Fault } from '../../machines/recipe/types.ts'
import { Refused, unknownJob } from '../refusals.ts'
import { type JobRequest, type RequestedJob, type RequestOptions, requestJob } from './job-request.ts'
import { readRecipe } from './recipe.ts'
import { createReportCommands } from './reports.ts'
import { causeOf, type Requester } from './requester.ts'

export type JobCommands = ReturnType<typeof createJobCommands>

/** All commands of jobs, reports of the maintenance OS included. */
export function createJobCommands(options: RequestOptions) {
  const { runtime, vault } = options
  return {
    ...createReportCommands({ runtime }),
    request: (asked: JobRequest, requester: Requester) => requestJob(options, asked, requester),

    /**
     * Runs a job's recipe again as a new job.
     * @throws Refused unknown_job, job_not_ended, invalid_recipe, and all that `request` throws.
     */
    retry: async (jobId: string, requester: Requester): Promise<RequestedJob> => {
      const actor = await runtime.read('job', jobId)
      if (actor === null) throw unknownJob(jobId)
      if (!actor.snapshot.matches('complete'))
        throw new Refused({ kind: 'job_not_ended' }, `job ${jobId} has not ended; cancel it or wait`)
      const { serverSerial, recipeRef, maintenanceIsoUrl } = actor.snapshot.context
      const recipe = readRecipe(await vault.get(recipeRef))
      if (!recipe.ok) throw invalidRecipe(recipe.faults)
      const again = { serverSerial, recipe, maintenanceIsoUrl, idempotencyKey: null, retryOf: jobId }
      return requestJob(options, again, requester)
    },

    /** Requests the end of a job before its outcome. @throws Refused unknown_job, job_ended. */
    cancel: async (jobId: string, reason: string | null, requester: Requester): Promise<void> => {
      const stream = jobStream(jobId)
      await runtime.commit({
        reads: [stream],
        cause: causeOf(requester, jobId),
        decide: ({ job }) => {
          const actor = job(jobId)
          if (actor === null) throw unknownJob(jobId)
          const { outcome } = actor.snapshot.context
          if (outcome !== null)
            throw new Refused(
              { kind: 'job_ended' },
              `job ${jobId} has already ${outcome === 'cancelled' ? 'been cancelled' : outcome}`,
            )
          return [{ stream, events: [{ type: 'cancel.requested', data: { reason } }] }]
        },
      })
    },

    /** Records a read that the controller's media server saw. Ignores an unknown job. */
    recordMediaRead: async (jobId: string, read: JobEventData<'media.read.observed'>): Promise<void> => {
      const stream = jobStream(jobId)
      await runtime.commit({
        reads: [stream],
        cause: { actor: 'system:media', causationId: null, correlationId: jobId, trace: null },
        decide: ({ job }) =>
          job(jobId) === null ? [] : [{ stream, events: [{ type: 'media.read.observed', data: read }] }],
      })
    },
  }
}

function invalidRecipe(faults: readonly Fault[]): Refused {
  return new Refused({ kind: 'invalid_recipe', faults }, `the recipe has ${faults.length} fault(s)`)
}
