/**
 * A database full of jobs in flight. One job of each sort goes its way through the product; its rows are then copied under
 * new ids, with hashes of their own, many to a statement. The copies are whole: their streams pass the audit.
 */

import type postgres from 'postgres'
import { v7 as uuidv7 } from 'uuid'
import { createRuntime, proposalOf } from '../../../actors/runtime.ts'
import { type HashedEvent, hashEvent } from '../../../eventstore/log/event.ts'
import type { Database } from '../../../eventstore/postgres/database.ts'
import { verifyLog } from '../../../eventstore/upkeep/verify.ts'
import type { DomainEvent } from '../../../machines/event.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { happened, wayTo } from '../../machines/job/samples.ts'

/** So many that a snapshot is kept: a job that has reported its progress for a while. */
const progressReports = 50
const waiting = [
  ...wayTo('provisioning.waitingForReport'),
  ...Array.from({ length: progressReports }, (_, percent) => happened('progress.reported', { percent })),
]
/** One waits for a report, by a deadline; one cleans up, by an effect. */
const sorts = [waiting, [...waiting, happened('report.received')]]

const jobsPerStatement = 25
const statementsAtOnce = 2
const auditTimeoutMs = 60_000

type Row = Readonly<Record<string, unknown>>
/** The rows of one job by table, as JSON. */
type Template = { readonly jobId: string; readonly rows: Readonly<Record<Table, readonly Row[]>> }
type Table = (typeof tables)[number]
const tables = ['events', 'effects', 'deadlines', 'jobs', 'snapshots'] as const

/** What the database gives by itself. */
const given = new Set(['position', 'xid'])

/** Loads so many, half of each sort. @throws when the first of them do not pass the audit. */
export async function loadJobs(
  { db, raw }: { readonly db: Database; readonly raw: postgres.Sql },
  count: number,
): Promise<{ readonly events: number }> {
  const templates = await Promise.all(sorts.map((events) => recorded({ db, raw }, events)))
  let left = count - templates.length
  let loaded = templates.reduce((sum, { rows }) => sum + rows.events.length, 0)
  const loadSome = async () => {
    const some = Math.min(left, jobsPerStatement)
    left -= some
    const copies = Array.from({ length: some }, (_, index) => copyOf(templates[index % templates.length] as Template))
    for (const table of tables)
      await insert(
        raw,
        table,
        copies.flatMap((copy) => copy[table]),
      )
    loaded += copies.reduce((sum, copy) => sum + copy.events.length, 0)
  }
  if (left > 0) await loadSome()
  const { faults } = await verifyLog(db, { signal: AbortSignal.timeout(auditTimeoutMs) })
  if (faults.length > 0) throw new Error(`the copies do not pass the audit: ${JSON.stringify(faults[0])}`)
  await Promise.all(
    Array.from({ length: statementsAtOnce }, async () => {
      while (left > 0) await loadSome()
    }),
  )
  // What autovacuum would have done by the time that a fleet has got this far.
  await raw`vacuum (analyze) events, effects, deadlines, jobs, snapshots`
  return { events: loaded }
}

async function recorded(
  { db, raw }: { readonly db: Database; readonly raw: postgres.Sql },
  way: readonly DomainEvent[],
): Promise<Template> {
  const runtime = createRuntime({ db, nextId: uuidv7 })
  const jobId = uuidv7()
  const stream = jobStream(jobId)
  const events = way.map(({ type, data }) =>
    type === 'job.requested' ? { type, data: { ...(data as object), job_id: jobId } } : { type, data },
  )
  const cause = { actor: 'principal:bench', causationId: null, correlationId: jobId, trace: null }
  await runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, ...events)] })
  const rowsOf = async (table: Table): Promise<readonly Row[]> => {
    const [column, key] = table === 'jobs' ? ['id', jobId] : ['stream', stream]
    const rows = await raw<{ row: Row }[]>`
      select to_jsonb(t) as row from ${raw(table)} t where ${raw(column)} = ${key} order by to_jsonb(t) -> 'version'`
    return rows.map(({ row }) => Object.fromEntries(Object.entries(row).filter(([name]) => !given.has(name))))
  }
  const rows = await Promise.all(tables.map(async (table) => [table, await rowsOf(table)] as const))
  return { jobId, rows: Object.fromEntries(rows) as Template['rows'] }
}

/** The rows under a new job id and new event ids, with the chain that goes with them. */
function copyOf({ jobId, rows }: Template): Template['rows'] {
  const ids = new Map([[jobId, uuidv7()], ...rows.events.map(({ id }) => [String(id), uuidv7()] as const)])
  const text = JSON.stringify(rows).replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => ids.get(id) ?? id)
  const copy = JSON.parse(text) as Template['rows']
  let previous: string | null = null
  const events = copy.events.map((row) => {
    const event = { ...row, at: new Date(String(row['at'])).toISOString(), prev_hash: previous }
    previous = hashEvent(event as unknown as HashedEvent)
    return { ...event, hash: previous }
  })
  return { ...copy, events }
}

async function insert(raw: postgres.Sql, table: Table, rows: readonly Row[]): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const columns = Object.keys(first)
  await raw`
    insert into ${raw(table)} (${raw(columns)})
    select ${raw(columns)} from jsonb_populate_recordset(null::${raw(table)}, ${JSON.stringify(rows)}::text::jsonb)`
}
