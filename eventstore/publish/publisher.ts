/**
 * Publishes the log to NATS JetStream. The log is the outbox: nothing waits for NATS, and events that could not be published
 * are published later, in log order. Of any number of controllers one is active, by a lock in Postgres that only a
 * controller with a connection to NATS asks for.
 */
import type postgres from 'postgres'
import type { StoredEvent } from '../log/event.ts'
import type { OnSeam } from '../log/seams.ts'
import { readCheckpoint } from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import { startLoop } from '../postgres/loop.ts'
import type { Notifications } from '../postgres/notifications.ts'
import { pause } from '../postgres/pause.ts'
import { createSessionLock } from '../postgres/session-lock.ts'
import { followLog } from './follow-log.ts'
import { type EventStream, eventStreamName, type NatsAccess, openEventStream } from './jetstream.ts'
import { statesBucketName } from './latest-states.ts'
import { startStatesWriter } from './latest-states-writer.ts'
import { type PublisherLog, type PublisherStatus, PublishingStatus } from './status.ts'

export type PublisherOptions = NatsAccess & {
  readonly db: Database
  /** Its options are those of the lock's own connection. */
  readonly raw: postgres.Sql
  readonly notifications: Notifications
  readonly log: PublisherLog
  readonly streamName?: string
  /** The key-value bucket of latest states. */
  readonly statesBucket?: string
  /** Called with the events that JetStream has acknowledged, in the order of the log. */
  readonly onPublished?: (events: readonly StoredEvent[]) => void
  readonly onSeam?: OnSeam
}

export type Publisher = {
  readonly status: () => PublisherStatus
  /** Lets the messages under way end, gives up the lock and closes the connections. */
  readonly stop: () => Promise<void>
}

/** Between two tries to get the lock. */
const askForLockEveryMs = 1000

/** Connects, and publishes whenever this controller has the lock; after any failure it connects again. */
export function startPublisher(options: PublisherOptions): Publisher {
  const { db, raw, notifications, log, onPublished, onSeam } = options
  const { streamName = eventStreamName, statesBucket: bucketName = statesBucketName } = options
  const checkpointName = `nats/${streamName}`
  const waiter = notifications.waiter()
  const lock = createSessionLock(raw, checkpointName)
  const status = new PublishingStatus({ db, log, streamName, bucketName })
  const onProblem = (problem: string | null) => status.reportStates(problem)
  const states = startStatesWriter({ db, access: options, bucketName, onProblem })
  const measureLag = async () => status.measureLag(await readCheckpoint(db, checkpointName))
  const following = {
    db,
    streamName,
    checkpointName,
    waiter,
    status,
    log,
    onPlace: states.published,
    onPublished,
    onSeam,
  }

  /** @throws the error that ends the connection. */
  const takeTurns = async (stream: EventStream, signal: AbortSignal): Promise<never> => {
    for (;;) {
      signal.throwIfAborted()
      const lost = await lock.acquire()
      if (lost === null) {
        status.enter('standby')
        states.published(null)
        await measureLag()
        await pause(askForLockEveryMs, signal)
        continue
      }
      try {
        await followLog({ ...following, stream }, AbortSignal.any([signal, lost]))
      } finally {
        await lock.release()
      }
    }
  }

  const running = startLoop({
    everyMs: 0,
    work: async (stopping) => {
      const stream = await openEventStream(options, streamName)
      try {
        return await takeTurns(stream, AbortSignal.any([stopping, stream.disconnected]))
      } finally {
        await stream.close()
      }
    },
    onError: async (error) => {
      const waitMs = status.disconnect(error)
      await measureLag().catch((unreadable: unknown) =>
        log.debug({ problem: String(unreadable) }, 'how much waits could not be read'),
      )
      return waitMs
    },
  })

  return {
    status: () => status.current,
    stop: async () => {
      await Promise.all([running.stop(), states.stop()])
      waiter.close()
      await lock.close()
    },
  }
}
