/**
 * Commands of jobs. Each decides on the current state, records, and stops; what follows is performed by whoever leases
 * the effects. A refusal is an error in domain words; `api/` knows which HTTP status that is.
 */
import { createHash } from 'node:crypto'
import type { Vault } from '../../eventstore/ledgers/vault.ts'
import { ValueTaken } from '../../eventstore/log/append.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { findJobByKey } from '../../eventstore/read-models/jobs.ts'
import type { Budgets, JobEventData } from '../../machines/job/events.ts'
import type { Job } from '../../machines/job/view.ts'
import { jobStream, serverStream } from '../../machines/kinds.ts'
import { summarizeRecipe } from '../../machines/recipe/digest.ts'
import type { Fault } from '../../machines/recipe/types.ts'
import { activeJob, isRefused, Refused, unknownJob } from '../refusals.ts'
import type { Runtime } from '../runtime.ts'
import { type AcceptedRecipe, readRecipe } from './recipe.ts'
import { registered } from './registered.ts'
import { createReportCommands } from './reports.ts'
import { causeOf, type Requester } from './requester.ts'

export type JobRequest = {
  readonly serverSerial: string
  readonly recipe: AcceptedRecipe
  readonly maintenanceIsoUrl: string | null
  readonly idempotencyKey: string | null
  readonly retryOf?: string
}

export type RequestedJob = {
  readonly jobId: string
  readonly serverSerial: string
  readonly createdAt: string
  readonly warnings: readonly Job['warnings'][number][]
  /** False when an earlier request with the same idempotency key had created it. */
  readonly created: boolean
}

export type JobCommandsOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly vault: Vault
  readonly nextId: () => string
  /** The budgets of a job with this task target. */
  readonly budgetsFor: (taskTarget: string) => Budgets
}

export type JobCommands = ReturnType<typeof createJobCommands>

export function createJobCommands({ db, runtime, vault, nextId, budgetsFor }: JobCommandsOptions) {
  const findByKey = async (keySha256: string, requestSha256: string): Promise<RequestedJob | null> => {
    const found = await findJobByKey(db, keySha256)
    if (found === null) return null
    if (found.requestSha256 !== requestSha256) {
      throw new Refused(
        { kind: 'idempotency_key_reused' },
        'this Idempotency-Key was used with another body; use a new key for a new request',
      )
    }
    const { job_id, server_serial, created_at, warnings } = found.job
    return { jobId: job_id, serverSerial: server_serial, createdAt: created_at, warnings, created: false }
  }

  /**
   * Creates a job and reserves its server, in one transaction: whoever appends first has the server.
   * @throws Refused unknown_server, active_job, idempotency_key_reused.
   */
  const request = async (asked: JobRequest, requester: Requester): Promise<RequestedJob> => {
    const { raw, recipe, warnings } = asked.recipe
    const idempotency =
      asked.idempotencyKey === null
        ? null
        : { key_sha256: sha256(`${requester.actor}\n${asked.idempotencyKey}`), request_sha256: digestOfRequest(asked) }
    const known = idempotency && (await findByKey(idempotency.key_sha256, idempotency.request_sha256))
    if (known) return known

    const jobId = nextId()
    const recipeRef = `recipe/${jobId}`
    await vault.put(recipeRef, raw)
    try {
      let createdAt = ''
      await runtime.commit({
        reads: [jobStream(jobId), serverStream(asked.serverSerial)],
        cause: causeOf(requester, jobId),
        decide: ({ server, now }) => {
          const actor = registered(server(asked.serverSerial), asked.serverSerial)
          const holder = actor.snapshot.context.jobId
          if (holder !== null) throw activeJob(asked.serverSerial, holder)
          createdAt = now
          const requested: JobEventData<'job.requested'> = {
            job_id: jobId,
            server_serial: asked.serverSerial,
            recipe_ref: recipeRef,
            recipe: summarizeRecipe(recipe, raw),
            warnings: [...warnings],
            maintenance_iso_url: asked.maintenanceIsoUrl,
            budgets: budgetsFor(recipe.task_target),
            created_at: now,
            idempotency,
            retry_of: asked.retryOf ?? null,
          }
          return [
            { stream: jobStream(jobId), events: [{ type: 'job.requested', data: requested }] },
            {
              stream: serverStream(asked.serverSerial),
              events: [{ type: 'server.reserved', data: { job_id: jobId } }],
            },
          ]
        },
      })
      return { jobId, serverSerial: asked.serverSerial, createdAt, warnings, created: true }
    } catch (error) {
      // Only these say that nothing was appended. After a lost connection the job may be there and need its recipe.
      const refused = isRefused(error, 'unknown_server', 'active_job') || error instanceof ValueTaken
      if (!refused) throw error
      await vault.remove(recipeRef)
      // The same request may have come twice at once: then the other one holds the server, or has taken the key.
      const winner = idempotency && (await findByKey(idempotency.key_sha256, idempotency.request_sha256))
      if (winner) return winner
      throw error
    }
  }

  return {
    ...createReportCommands({ runtime }),
    request,

    /** Runs a job's recipe again as a new job. @throws Refused unknown_job, job_not_ended, invalid_recipe and what `request` does. */
    retry: async (jobId: string, requester: Requester): Promise<RequestedJob> => {
      const actor = await runtime.read('job', jobId)
      if (actor === null) throw unknownJob(jobId)
      if (!actor.snapshot.matches('complete'))
        throw new Refused({ kind: 'job_not_ended' }, `job ${jobId} has not ended; cancel it or wait`)
      const { serverSerial, recipeRef, maintenanceIsoUrl } = actor.snapshot.context
      const recipe = readRecipe(await vault.get(recipeRef))
      if (!recipe.ok) throw invalidRecipe(recipe.faults)
      return request({ serverSerial, recipe, maintenanceIsoUrl, idempotencyKey: null, retryOf: jobId }, requester)
    },

    /** Asks for the end of a job before its outcome. @throws Refused unknown_job, job_ended. */
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

    /** Records what our media server saw being read. */
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

function digestOfRequest({ serverSerial, recipe, maintenanceIsoUrl }: JobRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([serverSerial, maintenanceIsoUrl]))
    .update(recipe.raw)
    .digest('hex')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
