/**
 * The database's clock, which decides every instant in the log, without a query for each: the database's last answer plus
 * the time on this process's monotonic clock since. Setting the machine's clock changes neither.
 */
import { performance } from 'node:perf_hooks'
import { sql } from 'drizzle-orm'
import type { Database } from './database.ts'

/** The two clocks of this process, in ms: the monotonic one, and the one that can be set. */
export type LocalClocks = { readonly counted: () => number; readonly set: () => number }

const localClocks: LocalClocks = { counted: () => performance.now(), set: () => Date.now() }

/** Crystals differ by some tens of microseconds a second, and after a failover another machine tells the time. */
const answerKeptMs = 1000
/**
 * When the two clocks differ by more, the wall clock was set, or the monotonic one stood still, as it does while a virtual
 * machine is suspended. Then the database is asked.
 */
const disagreementMaxMs = 20

/**
 * Returns the database's time, RFC 3339 with milliseconds, late by at most the way of an answer. Callers that wait at the
 * same time share one query.
 */
export function createDatabaseClock(db: Database, clocks: LocalClocks = localClocks): () => Promise<string> {
  let known: { readonly answer: number; readonly counted: number; readonly set: number } | undefined
  let asking: Promise<number> | undefined

  const told = (): number | undefined => {
    if (known === undefined) return undefined
    const counted = clocks.counted() - known.counted
    const disagreement = Math.abs(clocks.set() - known.set - counted)
    return counted < answerKeptMs && disagreement < disagreementMaxMs ? known.answer + counted : undefined
  }

  const ask = async (): Promise<number> => {
    try {
      const answer = Date.parse(await databaseNow(db))
      known = { answer, counted: clocks.counted(), set: clocks.set() }
      return answer
    } finally {
      asking = undefined
    }
  }

  return async () => {
    let ms = told()
    if (ms === undefined) {
      asking ??= ask()
      ms = await asking
    }
    return new Date(ms).toISOString()
  }
}

/** The database's time, by a query. */
export async function databaseNow(db: Database): Promise<string> {
  const [row] = await db.execute<{ now: string }>(sql`select clock_timestamp() as now`)
  if (row === undefined) throw new Error('the database did not tell the time')
  return new Date(row.now).toISOString()
}
