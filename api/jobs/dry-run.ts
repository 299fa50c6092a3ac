/**
 * What a job would do, without doing it: the real machine is run over the answers of a BMC with which nothing goes wrong,
 * and what it asks for is written down. Nothing is stored, nothing is sent.
 */

import type { JobCommands } from '../../actors/commands/jobs.ts'
import { registered } from '../../actors/commands/registered.ts'
import { activeJob } from '../../actors/refusals.ts'
import { loadActor } from '../../eventstore/log/read.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { DomainEvent } from '../../machines/event.ts'
import type { DeadlineRequest, EffectRequest } from '../../machines/evolve.ts'
import type { Budgets } from '../../machines/job/events.ts'
import { taskFormOf } from '../../machines/job/layout.ts'
import { kinds, serverStream } from '../../machines/kinds.ts'
import { summarizeRecipe } from '../../machines/recipe/digest.ts'
import type { DescriptionData } from '../../machines/server/description.ts'
import type { JobBody } from './body.ts'

export type IsoPreview = {
  readonly jobId: string
  readonly serial: string
  readonly rawRecipe: Uint8Array
  readonly createdAt: string
}

export type DryRunPorts = {
  readonly db: Database
  readonly jobs: Pick<JobCommands, 'checkRecipe'>
  readonly nextId: () => string
  /** The instant that a job created now would have. */
  readonly wallClock: () => Date
  /** The budgets of a job with this task target. */
  readonly budgetsFor: (taskTarget: string) => Budgets
  /** The digest of the task ISO that this very job would get. */
  readonly isoDigest?: (preview: IsoPreview) => Promise<{ readonly sha256: string; readonly bytes: number }>
}

type Layout = { readonly kind: string; readonly maintenance: string; readonly task: string }
export type PlannedEffect = {
  readonly step: string
  readonly effect: string
  /** The virtual media slot, where one is used and known. */
  readonly slot: string | null
}
export type PlannedWait = { readonly for: string; readonly budget_ms: number }

/** @throws Refused invalid_recipe, unknown_server, active_job. */
export async function dryRun(body: JobBody, ports: DryRunPorts) {
  const { recipe, warnings } = ports.jobs.checkRecipe(body.rawRecipe)
  const actor = registered(await loadActor(ports.db, 'server', serverStream(body.serverSerial)), body.serverSerial)
  const { jobId: holder, description } = actor.snapshot.context
  if (holder !== null) throw activeJob(body.serverSerial, holder)

  const jobId = ports.nextId()
  const createdAt = ports.wallClock().toISOString()
  const summary = summarizeRecipe(recipe, body.rawRecipe)
  const layout = layoutOf(description)
  const plan = planOf({
    job_id: jobId,
    server_serial: body.serverSerial,
    recipe_ref: '',
    recipe: summary,
    warnings,
    maintenance_iso_url: body.maintenanceIsoUrl,
    budgets: ports.budgetsFor(recipe.task_target),
    created_at: createdAt,
    idempotency: null,
    retry_of: null,
    layout: layout ?? unknownLayout,
  })
  const preview = { jobId, serial: body.serverSerial, rawRecipe: body.rawRecipe, createdAt }
  return {
    dry_run: true as const,
    server_serial: body.serverSerial,
    recipe: { ...summary },
    warnings: warnings.map((one) => ({ ...one })),
    server_status: description === null ? ('not_probed' as const) : ('probed' as const),
    layout,
    ...plan,
    task_iso: ports.isoDigest === undefined ? null : await ports.isoDigest(preview),
  }
}

/** Runs the job machine from its first event to its end and keeps what it asked for, in order. */
function planOf({ layout, ...requested }: { readonly layout: Layout } & Readonly<Record<string, unknown>>) {
  const { start, next } = kinds.job.evolve
  const effects: PlannedEffect[] = []
  const waits: PlannedWait[] = []
  const answered = new Set<string>()
  const unanswered: EffectRequest[] = []
  const keep = ({ asked, armed }: { asked: readonly EffectRequest[]; armed: readonly DeadlineRequest[] }) => {
    unanswered.push(...asked)
    for (const { key, src, input } of asked) effects.push({ step: key, effect: src, slot: slotOf(input) })
    for (const { name, delayMs } of armed) waits.push({ for: name, budget_ms: delayMs })
  }

  let evolved = start({ type: 'job.requested', data: requested })
  keep(evolved)
  while (!evolved.snapshot.matches('complete')) {
    const effect = unanswered.shift()
    const events = effect === undefined ? [report] : goodAnswers(effect, layout)
    if (effect === undefined && answered.has('report')) throw new Error('the plan of a job does not come to its end')
    answered.add(effect?.key ?? 'report')
    for (const event of events) {
      evolved = next(evolved.snapshot, event)
      keep(evolved)
    }
  }
  return { effects, waits }
}

const report: DomainEvent = {
  type: 'report.received',
  data: { status: 'success', failed_step: null, delivery_id: null },
}

function goodAnswers({ key }: EffectRequest, layout: Layout): DomainEvent[] {
  const form = taskFormOf(layout.kind)
  const succeeded = { type: `${key}.succeeded`, data: { layout, form, sha256: '', bytes: 0 } }
  // A reset is announced before it is sent, and cleanup does more after one.
  return key === 'redfish.reset' ? [{ type: 'redfish.reset.requested', data: {} }, succeeded] : [succeeded]
}

function slotOf(input: unknown): string | null {
  const slot = (input as { readonly slot?: unknown } | null)?.slot
  return typeof slot === 'string' && slot !== '' ? slot : null
}

/** Where the two media would go, as far as the last probe found out; a single slot is named twice, as in a job's history. */
function layoutOf(description: DescriptionData | null): Layout | null {
  const layout = description?.layout ?? null
  return layout === null ? null : { task: layout.maintenance, ...layout }
}

/** A server that was never probed is planned for as most are. */
const unknownLayout: Layout = { kind: 'two-cds', maintenance: '', task: '' }
