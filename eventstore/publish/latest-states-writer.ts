/**
 * Keeps the bucket of latest states up to date, beside the publisher and behind it: states are written once the events are
 * acknowledged, by a loop and a connection of its own, so that trouble here neither slows nor stops the events.
 */
import { eq } from 'drizzle-orm'
import { beginning, type Checkpoint } from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import { startLoop } from '../postgres/loop.ts'
import { pause } from '../postgres/pause.ts'
import { events } from '../schema.ts'
import { listRemovals } from '../upkeep/tombstones.ts'
import type { NatsAccess } from './jetstream.ts'
import { listStreams, readLatestStates, readTouched } from './latest-states.ts'
import { type Covered, openStatesBucket, type StatesBucket } from './latest-states-bucket.ts'
import { problemOf } from './nats-problem.ts'

export type StatesWriterOptions = {
  readonly db: Database
  readonly access: NatsAccess
  readonly bucketName: string
  /** Hears of trouble when it begins or changes, and with null of its end. */
  readonly onProblem: (problem: string | null) => void
}

export type StatesWriter = {
  /**
   * Events up to here are acknowledged, so their states may be shown; null leaves it to another controller. Two that both
   * believe to be the one do no harm: an older state never replaces a newer one.
   */
  readonly published: (upTo: Checkpoint | null) => void
  /** Ends what is under way; resolves when nothing is written any more. */
  readonly stop: () => Promise<void>
}

/** Watchers see a state at most about this late; a job that takes several steps meanwhile is written once. */
const batchEveryMs = 100
const batchEventsMax = 256
/** How soon it is noticed, while nothing happens, that the bucket was deleted. */
const confirmEveryMs = 5000
const retryMinMs = 500
const retryMaxMs = 15_000

/** Starts writing as soon as it is told how far events were published. */
export function startStatesWriter({ db, access, bucketName, onProblem }: StatesWriterOptions): StatesWriter {
  let upTo: Checkpoint | null = null
  let moved = new AbortController()
  let problem: string | null = null
  let failures = 0

  const say = (now: string | null) => {
    if (now !== problem) onProblem(now)
    problem = now
  }

  const run = async (stopping: AbortSignal): Promise<undefined> => {
    if (upTo === null) {
      await pause(confirmEveryMs, AbortSignal.any([stopping, moved.signal]))
      return
    }
    const bucket = await openStatesBucket(access, bucketName)
    const close = () => void bucket.close()
    stopping.addEventListener('abort', close, { once: true })
    try {
      await keep(bucket, AbortSignal.any([stopping, bucket.disconnected]))
    } finally {
      stopping.removeEventListener('abort', close)
      await bucket.close()
    }
  }

  /** Says what is wrong, and how long to wait before the next connection. */
  const recover = (error: unknown): number => {
    say(problemOf(error, { what: 'bucket', name: bucketName }))
    const waitMs = Math.min(retryMinMs * 2 ** failures, retryMaxMs)
    failures += 1
    return waitMs
  }

  /** Returns when it is left to another. @throws what ends the connection. */
  const keep = async (bucket: StatesBucket, signal: AbortSignal) => {
    let covered = await bucket.covered()
    let at = await placeOf(covered?.eventId ?? null)
    // Another log has other removals.
    if (covered !== null && at === null) covered = { ...covered, removal: 0n }
    while (upTo !== null) {
      signal.throwIfAborted()
      const { signal: movedOn } = moved
      const to = upTo
      if (at === null) ({ at, covered } = await fill(bucket, to, covered))
      if (covered !== null) covered = await forget(bucket, covered)
      const touched = await readTouched(db, { after: at, upTo: to, limit: batchEventsMax })
      const last = touched.at(-1)
      if (last === undefined) {
        succeeded()
        await pause(confirmEveryMs, AbortSignal.any([signal, movedOn]))
        if (!movedOn.aborted) await bucket.confirm()
        continue
      }
      const streams = [...new Set(touched.map(({ stream }) => stream))]
      await bucket.store(streams, (left) => readLatestStates(db, left, to))
      covered = { eventId: last.id, removal: covered?.removal ?? 0n }
      await bucket.cover(covered)
      at = last.checkpoint
      succeeded()
      if (touched.length < batchEventsMax) await pause(batchEveryMs, signal)
    }
  }

  const succeeded = () => {
    failures = 0
    say(null)
  }

  const placeOf = async (eventId: string | null): Promise<Checkpoint | null> => {
    if (eventId === null) return null
    const place = { xid: events.xid, position: events.position }
    const [row] = await db.select(place).from(events).where(eq(events.id, eventId))
    return row === undefined ? null : { xid: row.xid, position: row.position.toString() }
  }

  /** Deletes the keys of histories that were removed: nobody is told of a removal, so it is looked for. */
  const forget = async (bucket: StatesBucket, covered: Covered): Promise<Covered> => {
    for (let now = covered; ; ) {
      const removals = await listRemovals(db, { after: now.removal, limit: batchEventsMax })
      const last = removals.at(-1)
      if (last === undefined) return now
      const streams = removals.map(({ tombstone }) => tombstone.stream)
      await bucket.store(streams, async (left) => new Map(left.map((stream) => [stream, null])))
      now = { ...now, removal: last.position }
      await bucket.cover(now)
    }
  }

  type Filled = { readonly at: Checkpoint; readonly covered: Covered | null }

  /** A new bucket, or one that follows another log: every state there is, as far as it was published. */
  const fill = async (bucket: StatesBucket, to: Checkpoint, before: Covered | null): Promise<Filled> => {
    if (to.xid === beginning.xid) return { at: to, covered: before }
    const [last] = await db
      .select({ id: events.id })
      .from(events)
      .where(eq(events.position, BigInt(to.position)))
    // The event was archived since: going over the whole log does the same, slower.
    if (last === undefined) return { at: beginning, covered: before }
    for (let page = await listStreams(db, { after: '', limit: batchEventsMax }); ; ) {
      const after = page.at(-1)
      if (after === undefined) break
      await bucket.store(page, (left) => readLatestStates(db, left, to))
      page = await listStreams(db, { after, limit: batchEventsMax })
    }
    const covered = { eventId: last.id, removal: before?.removal ?? 0n }
    await bucket.cover(covered)
    return { at: to, covered }
  }

  const running = startLoop({ everyMs: 0, work: run, onError: recover })
  return {
    published: (now) => {
      upTo = now
      if (now === null) problem = null
      const before = moved
      moved = new AbortController()
      before.abort()
    },
    stop: running.stop,
  }
}
