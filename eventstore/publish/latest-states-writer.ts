/**
 * Keeps the bucket of latest states up to date. A state is written after its event is acknowledged, by a loop and a
 * connection of its own, so that a failure here neither slows nor stops the events.
 */
import { type Checkpoint, checkpointOf } from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import { startLoop } from '../postgres/loop.ts'
import { pause } from '../postgres/pause.ts'
import type { NatsAccess } from './jetstream.ts'
import { readLatestStates, readTouched } from './latest-states.ts'
import { openStatesBucket, type StatesBucket } from './latest-states-bucket.ts'
import { fillBucket, forgetRemoved } from './latest-states-catch-up.ts'
import { problemOf } from './nats-problem.ts'

export type StatesWriterOptions = {
  readonly db: Database
  readonly access: NatsAccess
  readonly bucketName: string
  /** Called when a problem begins or changes, and with null when it ends. */
  readonly onProblem: (problem: string | null) => void
}

export type StatesWriter = {
  /**
   * Lets states up to here be written, since their events are acknowledged; null leaves the bucket to another controller. Two
   * controllers that write at once do no harm: an older state never replaces a newer one.
   */
  readonly published: (upTo: Checkpoint | null) => void
  /** Ends what is under way; resolves when nothing is written any more. */
  readonly stop: () => Promise<void>
}

/** A state is late by about this at most; of a job that takes several steps meanwhile, the last one is written. */
const batchEveryMs = 100
const batchEventsMax = 256
/** While no events come, a deleted bucket is noticed after this. */
const confirmEveryMs = 5000
const retryMinMs = 500
const retryMaxMs = 15_000

/** Starts the writer; it writes nothing before the first call of `published`. */
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
    await withBucket({ access, bucketName, stopping }, keep)
  }

  /** Reports the problem. Returns the wait before the next connection in ms. */
  const recover = (error: unknown): number => {
    say(problemOf(error, { what: 'bucket', name: bucketName }))
    const waitMs = Math.min(retryMinMs * 2 ** failures, retryMaxMs)
    failures += 1
    return waitMs
  }

  /** Writes until `published(null)`. @throws the error that ends the connection. */
  const keep = async (bucket: StatesBucket, signal: AbortSignal) => {
    let covered = await bucket.covered()
    let at = covered === null ? null : await checkpointOf(db, covered.eventId)
    // Another log has other removals.
    if (covered !== null && at === null) covered = { ...covered, removal: 0n }
    while (upTo !== null) {
      signal.throwIfAborted()
      const { signal: movedOn } = moved
      const to = upTo
      if (at === null) ({ at, covered } = await fillBucket(db, bucket, { upTo: to, before: covered }))
      if (covered !== null) covered = await forgetRemoved(db, bucket, covered)
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

/** Opens the bucket for `work`, whose signal aborts when the writer stops or the connection is lost, and closes it. */
async function withBucket(
  {
    access,
    bucketName,
    stopping,
  }: Pick<StatesWriterOptions, 'access' | 'bucketName'> & { readonly stopping: AbortSignal },
  work: (bucket: StatesBucket, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const bucket = await openStatesBucket(access, bucketName)
  const close = () => void bucket.close()
  stopping.addEventListener('abort', close, { once: true })
  try {
    await work(bucket, AbortSignal.any([stopping, bucket.disconnected]))
  } finally {
    stopping.removeEventListener('abort', close)
    await bucket.close()
  }
}
