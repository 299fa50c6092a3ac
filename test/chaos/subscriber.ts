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

/** Events that come again are known by their id, as every subscriber has to do it: delivery is at least once. */
export function createSubscriber(natsUrl: string): Subscriber {
  const received: Received[] = []
  const seen = new Set<string>()
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
      const subscription = await connection.jetstream().subscribe('provisioner.v1.>', wanted)
      receiving = (async () => {
        for await (const message of subscription) {
          const event = message.json<CloudEvent>()
          if (!seen.has(event.id)) {
            seen.add(event.id)
            received.push({ stream: String(event.stream), version: Number(event.streamversion), id: event.id })
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
