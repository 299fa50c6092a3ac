/**
 * Dropping and reproducing every derived table of a database with finished jobs: how long it takes, and that the content is
 * the same to the last byte. The jobs are the recorded histories of every outcome (test/golden/histories) in turn, each with
 * ids of its own on a server of its own, decided and appended by the runtime as a controller does; one in ten has reported
 * its progress for so long that a snapshot is kept. Besides, a few jobs under way, so that no table is empty.
 *
 *   npm run bench:rebuild [-- --json] [--jobs 3500] [--rounds 3]
 */

import type postgres from 'postgres'
import { v7 as uuidv7 } from 'uuid'
import { createRuntime, proposalOf, type Runtime } from '../../../actors/runtime.ts'
import { type Connections, connect } from '../../../eventstore/postgres/database.ts'
import { rebuild } from '../../../eventstore/upkeep/rebuild.ts'
import type { DomainEvent } from '../../../machines/event.ts'
import { jobStream, kinds, serverStream } from '../../../machines/kinds.ts'
import { recordedHistories } from '../../machines/histories.ts'
import { happened } from '../../machines/job/samples.ts'
import { withDatabase } from '../database.ts'
import { median, numberFlag, print, progress, shown } from '../report.ts'

const jobCount = numberFlag('jobs', 3500)
const rounds = numberFlag('rounds', 3)
const jobsAtOnce = 16
const underWay = 50
const longEvery = 10
const progressReports = 60

const cause = { actor: 'principal:bench', causationId: null, correlationId: null, trace: null }

/** Histories that end with a job that is complete, in the shapes in which they would be recorded today. */
const finished = recordedHistories
  .filter(({ events }) => events.at(-1)?.state_to === 'complete')
  .map(({ events }): readonly DomainEvent[] =>
    events.map((event) => ({ type: event.type, data: kinds.job.upcast(event).data })),
  )

/** A finished history whose job also reported its progress many times; it is then about four times as long. */
function lengthened(events: readonly DomainEvent[]): readonly DomainEvent[] {
  const report = events.findIndex(({ type }) => type === 'redfish.poll.succeeded')
  if (report < 0) return events
  const reports = Array.from({ length: progressReports }, (_, percent) => happened('progress.reported', { percent }))
  return [...events.slice(0, report + 1), ...reports, ...events.slice(report + 1)]
}

/** Registers a server, reserves it for a job, takes the job through its events and, if it has ended, lets the server go. */
async function runJob(runtime: Runtime, history: readonly DomainEvent[], { ends }: { readonly ends: boolean }) {
  const [jobId, serial] = [uuidv7(), `SN-${uuidv7()}`]
  const [job, server] = [jobStream(jobId), serverStream(serial)]
  const [first, ...later] = history
  if (first === undefined) throw new Error('a history begins with an event')
  const registration = {
    ...{ serial, bmc_address: 'https://192.0.2.10', credentials_ref: `bmc/${serial}/1`, vendor: null },
    ...{ tls: { mode: 'system' }, labels: { rack: 'r1' } },
  }
  const registered = { type: 'server.registered', data: registration }
  await runtime.commit({ reads: [server], cause, decide: () => [proposalOf(server, registered)] })
  const about = { job_id: jobId, server_serial: serial, recipe_ref: `recipe/${jobId}`, idempotency: null }
  const requested = { ...first, data: { ...(first.data as object), ...about } }
  const reserved = { type: 'server.reserved', data: { job_id: jobId } }
  await runtime.commit({
    reads: [job, server],
    cause,
    decide: () => [proposalOf(job, requested), proposalOf(server, reserved)],
  })
  await runtime.commit({ reads: [job], cause, decide: () => [proposalOf(job, ...later)] })
  if (!ends) return
  const data = { job_id: jobId, outcome: 'succeeded', cleanup: 'clean', slots: null, power_on: false }
  const released = { type: 'server.released', data }
  await runtime.commit({ reads: [server], cause, decide: () => [proposalOf(server, released)] })
}

async function fill({ db }: Connections): Promise<void> {
  const runtime = createRuntime({ db, nextId: uuidv7 })
  const numbers = Array.from({ length: jobCount + underWay }, (_, index) => index).values()
  const worker = async () => {
    for (const index of numbers) {
      const whole = finished[index % finished.length] ?? []
      if (index >= jobCount) await runJob(runtime, whole.slice(0, 2), { ends: false })
      else await runJob(runtime, index % longEvery === 0 ? lengthened(whole) : whole, { ends: true })
    }
  }
  await Promise.all(Array.from({ length: jobsAtOnce }, worker))
}

const tables = ['effects', 'deadlines', 'snapshots', 'jobs', 'servers'] as const
type Content = Readonly<Record<(typeof tables)[number], { readonly rows: number; readonly sha256: string }>>

/** Every row of every derived table, all of it but the leases, which a rebuild ends on purpose: as a digest per table. */
async function content(raw: postgres.Sql): Promise<Content> {
  const read = async (table: (typeof tables)[number]) => {
    const [row] = await raw.unsafe<{ rows: number; sha256: string }[]>(`
      select count(*)::int as rows, encode(sha256(convert_to(string_agg(line, E'\\n' order by line collate "C"), 'UTF8')), 'hex') as sha256
      from (select (to_jsonb(t) - '{owner,epoch,expires_at,available_at}'::text[])::text as line from ${table} t) lines`)
    if (row === undefined || row.rows === 0) throw new Error(`${table} is empty, so comparing it would show nothing`)
    return [table, row] as const
  }
  return Object.fromEntries(await Promise.all(tables.map(read))) as Content
}

const measured = await withDatabase(async (url) => {
  const application = connect({ url })
  const owner = connect({ url, asApplication: false, statementTimeoutMs: 0 })
  try {
    progress(
      `running ${jobCount} jobs through ${finished.length} recorded histories, and ${underWay} that stay under way`,
    )
    const startedAt = performance.now()
    await fill(application)
    progress(`filled in ${shown((performance.now() - startedAt) / 1000)} s`)
    const [log] = await owner.raw<{ events: number; streams: number; jobs: number }[]>`
      select count(*)::int as events, count(distinct stream)::int as streams,
        count(*) filter (where machine = 'job' and state_to = 'complete' and state_from <> 'complete')::int as jobs from events`
    if (log?.jobs !== jobCount) throw new Error(`${log?.jobs} of ${jobCount} jobs have ended`)
    const before = await content(owner.raw)
    const taken: number[] = []
    const rss: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      await owner.raw.unsafe(`truncate ${tables.join(', ')}`)
      const began = performance.now()
      const rebuilt = await rebuild(owner.db)
      taken.push(performance.now() - began)
      rss.push(process.memoryUsage.rss() / 2 ** 20)
      if (rebuilt.events !== log.events || rebuilt.streams !== log.streams) throw new Error('not every event was read')
      const after = await content(owner.raw)
      for (const table of tables)
        if (after[table].sha256 !== before[table].sha256 || after[table].rows !== before[table].rows)
          throw new Error(`${table} has another content after the rebuild`)
      progress(`round ${round}: ${shown(taken.at(-1) ?? Number.NaN)} ms, every table as it was`)
    }
    return { log, before, taken, rss }
  } finally {
    await Promise.all([application.close(), owner.close()])
  }
})

const ms = median(measured.taken)
const { events, streams } = measured.log
print(
  {
    bench: 'rebuild',
    figures: {
      'finished.jobs': jobCount,
      'log.streams': streams,
      'log.events': events,
      ...Object.fromEntries(tables.map((table) => [`${table}.rows`, measured.before[table].rows])),
      'rebuild.ms': ms,
      'rebuild.events_per_second': (events * 1000) / ms,
      'process.rss_mib': Math.max(...measured.rss),
      'tables.different': 0,
    },
    ratios: {},
  },
  [
    ['what', 'rows', 'SHA-256 of the content, before and after'],
    ...tables.map((table) => [table, shown(measured.before[table].rows), measured.before[table].sha256]),
    [`rebuilt from ${events} events in ${streams} streams`, '', `${shown(ms / 1000)} s, identical`],
  ],
)
