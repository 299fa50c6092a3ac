/**
 * From commit to subscriber: milliseconds between an event being durable and a NATS subscriber having it, at 100 and
 * 1000 events a second; against messages of the same size that are published to JetStream directly, at the same pace.
 *
 *   npm run bench:publish [-- --json] [--seconds 3] [--rounds 3]
 */
import { mkdtemp } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { connect as connectNats, type NatsConnection } from 'nats'
import { v7 as uuidv7 } from 'uuid'
import { createRuntime, proposalOf } from '../../../actors/runtime.ts'
import { startNatsServer } from '../../../deploy/local/nats-server.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { startNotifications } from '../../../eventstore/postgres/notifications.ts'
import { startPublisher } from '../../../eventstore/publish/publisher.ts'
import { allSubjects } from '../../../eventstore/publish/subjects.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { happened, wayTo } from '../../machines/job/samples.ts'
import { withDatabase } from '../database.ts'
import { median, numberFlag, print, progress, quantile, shown } from '../report.ts'

const seconds = numberFlag('seconds', 3)
const rounds = numberFlag('rounds', 3)
const rates = [100, 1000]
const jobCount = 256
const tickMs = 5
const arrivalTimeoutMs = 30_000
const startTimeoutMs = 60_000

type Latencies = {
  readonly sent: (id: string) => void
  readonly arrived: (id: string) => void
  readonly all: () => Promise<number[]>
}

/** What each message took. One that arrives before it counts as sent took no time. */
function latencies(): Latencies {
  const sentAt = new Map<string, number>()
  const arrivedAt = new Map<string, number>()
  let waiting: (() => void) | undefined
  return {
    sent: (id) => void sentAt.set(id, performance.now()),
    arrived: (id) => {
      arrivedAt.set(id, performance.now())
      waiting?.()
    },
    all: async () => {
      const missing = () => [...sentAt.keys()].filter((id) => !arrivedAt.has(id)).length
      if (missing() > 0) {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        const timer = setTimeout(() => reject(new Error(`${missing()} messages did not arrive`)), arrivalTimeoutMs)
        waiting = () => {
          if (missing() === 0) resolve()
        }
        await promise.finally(() => clearTimeout(timer))
      }
      return [...sentAt].map(([id, at]) => Math.max(0, (arrivedAt.get(id) ?? Number.NaN) - at))
    },
  }
}

/** Calls `send` at a steady pace; resolves when all calls have ended. */
async function pace(rate: number, send: (index: number) => Promise<void>): Promise<void> {
  const total = rate * seconds
  const startedAt = performance.now()
  const under: Promise<void>[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setInterval(() => {
    const due = Math.min(total, Math.floor(((performance.now() - startedAt) * rate) / 1000))
    while (under.length < due) under.push(send(under.length))
    if (under.length >= total) resolve()
  }, tickMs)
  await promise
  clearInterval(timer)
  await Promise.all(under)
}

/** A round of the product: commits spread over jobs that report progress. */
async function openProduct({ url, natsUrl, subscriber }: { url: string; natsUrl: string; subscriber: NatsConnection }) {
  const { db, raw, close } = connect({ url })
  const fail = (error: unknown) => progress(String(error))
  const notifications = await startNotifications(raw, fail)
  const runtime = createRuntime({ db, nextId: uuidv7 })
  let current = latencies()
  runtime.onAppended((appended) => {
    for (const { event } of appended) current.sent(event.id)
    notifications.announce()
  })
  const active = Promise.withResolvers<void>()
  const log = { debug: () => {}, info: () => {}, warn: (_: unknown, message: string) => progress(message) }
  const publisher = startPublisher({ db, raw, notifications, natsUrl, log, onPublished: () => active.resolve() })
  const payloads: number[] = []
  const subscription = subscriber.subscribe(allSubjects, {
    callback: (_, message) => {
      payloads.push(message.data.byteLength)
      current.arrived(message.headers?.get('Nats-Msg-Id') ?? '')
    },
  })
  const cause = { actor: 'principal:bench', causationId: null, correlationId: null, trace: null }
  const streams = Array.from({ length: jobCount }, () => jobStream(uuidv7()))
  const waiting = wayTo('provisioning.waitingForReport')
  for (const stream of streams) {
    const events = waiting.map(({ type, data }) =>
      type === 'job.requested' ? { type, data: { ...(data as object), job_id: stream.slice(4) } } : { type, data },
    )
    await runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, ...events)] })
  }
  await active.promise
  await current.all()
  return {
    payloadBytes: () => Math.round(median(payloads)),
    round: async (rate: number) => {
      current = latencies()
      const measured = current
      await pace(rate, async (index) => {
        const stream = streams[index % streams.length] ?? jobStream(uuidv7())
        const events = [happened('progress.reported', { percent: index % 100 })]
        await runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, ...events)] })
      })
      return measured.all()
    },
    close: async () => {
      subscription.unsubscribe()
      await publisher.stop()
      await notifications.close()
      await close()
    },
  }
}

const rawSubject = 'bench.raw'

/** A round of JetStream alone: acknowledged publishes of the same size, on a stream of their own. */
async function openRaw({ publisher, subscriber }: { publisher: NatsConnection; subscriber: NatsConnection }) {
  const manager = await publisher.jetstreamManager()
  await manager.streams.add({ name: 'RAW', subjects: [rawSubject] })
  const jetStream = publisher.jetstream()
  let current = latencies()
  subscriber.subscribe(rawSubject, {
    callback: (_, message) => current.arrived(message.headers?.get('Nats-Msg-Id') ?? ''),
  })
  await subscriber.flush()
  return {
    round: async (rate: number, payloadBytes: number) => {
      current = latencies()
      const measured = current
      const payload = new Uint8Array(payloadBytes)
      await pace(rate, async () => {
        const msgID = uuidv7()
        measured.sent(msgID)
        await jetStream.publish(rawSubject, payload, { msgID })
      })
      return measured.all()
    },
  }
}

const measured = await withDatabase(async (url, folder) => {
  const storeDir = await mkdtemp(join(folder, 'nats-'))
  const packagesDir = resolve(import.meta.dirname, '../../../.cache/debian')
  const nats = await startNatsServer({ storeDir, packagesDir, signal: AbortSignal.timeout(startTimeoutMs) })
  if (!nats.running) throw new Error(nats.reason)
  const [publisher, subscriber] = await Promise.all([
    connectNats({ servers: nats.url }),
    connectNats({ servers: nats.url }),
  ])
  const all: Record<string, { p50: number; p99: number }[]> = {}
  try {
    const product = await openProduct({ url, natsUrl: nats.url, subscriber })
    const raw = await openRaw({ publisher, subscriber })
    try {
      for (let round = 1; round <= rounds; round += 1)
        for (const rate of rates)
          for (const [name, run] of [
            ['ours', () => product.round(rate)],
            ['raw', () => raw.round(rate, product.payloadBytes())],
          ] as const) {
            const taken = await run()
            const figure = { p50: quantile(taken, 0.5), p99: quantile(taken, 0.99) }
            all[`${name}.${rate}`] = [...(all[`${name}.${rate}`] ?? []), figure]
            progress(`round ${round}: ${name}.${rate} p50 ${shown(figure.p50)} ms, p99 ${shown(figure.p99)} ms`)
          }
    } finally {
      await product.close()
    }
  } finally {
    await Promise.all([publisher.close(), subscriber.close()])
    await nats.stop()
  }
  return all
})

const figures: Record<string, number> = {}
const table = [['way', 'events per second', 'p50 ms', 'p99 ms']]
for (const [name, all] of Object.entries(measured)) {
  const [way = '', rate = ''] = name.split('.')
  const p50 = median(all.map((figure) => figure.p50))
  const p99 = median(all.map((figure) => figure.p99))
  figures[`${name}.p50_ms`] = p50
  figures[`${name}.p99_ms`] = p99
  table.push([way, rate, shown(p50), shown(p99)])
}
const ratios = Object.fromEntries(
  rates.map((rate) => {
    const raw = measured[`raw.${rate}`] ?? []
    const ours = measured[`ours.${rate}`] ?? []
    return [`ours/raw.${rate}.p50`, median(ours.map(({ p50 }, round) => p50 / (raw[round]?.p50 ?? Number.NaN)))]
  }),
)
print({ bench: 'publish', figures, ratios }, table)
