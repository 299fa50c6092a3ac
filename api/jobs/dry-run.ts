/**
 * A dry run answers the plan of a job (machines/job/plan.ts), by the same checks as the job itself. It stores and sends
 * nothing.
 */

import type { AcceptedRecipe } from '../../actors/commands/recipe.ts'
import { registered } from '../../actors/commands/registered.ts'
import { activeJob } from '../../actors/refusals.ts'
import { loadActor } from '../../eventstore/log/actors.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { Budgets } from '../../machines/job/events.ts'
import { type Layout, planOf } from '../../machines/job/plan.ts'
import { serverStream } from '../../machines/kinds.ts'
import { summarizeRecipe } from '../../machines/recipe/digest.ts'
import type { DescriptionData } from '../../machines/server/description.ts'
import type { JobBody } from './body.ts'

export type IsoPreview = {
  readonly jobId: string
  readonly serial: string
  readonly recipe: AcceptedRecipe
  readonly createdAt: string
}

export type DryRunPorts = {
  readonly db: Database
  readonly nextId: () => string
  /** The creation time that a job would get now. */
  readonly wallClock: () => Date
  /** The budgets of a job with this task target. */
  readonly budgetsFor: (taskTarget: string) => Budgets
  /** The digest of the task ISO that this very job would get. */
  readonly isoDigest?: (preview: IsoPreview) => Promise<{ readonly sha256: string; readonly bytes: number }>
}

/** @throws Refused unknown_server, active_job. */
export async function dryRun(body: JobBody, ports: DryRunPorts) {
  const { raw, recipe, warnings } = body.recipe
  const actor = registered(await loadActor(ports.db, serverStream(body.serverSerial)), body.serverSerial)
  const { jobId: holder, description } = actor.snapshot.context
  if (holder !== null) throw activeJob(body.serverSerial, holder)

  const jobId = ports.nextId()
  const createdAt = ports.wallClock().toISOString()
  const summary = summarizeRecipe(recipe, raw)
  const layout = layoutOf(description)
  const requested = {
    job_id: jobId,
    server_serial: body.serverSerial,
    recipe_ref: '',
    recipe: summary,
    warnings: [...warnings],
    maintenance_iso_url: body.maintenanceIsoUrl,
    budgets: ports.budgetsFor(recipe.task_target),
    created_at: createdAt,
    idempotency: null,
    retry_of: null,
  }
  const preview = { jobId, serial: body.serverSerial, recipe: body.recipe, createdAt }
  return {
    dry_run: true as const,
    server_serial: body.serverSerial,
    recipe: { ...summary },
    warnings: warnings.map((one) => ({ ...one })),
    server_status: description === null ? ('not_probed' as const) : ('probed' as const),
    layout,
    ...planOf(requested, layout),
    task_iso: ports.isoDigest === undefined ? null : await ports.isoDigest(preview),
  }
}

/** The slots of the two media, by the last probe; null without any. A job's history has a single slot twice, too. */
function layoutOf(description: DescriptionData | null): Layout | null {
  const layout = description?.layout ?? null
  return layout === null ? null : { task: layout.maintenance, ...layout }
}
