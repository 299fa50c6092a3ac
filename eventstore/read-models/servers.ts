/** Reads of the servers read model. */
import { and, asc, eq, gt, ne, sql } from 'drizzle-orm'
import type { Server, ServerStatus } from '../../machines/server/view.ts'
import type { Database } from '../postgres/database.ts'
import { servers } from '../schema.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { Page } from './jobs.ts'
import { viewOf } from './view.ts'

export type ServerFilter = {
  /** Without a status, the list has all servers but removed ones. */
  readonly status?: ServerStatus | undefined
  /** A label that a server has, with this value or with any. */
  readonly label?: { readonly name: string; readonly value?: string | undefined } | undefined
}

/** Servers by serial. Pages are cut by serial, so servers that come and go shift no rows. @throws InvalidCursor. */
export async function listServers(
  db: Database,
  { filter, limit, cursor }: { readonly filter: ServerFilter; readonly limit: number; readonly cursor: string | null },
): Promise<Page<Server>> {
  const [after] = cursor === null ? [] : decodeCursor(cursor, 1)
  const { status, label } = filter
  const rows = await db
    .select()
    .from(servers)
    .where(
      and(
        after === undefined ? undefined : gt(servers.serial, after),
        status === undefined ? ne(servers.status, 'removed') : eq(servers.status, status),
        label === undefined ? undefined : hasLabel(label),
      ),
    )
    .orderBy(asc(servers.serial))
    .limit(limit + 1)
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    rows: await Promise.all(page.map((row) => serverOf(db, row))),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.serial]) : null,
  }
}

/** One server, removed ones included; null where there is none. */
export async function getServer(db: Database, serial: string): Promise<Server | null> {
  const [row] = await db.select().from(servers).where(eq(servers.serial, serial))
  return row === undefined ? null : serverOf(db, row)
}

function hasLabel({ name, value }: { readonly name: string; readonly value?: string | undefined }) {
  return value === undefined
    ? sql`jsonb_exists(${servers.view} -> 'labels', ${name})`
    : sql`${servers.view} -> 'labels' ->> ${name} = ${value}`
}

async function serverOf(db: Database, row: typeof servers.$inferSelect): Promise<Server> {
  const view = await viewOf(db, 'server', row.serial, row)
  return { ...view, registered_at: row.registered_at, last_update: row.updated_at, last_seq: row.version }
}
