/**
 * The queries with which the sweep (actors/sweep.ts) finds actors that may be stuck. They go over the read models page
 * by page and are cheap; `inspect.ts` then inspects every suspect exactly.
 */
import { type SQL, sql } from 'drizzle-orm'
import { foldOf } from '../../machines/fold.ts'
import { kinds, parseStream, type StreamId } from '../../machines/kinds.ts'
import { loadActor } from '../log/actors.ts'
import type { Database } from '../postgres/database.ts'
import { abandoned, type Lateness, overdue } from './lateness.ts'

/** The effects and deadlines that a state waits for, by `<kind>/<path of the state>`: filled as states are met. */
export type KnownStates = Map<string, { readonly effects: string; readonly deadlines: string }>

/** The place at which to go on. The parts come in this order; within one, `after` is the last key looked at. */
export type SweepCursor = { readonly part: 'jobs' | 'servers' | 'ended'; readonly after: string }
export const sweepStart: SweepCursor = { part: 'jobs', after: '' }

export type SuspectsPage = { readonly suspects: readonly StreamId[]; readonly next: SweepCursor | null }

const pageRows = 500

type Row = {
  readonly stream: StreamId
  readonly key: string
  readonly state: string
  readonly effects: string
  readonly deadlines: string
  readonly odd: boolean
}

/** The next page of actors whose rows may differ from their waits. One statement, and one more per new state. */
export async function findSuspects(
  db: Database,
  { part, after }: SweepCursor,
  { lateness, states }: { readonly lateness: Lateness; readonly states: KnownStates },
): Promise<SuspectsPage> {
  const query = { jobs: jobsPage, servers: serversPage, ended: endedPage }[part]
  const rows = [...(await db.execute<Row>(query(after, lateness)))]
  const suspects: StreamId[] = []
  for (const row of rows) if (await isSuspect(db, row, states)) suspects.push(row.stream)
  const last = rows.length === pageRows ? rows.at(-1) : undefined
  if (last !== undefined) return { suspects, next: { part, after: last.key } }
  return { suspects, next: part === 'ended' ? null : { part: part === 'jobs' ? 'servers' : 'ended', after: '' } }
}

async function isSuspect(db: Database, row: Row, states: KnownStates): Promise<boolean> {
  if (row.odd) return true
  const { kind } = parseStream(row.stream)
  const name = `${kind}/${row.state}`
  if (!states.has(name)) {
    // The actor may have gone on since the page was read. Then another state is learned, and the row is a suspect.
    const actor = await loadActor(db, row.stream)
    if (actor === null) return true
    const fold = foldOf(kinds[kind], actor.snapshot)
    const { effects, deadlines } = fold.waits()
    states.set(`${kind}/${fold.state}`, { effects: listed(effects), deadlines: listed(deadlines) })
  }
  const waits = states.get(name)
  return waits?.effects !== row.effects || waits.deadlines !== row.deadlines
}

function listed(names: ReadonlySet<string>): string {
  return [...names].sort().join(' ')
}

/** Columns with an actor's rows in the form of `listed`, and the condition that any of the rows is late. */
function waitsOf(stream: SQL, lateness: Lateness): { readonly columns: SQL; readonly late: SQL } {
  return {
    columns: sql`
      coalesce((select string_agg(e.key, ' ' order by e.key collate "C") from effects e where e.stream = ${stream}), '') as effects,
      coalesce((select string_agg(d.name, ' ' order by d.name collate "C") from deadlines d where d.stream = ${stream}), '') as deadlines`,
    late: sql`(
      exists (select from effects where stream = ${stream} and ${abandoned(lateness)})
      or exists (select from deadlines where stream = ${stream} and ${overdue(lateness)}))`,
  }
}

/** A job in `releasing` may have released its server already. */
function jobsPage(after: string, lateness: Lateness): SQL {
  const { columns, late } = waitsOf(sql`'job-' || j.id`, lateness)
  return sql`
    select 'job-' || j.id as stream, j.id::text as key, j.view ->> 'state' as state, ${columns},
      ${late} or (j.view ->> 'state' not like 'releasing%'
        and (select s.job_id from servers s where s.serial = j.server_serial) is distinct from j.id) as odd
    from jobs j where j.status <> 'complete' ${after === '' ? sql`` : sql`and j.id > ${after}::uuid`}
    order by j.id limit ${pageRows}`
}

function serversPage(after: string, lateness: Lateness): SQL {
  const { columns, late } = waitsOf(sql`'server-' || s.serial`, lateness)
  return sql`
    select 'server-' || s.serial as stream, s.serial as key, s.view ->> 'state' as state, ${columns},
      ${late} or (s.job_id is not null
        and (select j.status <> 'complete' from jobs j where j.id = s.job_id) is not true) as odd
    from servers s where s.status <> 'removed' and s.serial > ${after}
    order by s.serial limit ${pageRows}`
}

/** Rows of actors that have ended. A stream may have any name here, so only a well-formed job id becomes a uuid. */
function endedPage(after: string): SQL {
  return sql`
    select p.stream, p.stream as key, '' as state, '' as effects, '' as deadlines, true as odd
    from (select stream from effects union select stream from deadlines) p
    where p.stream > ${after} and case
      when p.stream ~ '^job-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
        then (select j.status from jobs j where j.id = substr(p.stream, 5)::uuid) = 'complete'
      when p.stream like 'server-%'
        then (select s.status from servers s where s.serial = substr(p.stream, 8)) = 'removed'
      end
    order by p.stream limit ${pageRows}`
}
