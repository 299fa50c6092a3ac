/**
 * Renews, from the log, views in the read models that an older version of this program wrote. Until then readers replay
 * the log instead (read-models/view.ts).
 */
import { type SQL, sql } from 'drizzle-orm'
import type { KindName, StreamId } from '../../machines/kinds.ts'
import type { Database } from '../postgres/database.ts'
import { type Loop, startLoop } from '../postgres/loop.ts'
import { replayedView, views } from '../read-models/view.ts'
import { jobs, servers } from '../schema.ts'

export type RenewOptions = {
  readonly db: Database
  /**
   * Called for an actor that cannot be replayed, whose row stays as it is, and with null for a run that ended early.
   */
  readonly onFailure: (stream: StreamId | null, error: unknown) => void
}

/** The interval of runs: an older controller that is still running may write views after the first run. */
const renewEveryMs = 3_600_000
const pageRows = 100
const tables = { job: { table: jobs, key: jobs.id }, server: { table: servers, key: servers.serial } } as const

/**
 * Renews every row with an older view and returns the number of them. Each row is a statement of its own that holds
 * only while the row has the version that was replayed, so that an append wins over it, and several controllers may do
 * this at once. A later run resumes where an aborted one stopped. Rows of a newer view are left to the program that
 * wrote them.
 * @throws the signal's reason.
 */
export async function renewOutdatedViews(options: RenewOptions, signal: AbortSignal): Promise<number> {
  return (await renewKind('job', options, signal)) + (await renewKind('server', options, signal))
}

/** Renews now and every hour. `onRenewed` is called with the number of rows after a run that renewed some. */
export function startViewRenewal(options: RenewOptions & { readonly onRenewed: (rows: number) => void }): Loop {
  return startLoop({
    everyMs: renewEveryMs,
    work: async (signal) => {
      const rows = await renewOutdatedViews(options, signal)
      if (rows > 0) options.onRenewed(rows)
    },
    onError: (error) => {
      options.onFailure(null, error)
    },
  })
}

async function renewKind(kind: KindName, { db, onFailure }: RenewOptions, signal: AbortSignal): Promise<number> {
  const { table, key } = tables[kind]
  const current = views[kind].version
  let renewed = 0
  for (let after: SQL = sql``; ; ) {
    signal.throwIfAborted()
    const page = await db.execute<{ id: string; version: number }>(sql`
      select ${key}::text as id, version from ${table} where view_version < ${current} ${after} order by ${key} limit ${pageRows}`)
    for (const { id, version } of page) {
      signal.throwIfAborted()
      try {
        const view = JSON.stringify(await replayedView(db, kind, id, version))
        const written = await db.execute(sql`
          update ${table} set view = ${view}::text::jsonb, view_version = ${current}
          where ${key} = ${id} and version = ${version} and view_version < ${current}`)
        renewed += written.count
      } catch (error) {
        onFailure(`${kind}-${id}`, error)
      }
    }
    const last = page.at(-1)
    if (last === undefined) return renewed
    after = sql`and ${key} > ${last.id}`
  }
}
