/** Read models as pure functions of a state: the same rows come out of an append and of a rebuild. */
import type { DomainEvent } from '../../machines/event.ts'
import type { JobRequested } from '../../machines/job/events.ts'
import { jobViewVersion, viewJob } from '../../machines/job/view.ts'
import { type KindName, kinds, type SnapshotOf } from '../../machines/kinds.ts'
import { serverViewVersion, viewServer } from '../../machines/server/view.ts'
import type { ReadModelRow } from '../schema.ts'

/** The parts of a stream that the rows need besides the state after its last event. */
export type ProjectedStream = {
  readonly firstEvent: DomainEvent & { readonly at: string }
  readonly lastEvent: { readonly at: string; readonly version: number }
}

/** The row of an actor of this kind in this state. */
export function project<Name extends KindName>(
  kind: Name,
  snapshot: SnapshotOf[Name],
  stream: ProjectedStream,
): ReadModelRow {
  return kind === 'job'
    ? projectJob(snapshot as SnapshotOf['job'], stream)
    : projectServer(snapshot as SnapshotOf['server'], stream)
}

function projectJob(snapshot: SnapshotOf['job'], { firstEvent, lastEvent }: ProjectedStream): ReadModelRow {
  const view = viewJob(snapshot)
  const requested = kinds.job.upcast(firstEvent).data as JobRequested
  return {
    table: 'jobs',
    row: {
      id: view.job_id,
      created_at: firstEvent.at,
      updated_at: lastEvent.at,
      version: lastEvent.version,
      view,
      view_version: jobViewVersion,
    },
    request: {
      job_id: view.job_id,
      retry_of: requested.retry_of,
      idempotency_key_sha256: requested.idempotency?.key_sha256 ?? null,
      request_sha256: requested.idempotency?.request_sha256 ?? null,
      recipe: requested.recipe,
      warnings: requested.warnings,
    },
  }
}

function projectServer(snapshot: SnapshotOf['server'], { firstEvent, lastEvent }: ProjectedStream): ReadModelRow {
  const view = viewServer(snapshot)
  return {
    table: 'servers',
    row: {
      serial: view.serial,
      registered_at: firstEvent.at,
      updated_at: lastEvent.at,
      version: lastEvent.version,
      view,
      view_version: serverViewVersion,
    },
  }
}
