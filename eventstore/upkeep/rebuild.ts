/** Reproduces every derived table from the log alone. */
import { asc, gt, sql } from 'drizzle-orm'
import type { PgTable } from 'drizzle-orm/pg-core'
import { type Fold, foldOf, NetConsequences } from '../../machines/fold.ts'
import { kinds, type StreamId } from '../../machines/kinds.ts'
import { pendingRows } from '../log/consequences.ts'
import type { StoredEvent } from '../log/event.ts'
import { toStoredEvent } from '../log/read.ts'
import { snapshotDue } from '../log/snapshots.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import { project } from '../read-models/project.ts'
import { deadlines, effects, events, jobRequests, jobs, servers, snapshots } from '../schema.ts'

export type Rebuilt = { readonly streams: number; readonly events: number }

/** The publisher's checkpoint for NATS is not derived from the log, so it stays. */
const derived = { effects, deadlines, snapshots, jobs, job_requests: jobRequests, servers } as const

const eventPage = 1000
/** Rows of one statement; it may have 65535 parameters, and an effect's row has 11. */
const rowsMax = 500

/**
 * Empties the derived tables and fills them again from the log, in one transaction: readers see the old content or the
 * new, never half of it. Leases of effects are dropped, so effects under way are performed again, as after a crash. The
 * number of leases of each effect is kept, since performers rely on it; if that is lost too, one is assumed.
 * The log is read once, in pages, and one stream's state is held at a time, whatever the length of either.
 * Needs the owner's rights (TRUNCATE). Appends wait until it is done.
 */
export async function rebuild(db: Database): Promise<Rebuilt> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`lock table events in share mode`)
    await tx.execute(
      sql`create temporary table known_leases (id text primary key, epoch integer not null) on commit drop`,
    )
    await tx.execute(sql`insert into known_leases select id, epoch from effects`)
    await tx.execute(sql.raw(`truncate ${Object.keys(derived).join(', ')}`))
    const rows = createRowBatches(tx)
    let streams = 0
    let count = 0
    let folded: FoldedStream | undefined
    let after: { readonly stream: string; readonly version: number } = { stream: '', version: 0 }
    for (;;) {
      const page = await tx
        .select()
        .from(events)
        .where(gt(sql`(${events.stream}, ${events.version})`, sql`(${after.stream}, ${after.version})`))
        .orderBy(asc(events.stream), asc(events.version))
        .limit(eventPage)
      for (const row of page) {
        const event = toStoredEvent(row)
        if (folded?.stream !== event.stream) {
          if (folded !== undefined) await rows.add(folded.rows())
          folded = new FoldedStream(event)
          streams += 1
        } else folded.take(event)
        count += 1
      }
      const last = page.at(-1)
      if (last === undefined) break
      after = { stream: last.stream, version: last.version }
    }
    if (folded !== undefined) await rows.add(folded.rows())
    await rows.flush()
    await tx.execute(sql`
      update effects set epoch = coalesce((select epoch from known_leases known where known.id = effects.id), 1)`)
    return { streams, events: count }
  })
}

type DerivedRows = { readonly [Table in keyof typeof derived]?: readonly (typeof derived)[Table]['$inferInsert'][] }

/** The fold of one stream's events so far, and the derived rows that it gives. */
class FoldedStream {
  readonly stream: StreamId
  readonly #firstEvent: StoredEvent
  readonly #fold: Fold
  readonly #net = new NetConsequences<StoredEvent>()
  #lastEvent: StoredEvent
  #kept: typeof snapshots.$inferInsert | null = null

  constructor(first: StoredEvent) {
    this.stream = first.stream
    this.#firstEvent = first
    this.#lastEvent = first
    this.#fold = foldOf(kinds[first.machine])
    this.take(first)
  }

  take(event: StoredEvent): void {
    this.#lastEvent = event
    this.#net.add(event, this.#fold.take(event))
    if (!snapshotDue(event.version)) return
    const { machineVersion } = kinds[event.machine]
    const { stream, version } = event
    this.#kept = { stream, version, machine_version: machineVersion, state: this.#fold.dehydrated() }
  }

  rows(): DerivedRows {
    const { machine: kind } = this.#firstEvent
    if (this.#fold.snapshot === null) throw new Error(`${this.stream} has no event`)
    const stream = { firstEvent: this.#firstEvent, lastEvent: this.#lastEvent }
    const projected = project(kind, this.#fold.snapshot, stream)
    return {
      ...pendingRows(this.#net),
      [projected.table]: [projected.row],
      job_requests: projected.table === 'jobs' ? [projected.request] : [],
      snapshots: this.#kept === null ? [] : [this.#kept],
    }
  }
}

/** Gathers rows of many streams and inserts them many at a time. */
function createRowBatches(tx: Queryable) {
  const names = Object.keys(derived) as (keyof typeof derived)[]
  const waiting = new Map<keyof typeof derived, object[]>(names.map((name) => [name, []]))
  const insert = async (name: keyof typeof derived, rows: object[]) => {
    const table: PgTable = derived[name]
    while (rows.length > 0) await tx.insert(table).values(rows.splice(0, rowsMax) as (typeof table.$inferInsert)[])
  }
  return {
    add: async (added: DerivedRows) => {
      for (const [name, rows] of waiting) {
        rows.push(...(added[name] ?? []))
        if (rows.length >= rowsMax) await insert(name, rows)
      }
    },
    flush: async () => {
      for (const [name, rows] of waiting) await insert(name, rows)
    },
  }
}
