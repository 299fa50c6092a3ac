/** When something that is due counts as left alone. The database's clock decides. */
import { type SQL, sql } from 'drizzle-orm'

/** How late something has to be before it counts. */
export type Lateness = {
  /**
   * Since when a controller has been there to do the work that is due; RFC 3339, by the database's clock. What became due while all
   * controllers were down is late only by the time that has passed since.
   */
  readonly since: string
  readonly deadlineMs: number
  readonly leaseMs: number
}

/** True of a row of `effects` whose lease ran out so long ago that a performer should have taken it over. */
export function abandoned({ since, leaseMs }: Lateness): SQL {
  return sql`owner is not null and greatest(expires_at, ${since}::timestamptz) < clock_timestamp() - make_interval(secs => ${leaseMs / 1000})`
}

/** True of a row of `deadlines` that should have fired long ago. */
export function overdue({ since, deadlineMs }: Lateness): SQL {
  return sql`greatest(due_at, ${since}::timestamptz) < clock_timestamp() - make_interval(secs => ${deadlineMs / 1000})`
}
