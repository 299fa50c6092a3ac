/**
 * Reading the whole log without missing anything. Positions are given before commit, so a reader can see 5 before 4
 * commits. Only events of transactions older than every running one are read, ordered by transaction and position.
 */
import { and, asc, eq, sql } from 'drizzle-orm'
import type { Database, Queryable } from '../postgres/database.ts'
import { checkpoints, events } from '../schema.ts'
import type { StoredEvent } from './event.ts'
import { toStoredEvent } from './read.ts'

/** A place in the log: everything at or before it was seen. */
export type Checkpoint = { readonly xid: string; readonly position: string }

export const beginning: Checkpoint = { xid: '0', position: '0' }

export type TailedEvent = { readonly event: StoredEvent; readonly checkpoint: Checkpoint }

/** Up to `limit` events after a checkpoint. No later commit can insert an event before any of them. */
export async function readTail(db: Queryable, after: Checkpoint, limit: number): Promise<TailedEvent[]> {
  const rows = await db
    .select()
    .from(events)
    .where(
      and(
        sql`(${events.xid}, ${events.position}) > (${after.xid}::xid8, ${after.position}::bigint)`,
        sql`${events.xid} < pg_snapshot_xmin(pg_current_snapshot())`,
      ),
    )
    .orderBy(asc(events.xid), asc(events.position))
    .limit(limit)
  return rows.map((row) => ({
    event: toStoredEvent(row),
    checkpoint: { xid: row.xid, position: row.position.toString() },
  }))
}

/**
 * The number of events behind a checkpoint, and the age of the next of them in seconds by the database's clock. The
 * index answers both, however many events there are.
 */
export async function readLag(
  db: Database,
  after: Checkpoint,
): Promise<{ readonly events: number; readonly seconds: number }> {
  const behind = sql`(xid, position) > (${after.xid}::xid8, ${after.position}::bigint)`
  const [row] = await db.execute<{ waiting: number; seconds: number | null }>(sql`
    select
      (select count(*)::int from events where ${behind}) as waiting,
      (select extract(epoch from clock_timestamp() - at)::float8 from events where ${behind}
        order by xid, position limit 1) as seconds`)
  return { events: row?.waiting ?? 0, seconds: row?.seconds ?? 0 }
}

/** The place of an event; null for a malformed id, or one that no event in the log has. */
export async function checkpointOf(db: Queryable, eventId: string): Promise<Checkpoint | null> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(eventId)) return null
  const place = { xid: events.xid, position: events.position }
  const [row] = await db.select(place).from(events).where(eq(events.id, eventId))
  return row === undefined ? null : { xid: row.xid, position: row.position.toString() }
}

export async function readCheckpoint(db: Queryable, name: string): Promise<Checkpoint> {
  const [row] = await db.select().from(checkpoints).where(eq(checkpoints.name, name))
  return row ? { xid: row.xid, position: row.position.toString() } : beginning
}

export async function saveCheckpoint(db: Queryable, name: string, { xid, position }: Checkpoint): Promise<void> {
  const row = { xid, position: BigInt(position) }
  await db
    .insert(checkpoints)
    .values({ name, ...row })
    .onConflictDoUpdate({ target: checkpoints.name, set: row })
}
