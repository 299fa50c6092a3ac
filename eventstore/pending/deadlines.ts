/** The shared list of deadlines. The database's clock decides when one is due. */
import { asc, sql } from 'drizzle-orm'
import type { StreamId } from '../../machines/kinds.ts'
import type { Database } from '../postgres/database.ts'
import { deadlines } from '../schema.ts'

export type DueDeadline = { readonly stream: StreamId; readonly name: string }

/** Deadlines that have passed, the longest overdue first. */
export async function dueDeadlines(db: Database, limit: number): Promise<DueDeadline[]> {
  return db
    .select({ stream: deadlines.stream, name: deadlines.name })
    .from(deadlines)
    .where(sql`${deadlines.due_at} <= clock_timestamp()`)
    .orderBy(asc(deadlines.due_at))
    .limit(limit)
}

/** Milliseconds until the next deadline is due, by the database's clock; null when none is armed. */
export async function nextDeadlineInMs(db: Database): Promise<number | null> {
  const [row] = await db.execute<{ in_ms: number | null }>(
    sql`select (extract(epoch from min(due_at) - clock_timestamp()) * 1000)::float8 as in_ms from deadlines`,
  )
  return row?.in_ms ?? null
}

/** The due times of an actor's deadlines. */
export async function deadlinesOf(
  db: Database,
  stream: StreamId,
): Promise<{ readonly name: string; readonly due_at: string }[]> {
  return db
    .select({ name: deadlines.name, due_at: deadlines.due_at })
    .from(deadlines)
    .where(sql`${deadlines.stream} = ${stream}`)
    .orderBy(asc(deadlines.due_at))
}
