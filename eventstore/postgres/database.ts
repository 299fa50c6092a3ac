/** Connections. drizzle rewires the parsers of the client it is given, so raw SQL gets a client of its own. */
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import * as schema from '../schema.ts'

/** The role that the controller works as. It can insert into the log and read it, and nothing else (spec/security.md). */
export const applicationRole = 'provisioner_app'

/** Owns the one function that removes archived histories (migrations/0004_tombstones.sql). No connection uses this role. */
export const archivistRole = 'provisioner_archivist'

export type Database = PostgresJsDatabase<typeof schema> & {
  /** The driver under drizzle, for frequent statements: building them anew each time costs more than executing them. */
  readonly $client: postgres.Sql
  /** For the statement that appends: on a shared connection a read would queue behind an append that waits for a lock. */
  readonly appends: postgres.Sql
}
/** A transaction of `Database`, or the database itself where one statement is enough. */
export type Queryable = Pick<Database, 'select' | 'insert' | 'update' | 'delete' | 'execute'>

export type Connections = {
  readonly db: Database
  /** For LISTEN, advisory locks and other statements that drizzle does not know. */
  readonly raw: postgres.Sql
  readonly close: () => Promise<void>
}

export type ConnectOptions = {
  readonly url: string
  /** Connections of the pool; up to five more are for appends, LISTEN and locks. */
  readonly poolMax?: number
  /** Work as the restricted application role; off for the rebuild and where the role could not be created. */
  readonly asApplication?: boolean
  /** How long one statement may take; 0 for no limit: an audit reads the whole log. */
  readonly statementTimeoutMs?: number
  /**
   * How long a server may send nothing while a query is under way. Then its connection is destroyed and the query rejected
   * (CONNECTION_SILENT). Longer than a statement may take; 0 for no limit.
   */
  readonly silenceTimeoutMs?: number
}

/** Groups of appends that are under way at once. */
export const appendingMax = 2

/** Time of an answer beyond its statement: the network, and a commit that waits for a standby. */
const graceMs = 5000
const connectTimeoutMaxMs = 10_000

/**
 * Opens the pools; they connect at the first query. Every query is answered or rejected in bounded time, also when the
 * network swallows all packets. The outcome of a statement that was rejected so is unknown.
 */
export function connect({
  url,
  poolMax = 10,
  asApplication = true,
  statementTimeoutMs = 30_000,
  silenceTimeoutMs = statementTimeoutMs === 0 ? 0 : statementTimeoutMs + graceMs,
}: ConnectOptions): Connections {
  const options = {
    onnotice: () => {},
    connect_timeout: Math.min(connectTimeoutMaxMs, silenceTimeoutMs || connectTimeoutMaxMs) / 1000,
    // The driver's own, see deploy/patches/postgres.mjs.
    silence_timeout: silenceTimeoutMs / 1000,
    // Seconds until TCP keep-alive, for the connection that only listens and for idle ones.
    keep_alive: 15,
    connection: {
      application_name: 'provisioner',
      statement_timeout: statementTimeoutMs,
      // Frees the rows that a controller had locked when it was cut off.
      idle_in_transaction_session_timeout: statementTimeoutMs,
      ...(asApplication ? { role: applicationRole } : {}),
    },
  }
  const client = postgres(url, { ...options, max: poolMax })
  // A prepared plan is kept; made while a table is empty, it would read the whole table for ever.
  const connection = { ...options.connection, enable_seqscan: false }
  const appends = postgres(url, { ...options, connection, max: appendingMax })
  const raw = postgres(url, { ...options, max: 3 })
  return {
    db: Object.assign(drizzle(client, { schema }), { appends }),
    raw,
    close: async () => {
      await Promise.all([client, appends, raw].map((one) => one.end({ timeout: 5 })))
    },
  }
}

/** Resolves when the database has answered a query. */
export async function ping(db: Queryable): Promise<void> {
  await db.execute('select 1')
}
