/**
 * A subscriber to copy, for a dashboard, a CMDB or billing. It handles every event of every job and server once, in order per
 * stream, also when processes are killed or restarted. It needs the `nats` package and none of the controller's code.
 *
 *   node deploy/examples/subscriber.ts --nats-url nats://127.0.0.1:4222 --state state.json --output events.jsonl
 *
 * Keep these rules when you copy it; they make it safe:
 * - Its own state, not the server, says where it continues: it stores the JetStream sequence of the last message together with
 *   the results of the messages. So a crash at any point neither counts a message twice nor loses one.
 * - It acknowledges after the state is on disk. Acknowledgements only show operators how far it is behind
 *   (`nats consumer report PROVISIONER`); every connection recreates the durable consumer at the state's sequence. An old
 *   consumer would redeliver the messages in flight at a crash after later ones: out of order.
 * - Within a stream versions have no gaps. It drops a known version: messages may come twice, even with another sequence, after
 *   JetStream lost its last seconds. A version after the next one shows a gap: it reports the gap and fetches the missing events
 *   from the HTTP API (`--api`, with `PROVISIONER_TOKEN` in the environment when the API needs a token).
 * - It handles every failure alike: close the connection, wait, start again from the state.
 * - It holds a limited number of messages, and forgets the jobs that ended longest ago.
 *
 * `subscriber/state.ts` is the state, `subscriber/order.ts` the order. Run only one with the same --name.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  AckPolicy,
  type ConnectionOptions,
  type ConsumerMessages,
  connect,
  credsAuthenticator,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
  NatsError,
  nanos,
} from 'nats'
import { type Api, parseEvent, type Taken, takeInOrder } from './subscriber/order.ts'
import { loadState, openOutput, remember, rememberGap, saveState } from './subscriber/state.ts'

const { values: flags } = parseArgs({
  options: {
    'nats-url': { type: 'string', default: 'nats://127.0.0.1:4222' },
    creds: { type: 'string' },
    stream: { type: 'string', default: 'PROVISIONER' },
    name: { type: 'string', default: 'subscriber-example' },
    state: { type: 'string' },
    output: { type: 'string' },
    api: { type: 'string' },
  },
})
const { state: statePath, stream: streamName, name: consumerName } = flags
if (statePath === undefined) throw new Error('--state says in which file to remember how far it got')
const token = process.env['PROVISIONER_TOKEN']
const api: Api | null = flags.api === undefined ? null : { url: flags.api, token }

const subjects = 'provisioner.v1.>'
/** The limit of messages in memory: those delivered and not acknowledged yet. */
const messagesMax = 256
const requestTimeoutMs = 5000
/** Longer than a batch takes; JetStream redelivers after it, and the subscriber drops the duplicates. */
const ackWaitMs = 60_000
const retryMinMs = 100
const retryMaxMs = 5000

const stopping = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort())
const say = (line: string) => void process.stderr.write(`${line}\n`)

let state = await loadState(statePath)
const output = flags.output === undefined ? null : await openOutput(flags.output, state.output_bytes)

/** Replace this: it handles events. After a failure it may be called again with the same events. */
async function handle(events: readonly Taken[]): Promise<void> {
  for (const { stream, seq, type, at, state: to } of events) remember(state, stream, { seq, type, at, state: to })
  const lines = events.map((event) => JSON.stringify(event))
  if (output !== null && lines.length > 0) state.output_bytes = await output.append(lines, state.output_bytes)
}

/** Handles messages in JetStream's order, stores the state, then acknowledges them. */
async function take(messages: readonly JsMsg[], path: string): Promise<void> {
  const events: Taken[] = []
  const versions = new Map<string, number>()
  for (const message of messages) {
    if (message.seq <= state.sequence) continue
    const event = parseEvent(message.data)
    if (event === null) {
      say(`message ${message.seq} is no event of ours; it is passed over`)
    } else {
      const known = versions.get(event.stream) ?? state.streams.get(event.stream)?.seq ?? 0
      const { taken, missing } = await takeInOrder(event, { known, api, signal: stopping.signal })
      if (taken.length > 1)
        say(`${event.stream}: ${taken.length} events asked of the API, up to ${event.streamversion}`)
      if (missing !== null) {
        say(`${event.stream}: nothing seen after ${known} and before ${missing.before}; the log has it`)
        rememberGap(state, { stream: event.stream, after_seq: known, before_seq: missing.before })
      }
      events.push(...taken)
      versions.set(event.stream, Math.max(known, event.streamversion))
    }
    state.sequence = message.seq
    state.event_id = message.headers?.get('Nats-Msg-Id') || null
  }
  await handle(events)
  await saveState(path, state)
  for (const message of messages) message.ack()
}

/** The sequence to start at: after the last message taken, or the first when the state belongs to another stream. */
async function nextSequence(manager: JetStreamManager): Promise<number> {
  const { state: stored } = await manager.streams.info(streamName)
  const { sequence, event_id } = state
  if (sequence === 0 || sequence < stored.first_seq) return sequence + 1
  if (sequence <= stored.last_seq) {
    const id = await messageIdAt(manager, sequence)
    if (id === undefined || id === event_id) return sequence + 1
  }
  say('this is another stream, or it lost its end: from its beginning again, without what is known')
  state.sequence = 0
  return 1
}

/** Null for a message without an id, undefined for a message that is gone. */
async function messageIdAt(manager: JetStreamManager, sequence: number): Promise<string | null | undefined> {
  try {
    return (await manager.streams.getMessage(streamName, { seq: sequence })).header.get('Nats-Msg-Id') || null
  } catch (error) {
    if (hasApiCode(error, 10_037)) return undefined
    throw error
  }
}

async function makeConsumer(connection: NatsConnection) {
  const manager = await connection.jetstreamManager({ timeout: requestTimeoutMs })
  const start = await nextSequence(manager)
  try {
    await manager.consumers.delete(streamName, consumerName)
  } catch (error) {
    if (!hasApiCode(error, 10_014)) throw error
  }
  await manager.consumers.add(streamName, {
    durable_name: consumerName,
    filter_subject: subjects,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: start,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_ack_pending: messagesMax,
  })
  return connection.jetstream({ timeout: requestTimeoutMs }).consumers.get(streamName, consumerName)
}

/** Runs one connection; resolves when the subscriber stops. @throws the error that ended the connection. */
async function receive(path: string): Promise<void> {
  const waiting: JsMsg[] = []
  let over: Error | null = null
  let wake = Promise.withResolvers<void>()
  const end = (reason: unknown) => {
    over = reason instanceof Error ? reason : new Error('the connection was closed')
    wake.resolve()
  }
  const stop = () => wake.resolve()
  stopping.signal.addEventListener('abort', stop, { once: true })
  const connection = await connect(await connectionOptions())
  let subscription: ConsumerMessages | undefined
  try {
    const consumer = await makeConsumer(connection)
    const callback = (message: JsMsg) => {
      waiting.push(message)
      wake.resolve()
    }
    const options = { max_messages: messagesMax, abort_on_missing_resource: true, callback }
    subscription = await consumer.consume(options)
    void Promise.race([subscription.closed(), connection.closed()]).then(end, end)
    say(`receiving after ${state.sequence}`)
    while (!stopping.signal.aborted) {
      if (waiting.length > 0) {
        await take(waiting.splice(0), path)
        failures = 0
        continue
      }
      if (over !== null) throw over
      await wake.promise
      wake = Promise.withResolvers()
    }
    await connection.flush()
  } finally {
    stopping.signal.removeEventListener('abort', stop)
    // The subscription keeps a timer, also after its connection is gone.
    await subscription?.close()
    await connection.close()
  }
}

async function connectionOptions(): Promise<ConnectionOptions> {
  const { host, username, password } = new URL(flags['nats-url'])
  return {
    servers: host,
    name: consumerName,
    reconnect: false,
    timeout: requestTimeoutMs,
    ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    ...(flags.creds === undefined ? {} : { authenticator: credsAuthenticator(await readFile(flags.creds)) }),
  }
}

function hasApiCode(error: unknown, code: number): boolean {
  return error instanceof NatsError && error.api_error?.err_code === code
}

let failures = 0
while (!stopping.signal.aborted) {
  try {
    await receive(statePath)
  } catch (error) {
    if (stopping.signal.aborted) break
    say(`waits: ${error instanceof Error ? error.message : String(error)}`)
    // The state in memory may be ahead of the disk, so it is read again.
    state = await loadState(statePath)
    const wait = Math.min(retryMinMs * 2 ** failures, retryMaxMs)
    failures += 1
    await delay(wait, undefined, { signal: stopping.signal }).catch((reason: unknown) => {
      if (!stopping.signal.aborted) throw reason
    })
  }
}
await output?.close()
say(`stopped after ${state.sequence}`)
