/** The conditions under which due work counts as late, by the database's clock. */
import { type SQL, sql } from 'drizzle-orm'

/** The limits from which due work counts as late. */
export type Lateness = {
  /**
   * The instant since which a controller has been there to do due work; RFC 3339, by the database's clock. Work that
   * became due while all controllers were down is late only by the time since this instant.
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
