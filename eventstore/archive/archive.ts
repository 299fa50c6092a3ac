/**
 * Archiving: the histories of closed jobs go to a file (format.ts), and, only when asked, out of the log
 * (tombstones.ts). A history is closed when its job is complete and all its events are published.
 */
import { and, asc, eq, gt, inArray, lt, sql } from 'drizzle-orm'
import { jobStream, type StreamId } from '../../machines/kinds.ts'
import { readStream } from '../log/read.ts'
import { databaseNow } from '../postgres/clock.ts'
import type { Database } from '../postgres/database.ts'
import { events, jobs, tombstones } from '../schema.ts'
import { RemovalRefused, removeStream, signRemoval, type TombstoneKey } from '../upkeep/tombstones.ts'
import { Chain } from '../upkeep/verify.ts'
import { digestOfFile, readLines, writeLines } from './file.ts'
import { type ArchivedStream, type ArchiveEnd, createArchiveLines, readArchive } from './format.ts'

/** Criteria that a job must fulfil to be selected, all of those that are given. */
export type Selection = {
  readonly jobIds?: readonly string[] | undefined
  readonly serial?: string | undefined
  /** Their last event is before this instant; RFC 3339. */
  readonly before?: string | undefined
}

export type SelectedJobs = {
  readonly streams: number
  readonly events: number
  /** Selected, but not archived: complete jobs of which an event is not published yet, and jobs under way. */
  readonly unpublished: number
  readonly underWay: number
}

/** A selected job that cannot be archived: it does not exist, or its history is not intact. */
class NotArchivable extends Error {
  override readonly name = 'NotArchivable'
}

const jobPage = 200
const eventPage = 1000

/** True for an event behind every publisher's checkpoint; without a checkpoint, no event is published. */
const published = sql<boolean>`coalesce((
  select bool_and((c.xid, c.position) >= (${events.xid}, ${events.position})) from checkpoints c where c.name like 'nats/%'
), false)`

function selected({ jobIds, serial, before }: Selection) {
  return and(
    jobIds === undefined ? undefined : inArray(jobs.id, [...jobIds]),
    serial === undefined ? undefined : eq(jobs.server_serial, serial),
    before === undefined ? undefined : lt(jobs.updated_at, before),
  )
}

const lastEvent = and(eq(events.stream, sql`'job-' || ${jobs.id}::text`), eq(events.version, jobs.version))

/** Counts what a selection would archive. @throws NotArchivable for a job id that there is not. */
export async function countSelected(db: Database, selection: Selection): Promise<SelectedJobs> {
  const { jobIds } = selection
  if (jobIds !== undefined) {
    const known = await db
      .select({ id: jobs.id })
      .from(jobs)
      .where(inArray(jobs.id, [...jobIds]))
    const unknown = jobIds.filter((id) => !known.some((row) => row.id === id))
    if (unknown.length > 0) throw new NotArchivable(`there is no job ${unknown.join(', ')}`)
  }
  const closed = sql`${jobs.status} = 'complete'`
  const [row] = await db
    .select({
      streams: sql<number>`count(*) filter (where ${closed} and ${published})::int`,
      events: sql<number>`coalesce(sum(${jobs.version}) filter (where ${closed} and ${published}), 0)::int`,
      unpublished: sql<number>`count(*) filter (where ${closed} and not ${published})::int`,
      underWay: sql<number>`count(*) filter (where not ${closed})::int`,
    })
    .from(jobs)
    .innerJoin(events, lastEvent)
    .where(selected(selection))
  return row ?? { streams: 0, events: 0, unpublished: 0, underWay: 0 }
}

/** Closed histories of a selection, by name. */
async function* closedStreams(db: Database, selection: Selection) {
  for (let after: string | null = null; ; ) {
    const page: { readonly id: string; readonly version: number }[] = await db
      .select({ id: jobs.id, version: jobs.version })
      .from(jobs)
      .innerJoin(events, lastEvent)
      .where(
        and(
          selected(selection),
          eq(jobs.status, 'complete'),
          published,
          after === null ? undefined : gt(jobs.id, after),
        ),
      )
      .orderBy(asc(jobs.id))
      .limit(jobPage)
    for (const { id, version } of page) yield { stream: jobStream(id), version }
    const last = page.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

/** The lines of an archive, checked on the way out. @throws NotArchivable where a history is not intact. */
async function* archiveLines(db: Database, selection: Selection): AsyncGenerator<string, void, undefined> {
  const lines = createArchiveLines()
  yield lines.header(await databaseNow(db))
  for await (const { stream, version } of closedStreams(db, selection)) {
    const chain = new Chain(stream)
    const positions: string[] = []
    let head = ''
    while (positions.length < version) {
      const range = { afterVersion: positions.length, upToVersion: version, limit: eventPage }
      const page = await readStream(db, stream, range)
      for (const event of page) {
        const reason = chain.check(event)
        if (reason !== null) throw new NotArchivable(`${stream} event ${event.version}: ${reason}`)
        positions.push(event.position)
        head = event.hash
        yield lines.event(event)
      }
      if (page.length === 0) throw new NotArchivable(`${stream} event ${positions.length + 1} is missing`)
    }
    yield lines.stream({ stream, events: version, head_hash: head, positions })
  }
  yield lines.end()
}

export type Verified = ArchiveEnd & { /** Of the file as it is. */ readonly file_sha256: string }

/**
 * Writes the closed histories of a selection to a new file, reads it back and verifies it. The selection must have some.
 * @throws NotArchivable; BrokenArchive when what was read back is not what was written; EEXIST.
 */
export async function writeArchive(db: Database, selection: Selection, path: string): Promise<Verified> {
  await writeLines(path, archiveLines(db, selection))
  return verifyArchive(path)
}

/** Checks everything of an archive. @throws BrokenArchive at its first line that is not right. */
export async function verifyArchive(path: string): Promise<Verified> {
  const items = readArchive(readLines(path))
  for (let item = await items.next(); ; item = await items.next())
    if (item.done) return { ...item.value, file_sha256: await digestOfFile(path) }
}

export type Removal = { readonly by: string; readonly reason: string; readonly key: TombstoneKey }
export type Removed = {
  readonly removed: number
  /** Removed before, with this archive or another one. */
  readonly before: number
  readonly refused: readonly { readonly stream: StreamId; readonly reason: string }[]
}

/**
 * Verifies the whole file and removes its histories from the log, in one transaction each: after a crash a history is whole
 * or has its tombstone, and a second call resumes. Needs the owner's rights.
 * @throws BrokenArchive; nothing is removed then.
 */
export async function removeArchived(db: Database, path: string, { by, reason, key }: Removal): Promise<Removed> {
  const { file_sha256: archiveSha256 } = await verifyArchive(path)
  const refused: { stream: StreamId; reason: string }[] = []
  let [removed, before] = [0, 0]
  const remove = async ({ stream, events: lastVersion, head_hash: headHash }: ArchivedStream) => {
    const known = await db.select({ stream: tombstones.stream }).from(tombstones).where(eq(tombstones.stream, stream))
    if (known.length > 0) {
      before += 1
      return
    }
    const removedAt = await databaseNow(db)
    const statement = { stream, lastVersion, headHash, archiveSha256, removedAt, removedBy: by, reason }
    await removeStream(db, signRemoval(statement, key))
    removed += 1
  }
  // The archive is read and checked a second time: the list of its streams may be too long for memory.
  for await (const item of readArchive(readLines(path))) {
    if (item.kind !== 'stream') continue
    try {
      await remove(item.stream)
    } catch (error) {
      if (!(error instanceof RemovalRefused)) throw error
      refused.push({ stream: item.stream.stream, reason: error.message })
    }
  }
  return { removed, before, refused }
}
