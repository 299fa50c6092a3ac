/** Recordings of servers that go on or were not fetched yet, with their exchanges. Not derived from the log. */
import { and, asc, count, eq, getTableColumns, isNull, lt, sql } from 'drizzle-orm'
import type { Database } from '../postgres/database.ts'
import { bmcExchanges, bmcRecordings } from '../schema.ts'

export type RecordingRow = {
  readonly serial: string
  readonly id: string
  readonly startedAt: string
  readonly startedBy: string
  /** Exchanges that were not kept. */
  readonly lost: number
  /** Null while the recording goes on. */
  readonly endedReason: string | null
  /** The database's time of the read. */
  readonly now: string
}

export type ExchangeRow = {
  readonly controller: string
  /** From 1, per controller. */
  readonly number: number
  /** By the database's clock, RFC 3339. */
  readonly endedAt: string
  readonly exchange: string
}

/** Begins a recording and replaces the one that this server has. */
export async function beginRecording(
  db: Database,
  { serial, id, startedBy }: { readonly serial: string; readonly id: string; readonly startedBy: string },
): Promise<void> {
  await db.transaction(async (transaction) => {
    await transaction.delete(bmcRecordings).where(eq(bmcRecordings.serial, serial))
    await transaction
      .insert(bmcRecordings)
      .values({ serial, id, started_at: sql`clock_timestamp()`, started_by: startedBy })
  })
}

export async function findRecording(db: Database, serial: string): Promise<RecordingRow | null> {
  const [found] = await select(db).where(eq(bmcRecordings.serial, serial))
  return found === undefined ? null : rowOf(found)
}

/** Recordings that go on and were started longer ago than this, oldest first. */
export async function findOverdue(db: Database, ageMs: number): Promise<readonly RecordingRow[]> {
  const overdue = await select(db)
    .where(and(isNull(bmcRecordings.ended_reason), lt(bmcRecordings.started_at, ago(ageMs))))
    .orderBy(asc(bmcRecordings.started_at))
  return overdue.map(rowOf)
}

/** Ends a recording: no more exchanges are kept, and its exchanges stay. */
export async function markEnded(db: Database, id: string, reason: string): Promise<void> {
  await db.update(bmcRecordings).set({ ended_reason: reason }).where(eq(bmcRecordings.id, id))
}

/** Counts the exchanges of a recording. */
export async function countExchanges(db: Database, recording: string): Promise<number> {
  const [row] = await db.select({ kept: count() }).from(bmcExchanges).where(eq(bmcExchanges.recording, recording))
  return row?.kept ?? 0
}

function select(db: Database) {
  return db.select({ ...getTableColumns(bmcRecordings), now: sql<string>`clock_timestamp()` }).from(bmcRecordings)
}

function rowOf(row: Awaited<ReturnType<typeof select>>[number]): RecordingRow {
  const { serial, id, started_at, started_by, lost, ended_reason, now } = row
  return {
    serial,
    id,
    startedAt: started_at,
    startedBy: started_by,
    lost,
    endedReason: ended_reason,
    now: new Date(now).toISOString(),
  }
}

function ago(ms: number) {
  return sql`clock_timestamp() - make_interval(secs => ${ms / 1000})`
}

/** Deletes a recording and its exchanges. Returns false when there is none. */
export async function forgetRecording(db: Database, serial: string): Promise<boolean> {
  const rows = await db
    .delete(bmcRecordings)
    .where(eq(bmcRecordings.serial, serial))
    .returning({ id: bmcRecordings.id })
  return rows.length > 0
}

/** Deletes recordings that are older than this and returns how many are left. */
export async function forgetOldRecordings(db: Database, ageMs: number): Promise<number> {
  await db.delete(bmcRecordings).where(lt(bmcRecordings.started_at, ago(ageMs)))
  const [row] = await db.select({ left: count() }).from(bmcRecordings)
  return row?.left ?? 0
}

/** Stores an exchange; drops it when its recording has ended. */
export async function keepExchange(
  db: Database,
  { recording, controller, number, endedAt, exchange }: ExchangeRow & { readonly recording: string },
): Promise<void> {
  await db.execute(sql`insert into bmc_exchanges (recording, controller, number, ended_at, exchange)
    select id, ${controller}, ${number}, ${endedAt}, ${exchange} from bmc_recordings where id = ${recording}`)
}

/** Adds to the count of exchanges that were not kept. */
export async function countLost(db: Database, recording: string, lost: number): Promise<void> {
  await db
    .update(bmcRecordings)
    .set({ lost: sql`${bmcRecordings.lost} + ${lost}` })
    .where(eq(bmcRecordings.id, recording))
}

/** The exchanges of a recording in the order in which they were stored, which is theirs: a BMC has one writer at a time. */
export async function readExchanges(db: Database, recording: string): Promise<readonly ExchangeRow[]> {
  const rows = await db
    .select()
    .from(bmcExchanges)
    .where(eq(bmcExchanges.recording, recording))
    .orderBy(asc(bmcExchanges.ended_at), asc(bmcExchanges.controller), asc(bmcExchanges.number))
  return rows.map(({ controller, number, ended_at, exchange }) => ({ controller, number, endedAt: ended_at, exchange }))
}
