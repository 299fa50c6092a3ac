/** Requests a job: checks the idempotency key, seals the recipe, and appends the job with its server's reservation. */
import { createHash } from 'node:crypto'
import type { Vault } from '../../eventstore/ledgers/vault.ts'
import { ValueTaken } from '../../eventstore/log/append.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { findJobByKey } from '../../eventstore/read-models/jobs.ts'
import type { Budgets, JobEventData } from '../../machines/job/events.ts'
import type { Job } from '../../machines/job/view.ts'
import { jobStream, serverStream } from '../../machines/kinds.ts'
import { summarizeRecipe } from '../../machines/recipe/digest.ts'
import { activeJob, isRefused, Refused } from '../refusals.ts'
import type { Runtime } from '../runtime.ts'
import type { AcceptedRecipe } from './recipe.ts'
import { registered } from './registered.ts'
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
  /** False when an earlier request with the same idempotency key created the job. */
  readonly created: boolean
}

export type RequestOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly vault: Vault
  readonly nextId: () => string
  /** The budgets of a job with this task target. */
  readonly budgetsFor: (taskTarget: string) => Budgets
}

type Idempotency = JobEventData<'job.requested'>['idempotency']

/**
 * Creates a job and reserves its server, in one transaction: of two requests for one server, the first append wins. A
 * repeated request under the same idempotency key answers the job that the first one created.
 * @throws Refused unknown_server, active_job, idempotency_key_reused.
 */
export async function requestJob(
  options: RequestOptions,
  asked: JobRequest,
  requester: Requester,
): Promise<RequestedJob> {
  const { db, vault, nextId } = options
  const idempotency = idempotencyOf(asked, requester)
  const known = await createdBefore(db, idempotency)
  if (known !== null) return known

  const jobId = nextId()
  const recipeRef = `recipe/${jobId}`
  await vault.put(recipeRef, asked.recipe.raw)
  try {
    return await append(options, { jobId, recipeRef, idempotency }, asked, requester)
  } catch (error) {
    // Only these errors prove that nothing was appended. After a lost connection the job may exist and need its recipe.
    const refused = isRefused(error, 'unknown_server', 'active_job') || error instanceof ValueTaken
    if (!refused) throw error
    await vault.remove(recipeRef)
    // The winner may be a concurrent repetition of this request, which holds the server or has taken the key.
    const winner = await createdBefore(db, idempotency)
    if (winner !== null) return winner
    throw error
  }
}

async function append(
  { runtime, budgetsFor }: RequestOptions,
  job: { readonly jobId: string; readonly recipeRef: string; readonly idempotency: Idempotency },
  asked: JobRequest,
  requester: Requester,
): Promise<RequestedJob> {
  const { jobId, recipeRef, idempotency } = job
  const { serverSerial, maintenanceIsoUrl, retryOf = null } = asked
  const { raw, recipe, warnings } = asked.recipe
  let createdAt = ''
  await runtime.commit({
    reads: [jobStream(jobId), serverStream(serverSerial)],
    cause: causeOf(requester, jobId),
    decide: ({ server, now }) => {
      const actor = registered(server(serverSerial), serverSerial)
      const holder = actor.snapshot.context.jobId
      if (holder !== null) throw activeJob(serverSerial, holder)
      createdAt = now
      const requested: JobEventData<'job.requested'> = {
        job_id: jobId,
        server_serial: serverSerial,
        recipe_ref: recipeRef,
        recipe: summarizeRecipe(recipe, raw),
        warnings: [...warnings],
        maintenance_iso_url: maintenanceIsoUrl,
        budgets: budgetsFor(recipe.task_target),
        created_at: now,
        idempotency,
        retry_of: retryOf,
      }
      return [
        { stream: jobStream(jobId), events: [{ type: 'job.requested', data: requested }] },
        { stream: serverStream(serverSerial), events: [{ type: 'server.reserved', data: { job_id: jobId } }] },
      ]
    },
  })
  return { jobId, serverSerial, createdAt, warnings, created: true }
}

/** The job that an earlier request under the same key created. @throws Refused idempotency_key_reused. */
async function createdBefore(db: Database, idempotency: Idempotency): Promise<RequestedJob | null> {
  if (idempotency === null) return null
  const found = await findJobByKey(db, idempotency.key_sha256)
  if (found === null) return null
  if (found.requestSha256 !== idempotency.request_sha256) {
    throw new Refused(
      { kind: 'idempotency_key_reused' },
      'this Idempotency-Key was used with another body; use a new key for a new request',
    )
  }
  const { job_id, server_serial, created_at, warnings } = found.job
  return { jobId: job_id, serverSerial: server_serial, createdAt: created_at, warnings, created: false }
}

/** A key is scoped to its requester. The digest of the request tells a repetition from another use of the key. */
function idempotencyOf(asked: JobRequest, { actor }: Requester): Idempotency {
  if (asked.idempotencyKey === null) return null
  return { key_sha256: sha256(`${actor}\n${asked.idempotencyKey}`), request_sha256: digestOfRequest(asked) }
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
