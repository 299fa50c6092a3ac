/** Read models as pure functions of a state: the same rows come out of an append and of a rebuild. */

import type { DomainEvent } from '../../machines/event.ts'
import type { JobRequested } from '../../machines/job/events.ts'
import { viewJob } from '../../machines/job/view.ts'
import { type KindName, kinds, type SnapshotOf } from '../../machines/kinds.ts'
import { viewServer } from '../../machines/server/view.ts'
import type { jobs, servers } from '../schema.ts'

export type ProjectedRow =
  | { readonly table: 'jobs'; readonly row: typeof jobs.$inferInsert }
  | { readonly table: 'servers'; readonly row: typeof servers.$inferInsert }

/** What of a stream the rows need besides the state after its last event. */
export type ProjectedStream = {
  readonly firstEvent: DomainEvent & { readonly at: string }
  readonly lastEvent: { readonly at: string; readonly version: number }
}

/** The row of an actor. `kind` says which machine's snapshot it is. */
export function project<Name extends KindName>(
  kind: Name,
  snapshot: SnapshotOf[Name],
  stream: ProjectedStream,
): ProjectedRow {
  return kind === 'job'
    ? projectJob(snapshot as SnapshotOf['job'], stream)
    : projectServer(snapshot as SnapshotOf['server'], stream)
}

function projectJob(snapshot: SnapshotOf['job'], { firstEvent, lastEvent }: ProjectedStream): ProjectedRow {
  const { jobId, serverSerial, taskTarget, status, outcome, cleanup, state, failedStep, ...details } = viewJob(snapshot)
  const requested = kinds.job.upcast(firstEvent).data as JobRequested
  return {
    table: 'jobs',
    row: {
      id: jobId,
      server_serial: serverSerial,
      task_target: taskTarget,
      status,
      outcome,
      cleanup,
      state,
      failed_step: failedStep,
      created_at: firstEvent.at,
      updated_at: lastEvent.at,
      version: lastEvent.version,
      retry_of: requested.retry_of,
      idempotency_key_sha256: requested.idempotency?.key_sha256 ?? null,
      request_sha256: requested.idempotency?.request_sha256 ?? null,
      request: { recipe: requested.recipe, warnings: requested.warnings },
      details,
    },
  }
}

function projectServer(snapshot: SnapshotOf['server'], { firstEvent, lastEvent }: ProjectedStream): ProjectedRow {
  const view = viewServer(snapshot)
  return {
    table: 'servers',
    row: {
      serial: view.serial,
      status: view.status,
      job_id: view.jobId,
      registered_at: firstEvent.at,
      updated_at: lastEvent.at,
      version: lastEvent.version,
      view,
    },
  }
}
