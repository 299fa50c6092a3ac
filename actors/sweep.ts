/**
 * The sweep: proves that every actor that has not ended has what its state waits for, on start and every minute
 * (spec/job.md "Restart"). What is wrong becomes an event of the actor, and is put right with it where the log says how.
 *
 * Every controller sweeps by itself: two that find the same thing race for the same version, and one of them records it.
 */

import { loadActor } from '../eventstore/log/actors.ts'
import { ConditionGone } from '../eventstore/log/append.ts'
import { databaseNow } from '../eventstore/postgres/clock.ts'
import type { Database } from '../eventstore/postgres/database.ts'
import { type Loop, startLoop } from '../eventstore/postgres/loop.ts'
import { type Inspection, inspect } from '../eventstore/upkeep/inspect.ts'
import type { Lateness } from '../eventstore/upkeep/lateness.ts'
import { findSuspects, type KnownStates, type SweepCursor, sweepStart } from '../eventstore/upkeep/suspects.ts'
import type { StallData } from '../machines/event.ts'
import { releaseOf } from '../machines/job/inputs.ts'
import { jobStream, parseStream, type StreamId, serverStream } from '../machines/kinds.ts'
import type { ServerEvent } from '../machines/server/events.ts'
import type { Log } from './log.ts'
import type { Runtime } from './runtime.ts'

export type SweepOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly log: Log
  readonly leaseTtlMs: number
  /** A run that found so many violations ends early; the next one goes on there. */
  readonly violationsMax?: number
}

type SweepReport = {
  /** When the run began, by the database's clock. */
  readonly at: string
  /** Found and put right. */
  readonly repaired: number
  /** Found and left, because only a person or time can help. */
  readonly standing: readonly (StallData & { readonly stream: StreamId })[]
  /** True when the run saw all actors; otherwise there may be more. */
  readonly whole: boolean
}

export type Sweep = {
  /** Looks at all actors once. @throws what the database throws. */
  readonly run: (signal: AbortSignal) => Promise<SweepReport>
}

const everyMs = 60_000
const deadlineLateMs = 60_000
const leaseLateTtls = 3

/** A sweep whose runs share a cursor and the time since which they have followed each other. */
export function createSweep(options: SweepOptions): Sweep {
  const { db, leaseTtlMs, violationsMax = 1000 } = options
  const states: KnownStates = new Map()
  let cursor: SweepCursor = sweepStart
  let watch: { readonly since: string; readonly until: string } | null = null

  /** Since when runs have followed each other: a gap means that the database or this process was away. */
  const latenessAt = (now: string): Lateness => {
    const unbroken = watch !== null && Date.parse(now) - Date.parse(watch.until) <= 2 * everyMs
    const since = unbroken && watch !== null ? watch.since : now
    watch = { since, until: now }
    return { since, deadlineMs: deadlineLateMs, leaseMs: leaseLateTtls * leaseTtlMs }
  }

  const run = async (signal: AbortSignal): Promise<SweepReport> => {
    const at = await databaseNow(db)
    const lateness = latenessAt(at)
    const standing: (StallData & { stream: StreamId })[] = []
    let repaired = 0
    let whole = cursor === sweepStart
    for (let next: SweepCursor | null = cursor; next !== null; ) {
      const page = await findSuspects(db, next, { lateness, states })
      for (const stream of page.suspects) {
        signal.throwIfAborted()
        const found = await inspect(db, stream, lateness)
        if (found === null) continue
        for (const { reason, subject, repaired: done } of await settle(options, stream, found)) {
          if (done) repaired += 1
          else standing.push({ stream, reason, subject, repaired: done })
        }
      }
      next = page.next
      cursor = next ?? sweepStart
      if (repaired + standing.length >= violationsMax && next !== null) {
        whole = false
        break
      }
    }
    return { at, repaired, standing, whole }
  }

  return { run }
}

/** Records and repairs what was found, unless the actor has gone on since. Answers what still holds. */
async function settle(
  { db, runtime, log }: Pick<SweepOptions, 'db' | 'runtime' | 'log'>,
  stream: StreamId,
  found: Inspection,
): Promise<readonly StallData[]> {
  const release = found.heldBy === null ? null : await releaseAfter(db, found.heldBy)
  const observed = found.violations.filter(({ known }) => !known).map(({ known: _, ...data }) => data)
  if (observed.length === 0) return found.violations
  const { kind, id } = parseStream(stream)
  let current = true
  try {
    await runtime.commit({
      reads: [stream],
      cause: {
        actor: 'system:sweep',
        causationId: null,
        correlationId: kind === 'job' ? id : found.heldBy,
        trace: null,
      },
      decide: (actors) => {
        const actor = kind === 'job' ? actors.job(id) : actors.server(id)
        current = actor?.version === found.version
        if (!current) return []
        const events = observed.map((data) => ({ type: 'actor.stall.observed' as const, data }))
        if (kind === 'job') return [{ stream: jobStream(id), events }]
        return [{ stream: serverStream(id), events: release === null ? events : [...events, release] }]
      },
      ...(found.repair === null ? {} : { condition: { kind: 'repair', repair: found.repair } }),
    })
  } catch (error) {
    // The rows were not as they looked: another controller repaired them, or a rebuild had emptied the tables.
    if (error instanceof ConditionGone) return []
    throw error
  }
  if (!current) return []
  for (const data of observed) {
    const { reason, subject, repaired } = data
    log.warn({ stream, reason, subject, repaired }, `${stream} would not have gone on by itself: ${reason}`)
  }
  return found.violations
}

/** The event that a server waits for whose job has ended. */
async function releaseAfter(db: Database, jobId: string): Promise<ServerEvent> {
  const job = await loadActor(db, jobStream(jobId))
  if (job === null) throw new Error(`job ${jobId} was there a moment ago and has no history any more`)
  const { outcome, cleanup, slots, powerOn } = releaseOf(job.snapshot.context)
  return { type: 'server.released', data: { job_id: jobId, outcome, cleanup, slots, power_on: powerOn } }
}

export type SweepStatus = {
  /** The last run that came to its end; null before the first. */
  readonly last: SweepReport | null
  /** True when the latest run failed; the log says why. */
  readonly failed: boolean
}

/** Sweeps now and every minute; a run that takes longer is followed by the next one at once. */
export function startSweep(options: SweepOptions): Loop & { readonly status: () => SweepStatus } {
  const { run } = createSweep(options)
  let status: SweepStatus = { last: null, failed: false }
  const loop = startLoop({
    everyMs,
    work: async (signal) => {
      const startedAt = performance.now()
      status = { last: await run(signal), failed: false }
      return Math.max(0, startedAt + everyMs - performance.now())
    },
    onError: (error) => {
      status = { ...status, failed: true }
      options.log.error({ err: error }, 'the sweep could not be done, trying again in a minute')
    },
  })
  return { ...loop, status: () => status }
}
