/**
 * The latest state of a job or server as subscribers get it: a part of the API's answer, and the event that led to it. Read
 * from the read models, and only as far as the log has been published, so that a state never comes before its event.
 */
import { and, asc, eq, gt, inArray, type SQL, sql } from 'drizzle-orm'
import { z } from 'zod'
import { jobView } from '../../machines/job/view.ts'
import { type KindName, parseStream, type StreamId } from '../../machines/kinds.ts'
import { serverView } from '../../machines/server/view.ts'
import type { Checkpoint } from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import { viewOf } from '../read-models/view.ts'
import { events, jobs, servers } from '../schema.ts'

/** The default name of the key-value bucket. */
export const statesBucketName = 'provisioner_states'

/** The event that led to the state; subscribers have it too. */
const lastEvent = {
  seq: z.int().positive().describe('The stream’s last event; `streamversion` in its CloudEvent.'),
  at: z.iso.datetime(),
  hash: z.string().describe('Of that event.'),
}

/** Members are those of the API's answers. */
export const latestStates = {
  job: jobView
    .pick({
      job_id: true,
      server_serial: true,
      task_target: true,
      status: true,
      outcome: true,
      cleanup: true,
      state: true,
      failed_step: true,
      progress: true,
      created_at: true,
    })
    .extend({ created_at: z.iso.datetime(), ...lastEvent }),
  server: serverView
    .pick({ serial: true, status: true, state: true, active_job: true, last_job: true })
    .extend(lastEvent),
} as const satisfies Record<KindName, z.ZodType>

export type LatestState = z.infer<(typeof latestStates)[KindName]>

const branches = { job: 'jobs', server: 'servers' } as const satisfies Record<KindName, string>

/**
 * The key of a job or server: `jobs.<job_id>`, `servers.<serial>`. Keys take letters, digits and `-_=/` in a token (NATS
 * ADR-8), so every other byte of the serial is written `=XX`; with `%` for `=` it is a URI component again.
 */
export function stateKeyOf(stream: StreamId): string {
  const { kind, id } = parseStream(stream)
  const hex = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  const token = encodeURIComponent(id.toWellFormed()).replace(/[!~*'().]/g, hex)
  return `${branches[kind]}.${token.replaceAll('%', '=')}`
}

/**
 * The states of streams as of their last events. A removed server's is null; a stream is missing whose last event comes
 * after `upTo`: a later look finds it.
 */
export async function readLatestStates(
  db: Database,
  streams: readonly StreamId[],
  upTo: Checkpoint,
): Promise<ReadonlyMap<StreamId, LatestState | null>> {
  const idsOf = (wanted: KindName) =>
    streams.map((stream) => parseStream(stream)).flatMap(({ kind, id }) => (kind === wanted ? [id] : []))
  const [jobIds, serials] = [idsOf('job'), idsOf('server')]
  const [jobRows, serverRows] = await Promise.all([
    jobIds.length === 0 ? [] : readJobs(db, jobIds, upTo),
    serials.length === 0 ? [] : readServers(db, serials, upTo),
  ])
  return new Map<StreamId, LatestState | null>([
    ...(await Promise.all(jobRows.map(async (read) => [read.stream, await jobState(db, read)] as const))),
    ...(await Promise.all(serverRows.map(async (read) => [read.stream, await serverState(db, read)] as const))),
  ])
}

function readJobs(db: Database, ids: readonly string[], upTo: Checkpoint) {
  return db
    .select({ row: jobs, at: events.at, hash: events.hash, stream: events.stream })
    .from(jobs)
    .innerJoin(events, isLastEvent(sql`'job-' || ${jobs.id}::text`, { version: sql`${jobs.version}`, upTo }))
    .where(inArray(jobs.id, [...ids]))
}

function readServers(db: Database, serials: readonly string[], upTo: Checkpoint) {
  return db
    .select({ row: servers, at: events.at, hash: events.hash, stream: events.stream })
    .from(servers)
    .innerJoin(events, isLastEvent(sql`'server-' || ${servers.serial}`, { version: sql`${servers.version}`, upTo }))
    .where(inArray(servers.serial, [...serials]))
}

function isLastEvent(stream: SQL, { version, upTo }: { readonly version: SQL; readonly upTo: Checkpoint }) {
  return and(eq(events.stream, stream), eq(events.version, version), notAfter(upTo))
}

function notAfter({ xid, position }: Checkpoint): SQL {
  return sql`(${events.xid}, ${events.position}) <= (${xid}::xid8, ${position}::bigint)`
}

type Read<Row> = { readonly row: Row; readonly at: string; readonly hash: string }

async function jobState(db: Database, { row, at, hash }: Read<typeof jobs.$inferSelect>): Promise<LatestState> {
  return latestStates.job.parse({ ...(await viewOf(db, 'job', row.id, row)), seq: row.version, at, hash })
}

async function serverState(
  db: Database,
  { row, at, hash }: Read<typeof servers.$inferSelect>,
): Promise<LatestState | null> {
  if (row.status === 'removed') return null
  return latestStates.server.parse({ ...(await viewOf(db, 'server', row.serial, row)), seq: row.version, at, hash })
}

export type TouchedStream = { readonly stream: StreamId; readonly id: string; readonly checkpoint: Checkpoint }

/** The streams of the events after one place and not after another, an entry per event, in the order of the log. */
export async function readTouched(
  db: Database,
  { after, upTo, limit }: { readonly after: Checkpoint; readonly upTo: Checkpoint; readonly limit: number },
): Promise<TouchedStream[]> {
  const rows = await db
    .select({ stream: events.stream, id: events.id, xid: events.xid, position: events.position })
    .from(events)
    .where(
      and(sql`(${events.xid}, ${events.position}) > (${after.xid}::xid8, ${after.position}::bigint)`, notAfter(upTo)),
    )
    .orderBy(asc(events.xid), asc(events.position))
    .limit(limit)
  return rows.map(({ stream, id, xid, position }) => ({
    stream,
    id,
    checkpoint: { xid, position: position.toString() },
  }))
}

/** All streams in an order of their own, a page after `after`; '' is before the first. */
export async function listStreams(
  db: Database,
  { after, limit }: { readonly after: StreamId | ''; readonly limit: number },
): Promise<StreamId[]> {
  const rows = await db
    .select({ stream: events.stream })
    .from(events)
    .where(and(eq(events.version, 1), gt(events.stream, after as StreamId)))
    .orderBy(asc(events.stream))
    .limit(limit)
  return rows.map(({ stream }) => stream)
}
