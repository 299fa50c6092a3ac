/** Reads of the servers read model. */
import { and, asc, eq, gt, ne, sql } from 'drizzle-orm'
import { describedToday } from '../../machines/server/description.ts'
import type { ServerStatus, ServerView } from '../../machines/server/view.ts'
import type { Database } from '../postgres/database.ts'
import { servers } from '../schema.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { Page } from './jobs.ts'

/** A server as the read model keeps it (project.ts). */
export type ServerRow = {
  readonly view: ServerView
  readonly registeredAt: string
  readonly updatedAt: string
  /** The server's last event. */
  readonly version: number
}

export type ServerFilter = {
  /** Without it, all but the removed ones. */
  readonly status?: ServerStatus | undefined
  /** A label that a server has, with this value or with any. */
  readonly label?: { readonly name: string; readonly value?: string | undefined } | undefined
}

/** Servers by serial. Pages are cut by serial, so servers that come and go shift no rows. @throws InvalidCursor. */
export async function listServers(
  db: Database,
  { filter, limit, cursor }: { readonly filter: ServerFilter; readonly limit: number; readonly cursor: string | null },
): Promise<Page<ServerRow>> {
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
    rows: page.map(toServerRow),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.serial]) : null,
  }
}

/** One server, a removed one too, or null. */
export async function getServer(db: Database, serial: string): Promise<ServerRow | null> {
  const [row] = await db.select().from(servers).where(eq(servers.serial, serial))
  return row === undefined ? null : toServerRow(row)
}

function hasLabel({ name, value }: { readonly name: string; readonly value?: string | undefined }) {
  return value === undefined
    ? sql`jsonb_exists(${servers.view} -> 'labels', ${name})`
    : sql`${servers.view} -> 'labels' ->> ${name} = ${value}`
}

/** A row that nothing has happened to since an older version wrote it has a description of that version. */
function toServerRow(row: typeof servers.$inferSelect): ServerRow {
  const view = row.view as ServerView
  return {
    view: { ...view, description: view.description === null ? null : describedToday(view.description) },
    registeredAt: row.registered_at,
    updatedAt: row.updated_at,
    version: row.version,
  }
}
