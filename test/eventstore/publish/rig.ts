// A log, a NATS server of its own, publishers whose doings can be awaited, and a subscriber that reads what they published.
import { mkdtemp } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { AckPolicy, connect, type NatsConnection, type StreamConfig } from 'nats'
import { inject } from 'vitest'
import { type LocalNats, startNatsServer } from '../../../deploy/local/nats-server.ts'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import type { CloudEvent } from '../../../eventstore/publish/cloud-event.ts'
import { type Publisher, startPublisher } from '../../../eventstore/publish/publisher.ts'
import type { PublisherLog } from '../../../eventstore/publish/status.ts'
import { allSubjects } from '../../../eventstore/publish/subjects.ts'
import { patience } from '../../rig/patience.ts'
import { openWorld, type World } from '../rig/world.ts'

export const streamName = 'PROVISIONER'

export type Publishing = Publisher & {
  /** Ids of the events that were acknowledged, in that order. */
  readonly ids: readonly string[]
  readonly lines: readonly string[]
  /** Resolves when this many events have been acknowledged. */
  readonly acknowledged: (count: number) => Promise<void>
  /** Resolves when this event has been acknowledged. */
  readonly passed: (id: string) => Promise<void>
  /** Resolves when a line like this has been logged, `times` times. */
  readonly said: (pattern: RegExp, times?: number) => Promise<void>
}

function startPublishing(world: World, natsUrl: string): Publishing {
  const ids: string[] = []
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const changed = () => {
    for (const look of waiting) look()
  }
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!holds()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  const write = (fields: unknown, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
    changed()
  }
  const log: PublisherLog = { debug: write, info: write, warn: write }
  const onPublished = (events: readonly StoredEvent[]) => {
    ids.push(...events.map(({ id }) => id))
    changed()
  }
  const { db, raw, notifications } = world
  const publisher = startPublisher({ db, raw, notifications, natsUrl, log, onPublished })
  return {
    ...publisher,
    ids,
    lines,
    acknowledged: (count) => until(() => ids.length >= count),
    passed: (id) => until(() => ids.includes(id)),
    said: (pattern, times = 1) => until(() => lines.filter((line) => pattern.test(line)).length >= times),
  }
}

export type Site = {
  readonly world: World
  readonly natsUrl: () => string
  readonly stopNats: () => Promise<void>
  /** The same server again: same streams, same port. */
  readonly startNats: () => Promise<void>
  /** Starts a publisher; it is stopped at the end, if not before. */
  readonly publish: () => Publishing
  /** Creates the publisher's stream, or changes it, as an operator may. */
  readonly configureStream: (config: Partial<StreamConfig>) => Promise<void>
  readonly deleteStream: () => Promise<void>
  readonly close: () => Promise<void>
}

export async function openSite(): Promise<Site> {
  const storeDir = await mkdtemp(join(inject('runDir'), 'publisher-'))
  const start = async (): Promise<LocalNats & { running: true }> => {
    const packagesDir = resolve(import.meta.dirname, '../../../.cache/debian')
    const server = await startNatsServer({ storeDir, packagesDir, signal: patience() })
    if (!server.running) throw new Error(server.reason)
    return server
  }
  const publishers: Publishing[] = []
  let nats = await start()
  const world = await openWorld()
  const withStreams = <T>(work: (streams: Streams) => Promise<T>): Promise<T> =>
    withNats(nats.url, async (connection) => work((await connection.jetstreamManager()).streams))
  return {
    world,
    natsUrl: () => nats.url,
    stopNats: () => nats.stop(),
    startNats: async () => {
      nats = await start()
    },
    publish: () => {
      const publisher = startPublishing(world, nats.url)
      publishers.push(publisher)
      return publisher
    },
    configureStream: (config) =>
      withStreams(async (streams) => {
        const known = await streams.names().next()
        if (known.includes(streamName)) await streams.update(streamName, config)
        else await streams.add({ name: streamName, subjects: [allSubjects], ...config })
      }),
    deleteStream: () => withStreams(async (streams) => void (await streams.delete(streamName))),
    close: async () => {
      await Promise.all(publishers.map((publisher) => publisher.stop()))
      await Promise.all([world.close(), nats.stop()])
    },
  }
}

type Streams = Awaited<ReturnType<NatsConnection['jetstreamManager']>>['streams']

/** Waits until everything that is in the log has been acknowledged to this publisher, and says what that is, in order. */
export async function caughtUp({ world }: Site, publisher: Publishing): Promise<string[]> {
  const ids = await idsInLog(world)
  await publisher.acknowledged(ids.length)
  return ids
}

export async function idsInStream({ natsUrl }: Site): Promise<string[]> {
  return (await receiveAll(natsUrl())).map(({ event }) => event.id)
}

export type Received = {
  readonly subject: string
  readonly header: (name: string) => string
  readonly event: CloudEvent
}

/** Takes the next `count` messages of a durable consumer, each acknowledged, as a subscriber that comes and goes does. */
export function receive(url: string, { durable, count }: { durable: string; count: number }): Promise<Received[]> {
  return withNats(url, async (connection) => {
    const manager = await connection.jetstreamManager()
    await manager.consumers.add(streamName, { durable_name: durable, ack_policy: AckPolicy.Explicit })
    const consumer = await connection.jetstream().consumers.get(streamName, durable)
    const received: Received[] = []
    for await (const message of await consumer.fetch({ max_messages: count, expires: 20_000 })) {
      const { headers } = message
      received.push({
        subject: message.subject,
        header: (name) => headers?.get(name) ?? '',
        event: message.json<CloudEvent>(),
      })
      // The confirmed form: an unconfirmed one could be lost with the connection.
      await message.ackAck()
    }
    return received
  })
}

/** Everything that is in the stream, read with a consumer of its own. */
export async function receiveAll(url: string): Promise<Received[]> {
  const count = await withNats(url, async (connection) => {
    const manager = await connection.jetstreamManager()
    return (await manager.streams.info(streamName)).state.messages
  })
  return count === 0 ? [] : receive(url, { durable: `all-${count}-${performance.now().toFixed(0)}`, count })
}

export async function withNats<T>(url: string, work: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: url })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

/** The log's ids in the order of the tail, by which they are to be published. */
export async function idsInLog({ owner }: World): Promise<string[]> {
  const rows = await owner.raw<{ id: string }[]>`select id from events order by xid, position`
  return rows.map(({ id }) => id)
}
