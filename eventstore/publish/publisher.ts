/**
 * Publishes the log to NATS JetStream. The log is the outbox: nothing waits for NATS, and what could not be published is
 * published later, in log order. Of any number of controllers one is active, by a lock in Postgres that only a controller
 * with a connection to NATS asks for.
 *
 * Where to go on is read from the stream's own last message, and from the checkpoint where that says nothing: when the
 * stream is new, was emptied, or ends with somebody else's message. The checkpoint is never ahead of what was acknowledged.
 */
import { eq } from 'drizzle-orm'
import type postgres from 'postgres'
import type { StoredEvent } from '../log/event.ts'
import type { OnSeam } from '../log/seams.ts'
import {
  beginning,
  type Checkpoint,
  readCheckpoint,
  readLag,
  readTail,
  saveCheckpoint,
  type TailedEvent,
} from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import { startLoop } from '../postgres/loop.ts'
import type { Notifications } from '../postgres/notifications.ts'
import { pause } from '../postgres/pause.ts'
import { createSessionLock } from '../postgres/session-lock.ts'
import { events } from '../schema.ts'
import { messageOf } from './cloud-event.ts'
import {
  type EventStream,
  eventStreamName,
  type NatsAccess,
  NoStream,
  openEventStream,
  StreamMoved,
} from './jetstream.ts'
import { statesBucketName } from './latest-states.ts'
import { startStatesWriter } from './latest-states-writer.ts'
import { problemOf } from './nats-problem.ts'

/** The part of a structured logger that is written to; pino's shape. */
export type PublisherLog = {
  readonly [Level in 'debug' | 'info' | 'warn']: (fields: Readonly<Record<string, unknown>>, message: string) => void
}

export type PublisherOptions = NatsAccess & {
  readonly db: Database
  /** Says how to connect; the lock's session is a connection of its own. */
  readonly raw: postgres.Sql
  readonly notifications: Notifications
  readonly log: PublisherLog
  readonly streamName?: string
  /** The key-value bucket of latest states. */
  readonly statesBucket?: string
  /** Hears of events that JetStream has acknowledged, in the order of the log. */
  readonly onPublished?: (events: readonly StoredEvent[]) => void
  readonly onSeam?: OnSeam
}

export type PublisherStatus = {
  /** `disconnected`: NATS or the database cannot be used now, `problem` says why; everything is published later. */
  readonly state: 'active' | 'standby' | 'disconnected'
  readonly problem: string | null
  /** What is not published yet, as of the last look: a second ago, a few while disconnected. */
  readonly lag: { readonly events: number; readonly seconds: number }
  /** Why latest states are not written to their bucket; events are published all the same. */
  readonly statesProblem: string | null
}

export type Publisher = {
  readonly status: () => PublisherStatus
  /** Lets the messages under way end, gives up the lock and closes the connections. */
  readonly stop: () => Promise<void>
}

/** Looking without having been woken, also for the lock. */
const lookEveryMs = 1000
/** Looking again for events that are there but may still be overtaken by a transaction under way (tail.ts). */
const lookForLateCommitsMs = 25
const windowMessagesMax = 256
const windowBytesMax = 4 * 1_048_576
const retryMinMs = 100
const retryMaxMs = 5000
/** Looks at a stream's end in a row without anything stored: somebody else writes to it all the time. */
const movesMax = 5

export function startPublisher(options: PublisherOptions): Publisher {
  const { db, raw, notifications, log, onPublished, onSeam, streamName = eventStreamName } = options
  const { statesBucket = statesBucketName } = options
  const checkpointName = `nats/${streamName}`
  const waiter = notifications.waiter()
  const lock = createSessionLock(raw, checkpointName)
  let status: PublisherStatus = {
    state: 'disconnected',
    problem: 'starting',
    lag: { events: 0, seconds: 0 },
    statesProblem: null,
  }
  let failures = 0
  let measuredAt = Number.NEGATIVE_INFINITY

  const enter = (state: 'active' | 'standby') => {
    if (status.state !== state) log.info({ stream: streamName }, `publishing to NATS: ${state}`)
    status = { ...status, state, problem: null }
  }

  const measureLag = async (at: Checkpoint) => {
    const lag = await readLag(db, at)
    status = { ...status, lag }
    measuredAt = performance.now()
  }

  const sayOfStates = (statesProblem: string | null) => {
    const fields = { bucket: statesBucket, problem: statesProblem }
    if (statesProblem === null) log.info(fields, 'latest states are written to NATS again')
    else log.warn(fields, 'latest states are not written to NATS now; events are')
    status = { ...status, statesProblem }
  }

  const states = startStatesWriter({ db, access: options, bucketName: statesBucket, onProblem: sayOfStates })

  /** Connects and publishes until the connection ends. @throws what ended it. */
  const run = async (stopping: AbortSignal): Promise<undefined> => {
    const stream = await openEventStream(options, streamName)
    try {
      await takeTurns(stream, AbortSignal.any([stopping, stream.disconnected]))
    } finally {
      await stream.close()
    }
  }

  /** Any failure has the same answer: say it once, wait, and start over from the connection. Answers how long to wait. */
  const recover = async (error: unknown): Promise<number> => {
    const problem = problemOf(error, { what: 'stream', name: streamName })
    const fields = { stream: streamName, problem, failures: failures + 1 }
    if (status.state === 'disconnected' && status.problem === problem)
      log.debug(fields, 'publishing to NATS still waits')
    else log.warn(fields, 'publishing to NATS waits; events are stored and published later')
    status = { ...status, state: 'disconnected', problem }
    try {
      await measureLag(await readCheckpoint(db, checkpointName))
    } catch (unreadable) {
      log.debug({ problem: String(unreadable) }, 'how much waits could not be read')
    }
    const waitMs = Math.min(retryMinMs * 2 ** failures, retryMaxMs)
    failures += 1
    return waitMs
  }

  /** Publishes whenever this controller has the lock. @throws what ends the connection. */
  const takeTurns = async (stream: EventStream, signal: AbortSignal): Promise<never> => {
    for (;;) {
      signal.throwIfAborted()
      const lost = await lock.acquire()
      if (lost === null) {
        enter('standby')
        states.published(null)
        status = { ...status, statesProblem: null }
        failures = 0
        await measureLag(await readCheckpoint(db, checkpointName))
        await pause(lookEveryMs, signal)
        continue
      }
      try {
        await follow(stream, AbortSignal.any([signal, lost]))
      } finally {
        await lock.release()
      }
    }
  }

  const follow = async (stream: EventStream, signal: AbortSignal): Promise<never> => {
    let { at, sequence } = await resume(stream, null)
    let moves = 0
    states.published(at)
    for (;;) {
      signal.throwIfAborted()
      const page = await readTail(db, at, windowMessagesMax)
      if (page.length === 0) {
        enter('active')
        failures = 0
        await measureLag(at)
        await waiter.wait({ timeoutMs: status.lag.events > 0 ? lookForLateCommitsMs : lookEveryMs, signal })
        continue
      }
      const window = windowOf(page, stream.payloadBytesMax())
      for (const { event } of page.slice(0, window.length)) onSeam?.(`publish.before:${event.type}`)
      const published = await stream.publish(
        window.map(({ message }) => message),
        { after: sequence },
      )
      sequence = published.sequence
      const stored = page.slice(0, published.stored)
      const last = stored.at(-1)
      if (last !== undefined) {
        enter('active')
        at = last.checkpoint
        failures = 0
        moves = 0
        for (const { event } of stored) onSeam?.(`publish.after:${event.type}`)
        await saveCheckpoint(db, checkpointName, at)
        states.published(at)
        for (const { event } of stored) onSeam?.(`publish.saved:${event.type}`)
        onPublished?.(stored.map(({ event }) => event))
      }
      if (performance.now() - measuredAt > lookEveryMs) await measureLag(at)
      if (published.failure === null) continue
      moves += 1
      const movable = published.failure instanceof StreamMoved || published.failure instanceof NoStream
      if (!movable || moves > movesMax) throw published.failure
      ;({ at, sequence } = await resume(stream, at))
      states.published(at)
    }
  }

  /** Where the stream ends and which event of the log that is. */
  const resume = async (stream: EventStream, known: Checkpoint | null) => {
    const { sequence, messageId, created } = await stream.end()
    const stored = messageId === null ? null : await findEvent(db, messageId)
    const at = stored ?? known ?? (await readCheckpoint(db, checkpointName))
    if (stored === null && at.xid !== beginning.xid && (created || sequence === 0)) {
      const fields = { stream: streamName, after_position: at.position }
      log.warn(fields, 'the NATS stream is new: it starts after the checkpoint, earlier events are in the log only')
    }
    if (stored !== null) await saveCheckpoint(db, checkpointName, stored)
    return { at, sequence }
  }

  const running = startLoop({ everyMs: 0, work: run, onError: recover })
  return {
    status: () => status,
    stop: async () => {
      await Promise.all([running.stop(), states.stop()])
      waiter.close()
      await lock.close()
    },
  }
}

/** Messages of the first events of a page, as many as may be under way at once. */
function windowOf(page: readonly TailedEvent[], payloadBytesMax: number) {
  let bytes = 0
  const window = []
  for (const { event } of page) {
    const message = messageOf(event, { payloadBytesMax })
    bytes += message.payload.byteLength
    if (window.length > 0 && bytes > windowBytesMax) break
    window.push({ message })
  }
  return window
}

/** Where an event with the id of a message is; null when the log has none, since anybody can publish to a stream. */
async function findEvent(db: Database, messageId: string): Promise<Checkpoint | null> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(messageId)) return null
  const [row] = await db
    .select({ xid: events.xid, position: events.position })
    .from(events)
    .where(eq(events.id, messageId))
  return row ? { xid: row.xid, position: row.position.toString() } : null
}
