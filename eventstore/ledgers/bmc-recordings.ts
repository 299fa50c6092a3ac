/** Recordings, under way or ended and not fetched yet, and the exchanges that they have. Nothing here is derived from the log. */
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
  /** Null while it goes on. */
  readonly endedReason: string | null
  /** The database's time when this was read. */
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

/** Begins a recording, in place of one that this server has. */
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

/** Recordings that were started longer ago than this and go on, oldest first. */
export async function findOverdue(db: Database, ageMs: number): Promise<readonly RecordingRow[]> {
  const overdue = await select(db)
    .where(and(isNull(bmcRecordings.ended_reason), lt(bmcRecordings.started_at, ago(ageMs))))
    .orderBy(asc(bmcRecordings.started_at))
  return overdue.map(rowOf)
}

/** Says that nothing more is kept of a recording; what it has stays. */
export async function markEnded(db: Database, id: string, reason: string): Promise<void> {
  await db.update(bmcRecordings).set({ ended_reason: reason }).where(eq(bmcRecordings.id, id))
}

/** How many exchanges a recording has. */
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

/** Forgets a recording and its exchanges; false when there is none. */
export async function forgetRecording(db: Database, serial: string): Promise<boolean> {
  const rows = await db
    .delete(bmcRecordings)
    .where(eq(bmcRecordings.serial, serial))
    .returning({ id: bmcRecordings.id })
  return rows.length > 0
}

/** Forgets recordings that are older than this, and answers how many are left. */
export async function forgetOldRecordings(db: Database, ageMs: number): Promise<number> {
  await db.delete(bmcRecordings).where(lt(bmcRecordings.started_at, ago(ageMs)))
  const [row] = await db.select({ left: count() }).from(bmcRecordings)
  return row?.left ?? 0
}

/** Keeps an exchange. One of a recording that has ended is dropped. */
export async function keepExchange(
  db: Database,
  { recording, controller, number, endedAt, exchange }: ExchangeRow & { readonly recording: string },
): Promise<void> {
  await db.execute(sql`insert into bmc_exchanges (recording, controller, number, ended_at, exchange)
    select id, ${controller}, ${number}, ${endedAt}, ${exchange} from bmc_recordings where id = ${recording}`)
}

/** Says that exchanges of a recording were not kept. */
export async function countLost(db: Database, recording: string, lost: number): Promise<void> {
  await db
    .update(bmcRecordings)
    .set({ lost: sql`${bmcRecordings.lost} + ${lost}` })
    .where(eq(bmcRecordings.id, recording))
}

/** In the order in which they were kept: a BMC has one writer, whichever controller it is. */
export async function readExchanges(db: Database, recording: string): Promise<readonly ExchangeRow[]> {
  const rows = await db
    .select()
    .from(bmcExchanges)
    .where(eq(bmcExchanges.recording, recording))
    .orderBy(asc(bmcExchanges.ended_at), asc(bmcExchanges.controller), asc(bmcExchanges.number))
  return rows.map(({ controller, number, ended_at, exchange }) => ({ controller, number, endedAt: ended_at, exchange }))
}
