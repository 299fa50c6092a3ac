/**
 * Reading actors back: events folded per second, and how long it takes until all jobs in flight of a database are loaded
 * again, with and without their snapshots.
 *
 *   npm run bench:replay [-- --json] [--jobs 2000] [--rounds 3]
 */
import { v7 as uuidv7 } from 'uuid'
import { createRuntime } from '../../actors/runtime.ts'
import { connect, type Database } from '../../eventstore/database.ts'
import { loadActor } from '../../eventstore/read.ts'
import { snapshots } from '../../eventstore/schema.ts'
import { jobStream, kinds, type StreamId } from '../../machines/kinds.ts'
import { happened, successfulWay, wayTo } from '../machines/job/samples.ts'
import { withDatabase } from './database.ts'
import { median, numberFlag, print, progress, shown } from './report.ts'

const jobCount = numberFlag('jobs', 2000)
const rounds = numberFlag('rounds', 3)
const foldMs = 1000
const loadsAtOnce = 10
const commitsAtOnce = 16
/** So many that a snapshot is kept: a job that has reported its progress for a while. */
const progressReports = 50

const history = successfulWay.map(([type]) => happened(type))
const inFlight = [
  ...wayTo('provisioning.waitingForReport'),
  ...Array.from({ length: progressReports }, (_, percent) => happened('progress.reported', { percent })),
]

/** Events per second through the machine, whole histories of a job. */
function fold(): number {
  const { start, next } = kinds.job.evolve
  const startedAt = performance.now()
  let events = 0
  do {
    const [first, ...later] = history
    if (first === undefined) throw new Error('a history begins with an event')
    let { snapshot } = start(first)
    for (const event of later) snapshot = next(snapshot, event).snapshot
    events += history.length
  } while (performance.now() - startedAt < foldMs)
  return (events * 1000) / (performance.now() - startedAt)
}

/** Does `work` with all of the items, so many at a time. */
async function forAll<Item>(items: readonly Item[], atOnce: number, work: (item: Item) => Promise<void>) {
  const rest = items.values()
  const worker = async () => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

async function startJobs(db: Database): Promise<readonly StreamId[]> {
  const runtime = createRuntime({ db, nextId: uuidv7 })
  const cause = { actor: 'principal:bench', causationId: null, correlationId: null, trace: null }
  const ids = Array.from({ length: jobCount }, () => uuidv7())
  await forAll(ids, commitsAtOnce, async (jobId) => {
    const stream = jobStream(jobId)
    const events = inFlight.map(({ type, data }) =>
      type === 'job.requested' ? { type, data: { ...(data as object), job_id: jobId } } : { type, data },
    )
    await runtime.commit({ reads: [stream], cause, decide: () => [{ stream, events }] })
  })
  return ids.map(jobStream)
}

/** Milliseconds until every job is loaded and known to wait for something, in a process that knows none of them. */
async function coldStart(url: string, streams: readonly StreamId[]): Promise<number> {
  const { db, close } = connect({ url })
  try {
    const startedAt = performance.now()
    await forAll(streams, loadsAtOnce, async (stream) => {
      const actor = await loadActor(db, 'job', stream)
      const waits = actor === null ? null : kinds.job.evolve.pending(actor.snapshot)
      if (waits === null || waits.deadlines.size + waits.effects.size === 0)
        throw new Error(`${stream} does not wait for anything`)
    })
    return performance.now() - startedAt
  } finally {
    await close()
  }
}

const cold = await withDatabase(async (url) => {
  const { db, close } = connect({ url })
  try {
    progress(`starting ${jobCount} jobs of ${inFlight.length} events`)
    const streams = await startJobs(db)
    const kept = await db.select().from(snapshots)
    if (kept.length !== jobCount) throw new Error(`${kept.length} of ${jobCount} jobs have a snapshot`)
    const measured = { withSnapshots: [] as number[], without: [] as number[] }
    for (let round = 0; round < rounds; round += 1) {
      measured.withSnapshots.push(await coldStart(url, streams))
      await db.delete(snapshots)
      measured.without.push(await coldStart(url, streams))
      for (let row = 0; row < kept.length; row += 500) await db.insert(snapshots).values(kept.slice(row, row + 500))
    }
    return measured
  } finally {
    await close()
  }
})

fold()
const folded = median(Array.from({ length: rounds }, fold))
const withSnapshots = median(cold.withSnapshots)
const without = median(cold.without)
const perSecond = (ms: number) => (jobCount * inFlight.length * 1000) / ms
print(
  {
    bench: 'replay',
    figures: {
      'fold.events_per_second': folded,
      'cold.jobs': jobCount,
      'cold.events_per_job': inFlight.length,
      'cold.with_snapshots_ms': withSnapshots,
      'cold.without_snapshots_ms': without,
      'cold.without_snapshots_events_per_second': perSecond(without),
    },
    ratios: {
      'without/with snapshots': median(cold.without.map((ms, round) => ms / (cold.withSnapshots[round] ?? Number.NaN))),
    },
  },
  [
    ['what', 'ms', 'events per second'],
    ['fold, in memory', '', shown(folded)],
    [`cold start of ${jobCount} jobs with snapshots`, shown(withSnapshots), ''],
    [`cold start of ${jobCount} jobs without`, shown(without), shown(perSecond(without))],
  ],
)
