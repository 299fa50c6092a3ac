/**
 * The tables: their meaning, what may happen to their rows, and the types of every query. `migrations/` creates them. Only
 * `events`, `tombstones` and `sealed` hold anything that cannot be rebuilt.
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
 * The log. Rows are only ever inserted: a trigger refuses updates and deletes, and the application's role lacks the right to
 * them. Only `remove_archived_stream` removes rows: whole histories of ended jobs, for each of which it leaves a tombstone.
 */
export const events = pgTable(
  'events',
  {
    position: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity().primaryKey(),
    /** The inserting transaction: readers of the whole log order events by it and then by position (log/tail.ts). */
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

/** A signed row in place of each history that was archived and removed (upkeep/tombstones.ts). Only ever inserted. */
export const tombstones = pgTable('tombstones', {
  /** In the order of commits: removals lock each other out. */
  position: bigint({ mode: 'bigint' }).generatedAlwaysAsIdentity().primaryKey(),
  /** The transaction that removed the events: the log's trigger permits it alone. */
  xid: xid8().notNull().default(sql`pg_current_xact_id()`),
  stream: text().$type<StreamId>().notNull().unique(),
  /** The last event's version, which is also the number of events. */
  last_version: integer().notNull(),
  head_hash: text().notNull(),
  archive_sha256: text().notNull(),
  removed_at: instant().notNull(),
  removed_by: text().notNull(),
  reason: text().notNull(),
  key_id: text().notNull(),
  signature: text().notNull(),
})

/** Effects that machines asked for. A row goes when its outcome is appended or the state that asked is left. */
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

/** Armed deadlines. A row goes when `<name>.elapsed` is appended or the state that armed it is left. */
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

/** The request of each job. The job's first event writes the row; no later one does. */
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

/** Leases of the right to write to a BMC; an expired one names the last writer. */
export const bmcWriters = pgTable('bmc_writers', {
  serial: text().primaryKey(),
  owner: text().notNull(),
  expires_at: instant().notNull(),
  /** Counts the changes of the owner: while the number stays, no other controller had the lease. */
  turn: bigint({ mode: 'number' }).notNull().default(1),
})

/**
 * Logins that may have a session on a BMC. A controller writes the row before it sends the login, and deletes it with the
 * session. `owner` is the controller that uses the session while its lease lasts; null leaves its end to any controller's
 * session reaper. Tokens are in `sealed`.
 */
export const bmcSessions = pgTable(
  'bmc_sessions',
  {
    id: uuid().primaryKey(),
    serial: text().notNull(),
    address: text().notNull(),
    /** The session's path on the BMC; null until the answer to the login is recorded. */
    path: text(),
    asked_at: instant().notNull(),
    owner: text(),
    /** How often session reapers tried to end it. */
    attempts: integer().notNull().default(0),
    expires_at: instant().notNull(),
  },
  (table) => [index('bmc_sessions_address').on(table.address), index('bmc_sessions_expires').on(table.expires_at)],
)

/** How often in a row a BMC refused these credentials. The row goes when a login succeeds. */
export const bmcRefusals = pgTable('bmc_refusals', {
  address: text().primaryKey(),
  credentials_ref: text().notNull(),
  refusals: integer().notNull(),
})

/** Recordings of a server's exchanges with its BMC. An operator removes a recording, or its age does. */
export const bmcRecordings = pgTable('bmc_recordings', {
  serial: text().primaryKey(),
  id: uuid().notNull().unique(),
  started_at: instant().notNull(),
  started_by: text().notNull(),
  /** The number of exchanges that were not kept. */
  lost: integer().notNull().default(0),
  /** Why the recording ended, as in the server's history; null while it goes on. */
  ended_reason: text(),
})

/** Exchanges without credentials. Each controller numbers its own, so that gaps show. Deleted with their recording. */
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

/** The last event that each reader of the whole log has dealt with. */
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
