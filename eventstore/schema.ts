/**
 * The tables. `migrations/` creates them; this file says what they mean and what may happen to their rows, and types
 * every query. Only `events`, `tombstones` and `sealed` hold anything that cannot be rebuilt.
 */
import { sql } from 'drizzle-orm'
import {
  bigint,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import type { Job, JobView } from '../machines/job/view.ts'
import type { StreamId } from '../machines/kinds.ts'
import type { ServerView } from '../machines/server/view.ts'

const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })
const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })
/** An instant as RFC 3339 UTC with milliseconds, whatever time zone the session has. */
const instant = customType<{ data: string; driverData: string }>({
  dataType: () => 'timestamp(3) with time zone',
  fromDriver: (value) => new Date(value).toISOString(),
})

/**
 * The log. Rows are only ever inserted: a trigger refuses everything else, and the application's role may not try. The one
 * way out is `remove_archived_stream`, for whole histories of ended jobs that leave a tombstone.
 */
export const events = pgTable(
  'events',
  {
    position: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity().primaryKey(),
    /** The transaction that inserted the row: readers of the whole log go by visibility, not by position (log/tail.ts). */
    xid: xid8().notNull().default(sql`pg_current_xact_id()`),
    id: uuid().notNull().unique(),
    stream: text().$type<StreamId>().notNull(),
    version: integer().notNull(),
    type: text().notNull(),
    schema_version: integer().notNull(),
    data: jsonb().$type<unknown>().notNull(),
    state_from: text(),
    state_to: text().notNull(),
    machine: text().notNull(),
    machine_version: text().notNull(),
    at: instant().notNull(),
    actor: text().notNull(),
    causation_id: text(),
    correlation_id: text(),
    trace: text(),
    prev_hash: text(),
    hash: text().notNull(),
  },
  (table) => [
    uniqueIndex('events_stream_version').on(table.stream, table.version),
    index('events_tail').on(table.xid, table.position),
  ],
)

/** What stands for a history that was archived and removed, signed (upkeep/tombstones.ts). Rows are only ever inserted. */
export const tombstones = pgTable('tombstones', {
  /** In the order of commits: removals go one at a time. */
  position: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity().primaryKey(),
  /** The transaction that removed the events: the log's trigger lets only that one. */
  xid: xid8().notNull().default(sql`pg_current_xact_id()`),
  stream: text().$type<StreamId>().notNull().unique(),
  /** The last event's. The first one's is 1, so that it is their number too. */
  last_version: integer().notNull(),
  head_hash: text().notNull(),
  archive_sha256: text().notNull(),
  removed_at: instant().notNull(),
  removed_by: text().notNull(),
  reason: text().notNull(),
  key_id: text().notNull(),
  signature: text().notNull(),
})

/** What machines asked for and nobody finished yet. Rows go when their outcome is appended or their state is left. */
export const effects = pgTable(
  'effects',
  {
    /** `<id of the event that asked>/<step key>`: the same after a rebuild. */
    id: text().primaryKey(),
    stream: text().$type<StreamId>().notNull(),
    version: integer().notNull(),
    key: text().notNull(),
    src: text().notNull(),
    input: jsonb().$type<unknown>().notNull(),
    asked_at: instant().notNull(),
    available_at: instant().notNull(),
    /** The lease. `epoch` counts leases: an outcome is accepted only from the owner of the current one. */
    owner: text(),
    epoch: integer().notNull().default(0),
    expires_at: instant(),
  },
  (table) => [
    uniqueIndex('effects_stream_key').on(table.stream, table.key),
    index('effects_available').on(table.available_at),
  ],
)

/** Deadlines that are armed. Rows go when `<name>.elapsed` is appended or their state is left. */
export const deadlines = pgTable(
  'deadlines',
  {
    stream: text().$type<StreamId>().notNull(),
    name: text().notNull(),
    due_at: instant().notNull(),
  },
  (table) => [primaryKey({ columns: [table.stream, table.name] }), index('deadlines_due').on(table.due_at)],
)

/** The latest snapshot of long streams; only an optimisation, ignored when its machine's version is another. */
export const snapshots = pgTable('snapshots', {
  stream: text().$type<StreamId>().primaryKey(),
  version: integer().notNull(),
  machine_version: text().notNull(),
  state: jsonb().$type<unknown>().notNull(),
})

/**
 * Read model: jobs as the API lists them. Written in the transaction that appends the event, or made anew from the log
 * where `view_version` is not this program's (upkeep/outdated-views.ts). Columns that lists filter by are generated.
 */
export const jobs = pgTable(
  'jobs',
  {
    id: uuid().primaryKey(),
    created_at: instant().notNull(),
    updated_at: instant().notNull(),
    version: integer().notNull(),
    view: jsonb().$type<JobView>().notNull(),
    view_version: integer().notNull(),
    server_serial: text().notNull().generatedAlwaysAs(sql`view ->> 'server_serial'`),
    task_target: text().notNull().generatedAlwaysAs(sql`view ->> 'task_target'`),
    status: text().$type<JobView['status']>().notNull().generatedAlwaysAs(sql`view ->> 'status'`),
    outcome: text().$type<JobView['outcome']>().generatedAlwaysAs(sql`view ->> 'outcome'`),
  },
  (table) => [
    index('jobs_created').on(table.created_at.desc(), table.id.desc()),
    index('jobs_server').on(table.server_serial, table.created_at.desc()),
  ],
)

/** What was asked for with a job. Its first event writes the row, and later ones leave it. */
export const jobRequests = pgTable(
  'job_requests',
  {
    job_id: uuid()
      .primaryKey()
      .references(() => jobs.id, { onDelete: 'cascade' }),
    retry_of: uuid(),
    idempotency_key_sha256: text(),
    request_sha256: text(),
    recipe: jsonb().$type<Job['recipe']>().notNull(),
    warnings: jsonb().$type<Job['warnings']>().notNull(),
  },
  (table) => [uniqueIndex('job_requests_idempotency_key').on(table.idempotency_key_sha256)],
)

/** Read model: servers as the API lists them; like that of jobs. */
export const servers = pgTable('servers', {
  serial: text().primaryKey(),
  registered_at: instant().notNull(),
  updated_at: instant().notNull(),
  version: integer().notNull(),
  view: jsonb().$type<ServerView>().notNull(),
  view_version: integer().notNull(),
  status: text().$type<ServerView['status']>().notNull().generatedAlwaysAs(sql`view ->> 'status'`),
  job_id: uuid().generatedAlwaysAs(sql`(view ->> 'active_job')::uuid`),
})

/** Rows of the read models, as an append or a rebuild writes them. */
export type ReadModelRow =
  | {
      readonly table: 'jobs'
      readonly row: typeof jobs.$inferInsert
      readonly request: typeof jobRequests.$inferInsert
    }
  | { readonly table: 'servers'; readonly row: typeof servers.$inferInsert }

/** Which controller may write to which BMC until when, or was the last who might. */
export const bmcWriters = pgTable('bmc_writers', {
  serial: text().primaryKey(),
  owner: text().notNull(),
  expires_at: instant().notNull(),
  /** Counts the changes of the owner: the same number is the same owner, with nobody else in between. */
  turn: bigint({ mode: 'number' }).notNull().default(1),
})

/**
 * Logins on BMCs that may have a session there. Written before the login is sent; gone when the session is. `owner` is the
 * controller that uses it while its lease lasts, null when whoever looks next is to end it. Tokens are in `sealed`.
 */
export const bmcSessions = pgTable(
  'bmc_sessions',
  {
    id: uuid().primaryKey(),
    serial: text().notNull(),
    address: text().notNull(),
    /** The session's path on the BMC; null as long as the answer of the login is not recorded. */
    path: text(),
    asked_at: instant().notNull(),
    owner: text(),
    /** How often somebody tried to end it. */
    attempts: integer().notNull().default(0),
    expires_at: instant().notNull(),
  },
  (table) => [index('bmc_sessions_address').on(table.address), index('bmc_sessions_expires').on(table.expires_at)],
)

/** How often in a row a BMC refused the credentials that are named; gone when it takes some. */
export const bmcRefusals = pgTable('bmc_refusals', {
  address: text().primaryKey(),
  credentials_ref: text().notNull(),
  refusals: integer().notNull(),
})

/** Servers whose exchanges with their BMC are kept, for a recording. Removed by whoever asked for it, or when it is old. */
export const bmcRecordings = pgTable('bmc_recordings', {
  serial: text().primaryKey(),
  id: uuid().notNull().unique(),
  started_at: instant().notNull(),
  started_by: text().notNull(),
  /** Exchanges that were not kept. */
  lost: integer().notNull().default(0),
  /** Why nothing more is kept, as the server's history has it; null while the recording goes on. */
  ended_reason: text(),
})

/** One exchange each, without credentials; numbered per controller, so that gaps show. Gone with their recording. */
export const bmcExchanges = pgTable(
  'bmc_exchanges',
  {
    recording: uuid()
      .notNull()
      .references(() => bmcRecordings.id, { onDelete: 'cascade' }),
    controller: text().notNull(),
    number: integer().notNull(),
    ended_at: instant().notNull(),
    /** JSON as text: it is read whole or not at all. */
    exchange: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.recording, table.controller, table.number] })],
)

/** How far readers of the whole log have got. */
export const checkpoints = pgTable('checkpoints', {
  name: text().primaryKey(),
  xid: xid8().notNull(),
  position: bigint({ mode: 'bigint' }).notNull(),
})

/**
 * Sealed bytes that events refer to and must never contain: BMC credentials and raw recipes, AES-256-GCM. Not derived
 * from the log, so a rebuild leaves it alone.
 */
export const sealed = pgTable('sealed', {
  ref: text().primaryKey(),
  key_id: text().notNull(),
  nonce: bytea().notNull(),
  ciphertext: bytea().notNull(),
  created_at: instant().notNull().default(sql`now()`),
})
