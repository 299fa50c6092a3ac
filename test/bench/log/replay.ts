/**
 * Reading actors back: events folded per second, and how long it takes a new process until it has resumed all jobs in
 * flight of a database, with and without their snapshots.
 *
 *   npm run bench:replay [-- --json] [--jobs 10000] [--rounds 3]
 */
import { ne } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { createRuntime } from '../../../actors/runtime.ts'
import { leaseEffects } from '../../../eventstore/pending/effects.ts'
import { applicationRole, connect } from '../../../eventstore/postgres/database.ts'
import { deadlines, effects, jobs } from '../../../eventstore/schema.ts'
import { jobStream, kinds, type StreamId } from '../../../machines/kinds.ts'
import { happened, successfulWay } from '../../machines/job/samples.ts'
import { withDatabase } from '../database.ts'
import { median, numberFlag, print, progress, shown } from '../report.ts'
import { loadJobs } from './jobs-in-flight.ts'

const jobCount = numberFlag('jobs', 10_000)
const rounds = numberFlag('rounds', 3)
const foldMs = 1000
const leaseTtlMs = 60_000

const history = successfulWay.map(([type]) => happened(type))

type Folded = { readonly perSecond: number; readonly cpuUs: number }

/** Events per second through the machine, and CPU time of each in µs: whole histories of a job. */
function fold(): Folded {
  const { start, next } = kinds.job.evolve
  const startedAt = performance.now()
  const cpuBefore = process.cpuUsage()
  let events = 0
  do {
    const [first, ...later] = history
    if (first === undefined) throw new Error('a history begins with an event')
    let { snapshot } = start(first)
    for (const event of later) snapshot = next(snapshot, event).snapshot
    events += history.length
  } while (performance.now() - startedAt < foldMs)
  const { user, system } = process.cpuUsage(cpuBefore)
  return { perSecond: (events * 1000) / (performance.now() - startedAt), cpuUs: (user + system) / events }
}

/**
 * Milliseconds until a process that knows none of the jobs has resumed all of them: it has leased every effect, read every
 * deadline, rebuilt every state, and each state has what it waits for. A controller does the first two when it starts and
 * rebuilds a state when something happens to it; here nothing is left to later.
 */
async function coldStart(url: string): Promise<number> {
  const { db, close } = connect({ url })
  try {
    const runtime = createRuntime({ db, nextId: uuidv7 })
    const startedAt = performance.now()
    const inFlight = await db.select({ id: jobs.id }).from(jobs).where(ne(jobs.status, 'complete'))
    const [leased, armed] = await Promise.all([
      leaseEffects(db, { owner: `bench-${startedAt}`, ttlMs: leaseTtlMs, limit: jobCount }),
      db.select({ stream: deadlines.stream, name: deadlines.name }).from(deadlines),
    ])
    const owned = new Set([...leased.map(({ stream, key }) => `${stream} ${key}`), ...armed.map(named)])
    const waits = await Promise.all(
      inFlight.map(async ({ id }) => {
        const actor = await runtime.read('job', id)
        const pending = actor === null ? null : kinds.job.evolve.pending(actor.snapshot)
        const wanted = [...(pending?.effects ?? []), ...(pending?.deadlines ?? [])]
        return wanted.length > 0 && wanted.every((name) => owned.has(`${jobStream(id)} ${name}`))
      }),
    )
    const resumed = waits.filter(Boolean).length
    if (resumed !== jobCount) throw new Error(`${resumed} of ${jobCount} jobs have what they wait for`)
    return performance.now() - startedAt
  } finally {
    await close()
  }
}

const named = ({ stream, name }: { readonly stream: StreamId; readonly name: string }) => `${stream} ${name}`

const cold = await withDatabase(async (url) => {
  const connections = connect({ url, asApplication: false, statementTimeoutMs: 0 })
  const { db, raw } = connections
  try {
    progress(`loading ${jobCount} jobs in flight`)
    const { events } = await loadJobs(connections, jobCount)
    progress(`they have ${events} events`)
    const measured = { events, withSnapshots: [] as number[], without: [] as number[] }
    for (let round = 1; round <= rounds; round += 1) {
      measured.withSnapshots.push(await coldStart(url))
      await raw`alter table snapshots rename to snapshots_kept`
      await raw`create table snapshots (like snapshots_kept including all)`
      await raw`grant select on snapshots to ${raw(applicationRole)}`
      await db.update(effects).set({ owner: null, expires_at: null })
      measured.without.push(await coldStart(url))
      await raw`drop table snapshots`
      await raw`alter table snapshots_kept rename to snapshots`
      await db.update(effects).set({ owner: null, expires_at: null })
      progress(
        `round ${round}: ${shown(measured.withSnapshots.at(-1) ?? 0)} ms, without ${shown(measured.without.at(-1) ?? 0)} ms`,
      )
    }
    return measured
  } finally {
    await connections.close()
  }
})

fold()
const folds = Array.from({ length: rounds }, fold)
const folded = median(folds.map(({ perSecond }) => perSecond))
const foldedCpuUs = median(folds.map(({ cpuUs }) => cpuUs))
const withSnapshots = median(cold.withSnapshots)
const without = median(cold.without)
const perSecond = (ms: number) => (cold.events * 1000) / ms
print(
  {
    bench: 'replay',
    figures: {
      'fold.events_per_second': folded,
      'fold.node_us_per_event': foldedCpuUs,
      'cold.jobs': jobCount,
      'cold.events_per_job': cold.events / jobCount,
      'cold.with_snapshots_ms': withSnapshots,
      'cold.without_snapshots_ms': without,
      'cold.without_snapshots_events_per_second': perSecond(without),
    },
    ratios: {
      'without/with snapshots': median(cold.without.map((ms, round) => ms / (cold.withSnapshots[round] ?? Number.NaN))),
    },
  },
  [
    ['what', 'ms', 'events per second', 'node µs per event'],
    ['fold, in memory', '', shown(folded), shown(foldedCpuUs)],
    [`cold start of ${jobCount} jobs with snapshots`, shown(withSnapshots), '', ''],
    [`cold start of ${jobCount} jobs without`, shown(without), shown(perSecond(without)), ''],
  ],
)
