/** Reads of the jobs read model. */
import { and, count, desc, eq, gte, inArray, sql } from 'drizzle-orm'
import type { Job } from '../../machines/job/view.ts'
import { jobStream, parseStream } from '../../machines/kinds.ts'
import type { Database } from '../postgres/database.ts'
import { jobRequests, jobs, tombstones } from '../schema.ts'
import { decodeCursor, encodeCursor, InvalidCursor } from './cursor.ts'
import { viewOf } from './view.ts'

export type JobFilter = {
  readonly status?: Job['status'] | undefined
  readonly outcome?: Job['outcome'] | undefined
  readonly server?: string | undefined
  readonly target?: string | undefined
  /** Created at or after this instant; RFC 3339. */
  readonly since?: string | undefined
}

export type Page<Row> = { readonly rows: Row[]; readonly nextCursor: string | null }

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * Jobs newest first. A page starts right after the last row of the one before, so jobs that are created meanwhile
 * neither shift nor repeat rows.
 * @throws InvalidCursor.
 */
export async function listJobs(
  db: Database,
  { filter, limit, cursor }: { readonly filter: JobFilter; readonly limit: number; readonly cursor: string | null },
): Promise<Page<Job>> {
  const after = cursor === null ? undefined : afterCursor(cursor)
  const rows = await selectJobs(db)
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
    rows: await Promise.all(page.map((one) => jobOf(db, one))),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.row.created_at, last.row.id]) : null,
  }
}

/** One job; null where there is none. */
export async function getJob(db: Database, jobId: string): Promise<Job | null> {
  const [found] = await selectJobs(db).where(eq(jobs.id, jobId))
  return found === undefined ? null : jobOf(db, found)
}

/** The job that an idempotency key created, with the digest of its request; null where the key is new. */
export async function findJobByKey(
  db: Database,
  keySha256: string,
): Promise<{ readonly job: Job; readonly requestSha256: string | null } | null> {
  const [found] = await selectJobs(db).where(eq(jobRequests.idempotency_key_sha256, keySha256))
  return found === undefined ? null : { job: await jobOf(db, found), requestSha256: found.request.request_sha256 }
}

/** The number of attempts with one recipe: 1 for a first job, one more for each job that this one retries. */
export async function countAttempts(db: Database, jobId: string): Promise<number> {
  const [row] = await db.execute<{ attempts: number }>(sql`
    with recursive chain (id, retry_of) as (
      select job_id, retry_of from job_requests where job_id = ${jobId}
      union select earlier.job_id, earlier.retry_of from job_requests earlier join chain on earlier.job_id = chain.retry_of)
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

const selectJobs = (db: Database) =>
  db.select({ row: jobs, request: jobRequests }).from(jobs).innerJoin(jobRequests, eq(jobRequests.job_id, jobs.id))

type Found = { readonly row: typeof jobs.$inferSelect; readonly request: typeof jobRequests.$inferSelect }

async function jobOf(db: Database, { row, request }: Found): Promise<Job> {
  const { retry_of, recipe, warnings } = request
  const view = await viewOf(db, 'job', row.id, row)
  return { ...view, last_update: row.updated_at, last_seq: row.version, retry_of, recipe, warnings }
}

/**
 * The ids, among the given ones, of jobs that have been complete for `days` by the database's clock, and of jobs that were
 * archived and removed.
 */
export async function endedJobs(
  db: Database,
  { of, days }: { readonly of: readonly string[]; readonly days: number },
): Promise<readonly string[]> {
  const ids = [...of]
  const long = sql`${jobs.updated_at} < clock_timestamp() - make_interval(days => ${days})`
  const [complete, removed] = await Promise.all([
    db
      .select({ id: jobs.id })
      .from(jobs)
      .where(and(inArray(jobs.id, ids), eq(jobs.status, 'complete'), long)),
    db
      .select({ stream: tombstones.stream })
      .from(tombstones)
      .where(inArray(tombstones.stream, ids.map(jobStream))),
  ])
  return [...complete.map(({ id }) => id), ...removed.map(({ stream }) => parseStream(stream).id)]
}

/** The number of jobs of each status. */
export async function countJobsByStatus(db: Database): Promise<ReadonlyMap<string, number>> {
  const rows = await db.select({ status: jobs.status, count: count() }).from(jobs).groupBy(jobs.status)
  return new Map(rows.map(({ status, count: n }) => [status, n]))
}
