/** An ordinary subscriber, as a dashboard or a billing system has: it uses JetStream and none of the controller's code. */
import { setTimeout as delay } from 'node:timers/promises'
import { connect, consumerOpts, type NatsConnection } from 'nats'

const allSubjects = 'provisioner.v1.>'

export type Subscriber = {
  /** Resolves with the number of a job's events received, once it is `expected` or `timeoutMs` have passed. */
  readonly heard: (jobId: string, expected: number, timeoutMs: number) => Promise<number>
  readonly close: () => Promise<void>
}

const streamTimeoutMs = 15_000
const lookEveryMs = 50

/** Subscribes from the first stored message on, once the publisher has created the stream. */
export async function subscribe(url: string): Promise<Subscriber> {
  const connection = await connect({ servers: url, name: 'demo subscriber' })
  try {
    await streamExists(connection)
  } catch (error) {
    await connection.close()
    throw error
  }
  const subscription = await connection
    .jetstream()
    .subscribe(allSubjects, consumerOpts().orderedConsumer().deliverAll())
  const ids = new Map<string, Set<string>>()
  const waiting = new Set<() => void>()
  const receiving = (async () => {
    for await (const message of subscription) {
      const [, , , actor = ''] = message.subject.split('.')
      const { id } = message.json<{ id: string }>()
      ids.set(actor, (ids.get(actor) ?? new Set()).add(id))
      for (const wake of waiting) wake()
    }
  })()
  const count = (jobId: string) => ids.get(jobId)?.size ?? 0

  return {
    heard: async (jobId, expected, timeoutMs) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const wake = () => count(jobId) >= expected && resolve()
      waiting.add(wake)
      const timer = setTimeout(resolve, timeoutMs)
      wake()
      await promise
      clearTimeout(timer)
      waiting.delete(wake)
      return count(jobId)
    },
    close: async () => {
      await connection.close()
      await receiving
    },
  }
}

async function streamExists(connection: NatsConnection): Promise<void> {
  const manager = await connection.jetstreamManager()
  const signal = AbortSignal.timeout(streamTimeoutMs)
  for (;;) {
    const names = await manager.streams.names(allSubjects).next()
    if (names.length > 0) return
    await delay(lookEveryMs, undefined, { signal })
  }
}
