/** Reading streams as they are stored, and past states by replay. */
import { and, asc, eq, gt, lte, sql } from 'drizzle-orm'
import { foldOf } from '../../machines/fold.ts'
import { type KindName, kinds, parseStream, type SnapshotOf, type StreamId } from '../../machines/kinds.ts'
import type { Queryable } from '../postgres/database.ts'
import { events } from '../schema.ts'
import type { StoredEvent } from './event.ts'

/** The state of an actor as it was after version `version`, by replay from the first event; null before it existed. */
export async function stateAt<Name extends KindName>(
  db: Queryable,
  kindName: Name,
  stream: StreamId,
  version: number,
): Promise<SnapshotOf[Name] | null> {
  const fold = foldOf(kinds[kindName])
  for await (const event of readHistory(db, stream, version)) fold.take(event)
  return fold.snapshot
}

const historyPage = 1000

export type StreamRange = {
  readonly afterVersion?: number
  readonly upToVersion?: number | undefined
  readonly limit?: number
}

/** A stream's events in order. */
export async function readStream(db: Queryable, stream: StreamId, range: StreamRange = {}): Promise<StoredEvent[]> {
  const rows = await db
    .select()
    .from(events)
    .where(
      and(
        eq(events.stream, stream),
        gt(events.version, range.afterVersion ?? 0),
        range.upToVersion === undefined ? undefined : lte(events.version, range.upToVersion),
      ),
    )
    .orderBy(asc(events.version))
    .limit(range.limit ?? 100_000)
  return rows.map(toStoredEvent)
}

/** A stream's events in order from the first one, read a page at a time. */
export async function* readHistory(
  db: Queryable,
  stream: StreamId,
  upToVersion?: number,
): AsyncGenerator<StoredEvent, void, undefined> {
  for (let afterVersion = 0; ; ) {
    const page = await readStream(db, stream, { afterVersion, upToVersion, limit: historyPage })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < historyPage) return
    afterVersion = last.version
  }
}

/** The version of the last event at or before an instant; 0 when there is none. */
export async function versionAt(db: Queryable, stream: StreamId, at: string): Promise<number> {
  const [row] = await db
    .select({ version: sql<number>`coalesce(max(${events.version}), 0)::int` })
    .from(events)
    .where(and(eq(events.stream, stream), lte(events.at, at)))
  return row?.version ?? 0
}

/**
 * Events that one effect or request caused, in order; they show a performer the progress of an earlier one. Their data
 * are in the newest version of their shape.
 */
export async function readCausedBy(db: Queryable, stream: StreamId, causationId: string): Promise<StoredEvent[]> {
  const rows = await db
    .select()
    .from(events)
    .where(and(eq(events.stream, stream), eq(events.causation_id, causationId)))
    .orderBy(asc(events.version))
  const { upcast } = kinds[parseStream(stream).kind]
  return rows.map(toStoredEvent).map((event) => ({ ...event, ...upcast(event) }))
}

/** A row as it is shown: 64-bit position as text, the transaction id left out. */
export function toStoredEvent(row: typeof events.$inferSelect): StoredEvent {
  const { xid: _xid, position, ...rest } = row
  return { position: position.toString(), ...rest, machine: parseStream(row.stream).kind }
}
