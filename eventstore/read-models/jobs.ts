/** Reads of the jobs read model. */
import { and, count, desc, eq, gte, sql } from 'drizzle-orm'
import type { Outcome } from '../../machines/job/context.ts'
import type { JobStatus, JobView } from '../../machines/job/view.ts'
import type { Database } from '../postgres/database.ts'
import { jobs, type RequestOfJob } from '../schema.ts'
import { decodeCursor, encodeCursor, InvalidCursor } from './cursor.ts'

/** A job as the read model keeps it (project.ts). */
export type JobRow = {
  readonly view: JobView & RequestOfJob
  readonly createdAt: string
  readonly updatedAt: string
  /** The job's last event. */
  readonly version: number
  readonly retryOf: string | null
}

export type JobFilter = {
  readonly status?: JobStatus | undefined
  readonly outcome?: Outcome | undefined
  readonly server?: string | undefined
  readonly target?: string | undefined
  /** Created at or after this instant; RFC 3339. */
  readonly since?: string | undefined
}

export type Page<Row> = { readonly rows: readonly Row[]; readonly nextCursor: string | null }

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Jobs newest first. A page starts right after the last row of the one before, so jobs that are created meanwhile
 * neither shift nor repeat rows.
 * @throws InvalidCursor.
 */
export async function listJobs(
  db: Database,
  { filter, limit, cursor }: { readonly filter: JobFilter; readonly limit: number; readonly cursor: string | null },
): Promise<Page<JobRow>> {
  const after = cursor === null ? undefined : afterCursor(cursor)
  const rows = await db
    .select()
    .from(jobs)
    .where(
      and(
        after,
        filter.status === undefined ? undefined : eq(jobs.status, filter.status),
        filter.outcome === undefined ? undefined : eq(jobs.outcome, filter.outcome),
        filter.server === undefined ? undefined : eq(jobs.server_serial, filter.server),
        filter.target === undefined ? undefined : eq(jobs.task_target, filter.target),
        filter.since === undefined ? undefined : gte(jobs.created_at, filter.since),
      ),
    )
    .orderBy(desc(jobs.created_at), desc(jobs.id))
    .limit(limit + 1)
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    rows: page.map(toJobRow),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.created_at, last.id]) : null,
  }
}

/** One job, or null. */
export async function getJob(db: Database, jobId: string): Promise<JobRow | null> {
  const [row] = await db.select().from(jobs).where(eq(jobs.id, jobId))
  return row === undefined ? null : toJobRow(row)
}

/** How often in a row the same recipe was tried: 1 for a first job, one more for each job that it retries. */
export async function countAttempts(db: Database, jobId: string): Promise<number> {
  const [row] = await db.execute<{ attempts: number }>(sql`
    with recursive chain (id, retry_of) as (
      select id, retry_of from jobs where id = ${jobId}
      union select earlier.id, earlier.retry_of from jobs earlier join chain on earlier.id = chain.retry_of)
    select count(*)::int as attempts from chain`)
  return row?.attempts ?? 0
}

function afterCursor(cursor: string) {
  const [createdAt = '', id = ''] = decodeCursor(cursor, 2)
  if (Number.isNaN(Date.parse(createdAt)) || !uuid.test(id)) {
    throw new InvalidCursor('the cursor was not handed out by this list; start again without one')
  }
  return sql`(${jobs.created_at}, ${jobs.id}) < (${new Date(createdAt).toISOString()}::timestamptz, ${id}::uuid)`
}

/** A job's view, put together again from its columns. @throws Error for a row without its first event's columns. */
function viewOf(row: typeof jobs.$inferSelect): JobRow['view'] {
  if (row.request === null)
    throw new Error(`the row of job ${row.id} lacks what was asked for; rebuild the read models`)
  return {
    ...row.details,
    ...row.request,
    jobId: row.id,
    serverSerial: row.server_serial,
    taskTarget: row.task_target,
    status: row.status,
    outcome: row.outcome,
    cleanup: row.cleanup,
    state: row.state,
    failedStep: row.failed_step,
  }
}

function toJobRow(row: typeof jobs.$inferSelect): JobRow {
  return {
    view: viewOf(row),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    version: row.version,
    retryOf: row.retry_of,
  }
}

/** How many jobs there are of each status. */
export async function countJobsByStatus(db: Database): Promise<ReadonlyMap<string, number>> {
  const rows = await db.select({ status: jobs.status, count: count() }).from(jobs).groupBy(jobs.status)
  return new Map(rows.map(({ status, count: n }) => [status, n]))
}
