/** A durable subscriber that is itself restarted now and then, and keeps the order in which events reached it. */
import { connect, consumerOpts, type NatsConnection } from 'nats'

export type Received = { readonly stream: string; readonly version: number; readonly id: string }

export type Subscriber = {
  readonly received: readonly Received[]
  readonly start: () => Promise<void>
  /** Ends it in the middle: what was not acknowledged comes again. */
  readonly stop: () => Promise<void>
}

type CloudEvent = {
  readonly id: string
  readonly source: string
  readonly stream?: string
  readonly streamversion?: number
}

const durable = 'chaos'
const ackWaitMs = 5000

/**
 * Delivery is at least once, and a message that comes again is known by its place in the JetStream stream. Not by the
 * event's id: an event that was published twice is to be found.
 */
export function createSubscriber(natsUrl: string): Subscriber {
  const received: Received[] = []
  let lastSeq = 0
  let connection: NatsConnection | undefined
  let receiving: Promise<void> = Promise.resolve()
  return {
    received,
    start: async () => {
      connection = await connect({ servers: natsUrl, maxReconnectAttempts: -1, reconnectTimeWait: 200 })
      const wanted = consumerOpts()
        .durable(durable)
        .deliverAll()
        .manualAck()
        .ackExplicit()
        .deliverTo(`deliver.${durable}`)
      wanted.maxAckPending(1)
      // What was not acknowledged when a connection ended holds up all that follows.
      wanted.ackWait(ackWaitMs)
      const subscription = await connection.jetstream().subscribe('provisioner.v1.>', wanted)
      receiving = (async () => {
        for await (const message of subscription) {
          if (message.seq > lastSeq) {
            const event = message.json<CloudEvent>()
            received.push({ stream: String(event.stream), version: Number(event.streamversion), id: event.id })
            lastSeq = message.seq
          }
          message.ack()
        }
      })()
    },
    stop: async () => {
      await connection?.close()
      await receiving
    },
  }
}
