/** Reproduces every derived table from the log alone. */
import { asc, gt, sql } from 'drizzle-orm'
import { kinds, parseStream, type SnapshotOf, type StreamId } from '../machines/kinds.ts'
import { keepConsequences, keepSnapshot } from './append.ts'
import type { Database, Queryable } from './database.ts'
import type { StoredEvent } from './event.ts'
import { replay } from './pending.ts'
import { project } from './projections/project.ts'
import { writeProjection } from './projections/write.ts'
import { events } from './schema.ts'
import { snapshotDue } from './snapshots.ts'

export type Rebuilt = { readonly streams: number; readonly events: number }

/** How far NATS has got is not derived from the log, so the publisher's checkpoint stays. */
const derivedTables = ['effects', 'deadlines', 'snapshots', 'jobs', 'servers'] as const

const streamPage = 500

/**
 * Empties the derived tables and fills them again from the log, in one transaction: readers see the old content or the
 * new, never half of it. Leases of effects are dropped, so effects under way are performed again, as after a crash; how
 * often each was leased is kept, since performers go by it, and where that is lost too, once is assumed.
 * Needs the owner's rights (TRUNCATE). Appends wait until it is done.
 */
export async function rebuild(db: Database): Promise<Rebuilt> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`lock table events in share mode`)
    await tx.execute(sql`create temporary table known_leases on commit drop as select id, epoch from effects`)
    await tx.execute(sql.raw(`truncate ${derivedTables.join(', ')}`))
    let streams = 0
    let count = 0
    let after = ''
    for (;;) {
      const page = await tx
        .selectDistinct({ stream: events.stream })
        .from(events)
        .where(gt(events.stream, after as StreamId))
        .orderBy(asc(events.stream))
        .limit(streamPage)
      for (const { stream } of page) count += await rebuildStream(tx, stream)
      streams += page.length
      const last = page.at(-1)
      if (last === undefined) break
      after = last.stream
    }
    await tx.execute(sql`
      update effects set epoch = coalesce((select epoch from known_leases known where known.id = effects.id), 1)`)
    return { streams, events: count }
  })
}

async function rebuildStream(tx: Queryable, stream: StreamId): Promise<number> {
  const { kind } = parseStream(stream)
  const { evolve, machineVersion } = kinds[kind]
  let snapshot: SnapshotOf[typeof kind] | undefined
  let first: StoredEvent | undefined
  let last: StoredEvent | undefined
  for await (const { event, evolved } of replay(tx, stream)) {
    snapshot = evolved.snapshot
    first ??= event
    last = event
    await keepConsequences(tx, event, evolved)
    if (snapshotDue(event.version)) {
      const state = evolve.dehydrate(snapshot as never)
      await keepSnapshot(tx, stream, { version: event.version, machineVersion, state })
    }
  }
  if (first === undefined || last === undefined) return 0
  await writeProjection(tx, project(kind, snapshot as never, { firstEvent: first, lastEvent: last }))
  return last.version
}
