/**
 * The JetStream side of the publisher: the connection, the stream, and appending to it in order.
 *
 * Every message has an expectation that the server checks: the first of a window expects the stream's last sequence, every
 * other one the id of the message before it. So the server stores an unbroken beginning of a window, a later message never
 * overtakes one that failed, and no message of another publisher gets in between, even of one that believes to be active.
 * Hence the stream's last message tells how far publishing has got, also when acknowledgements were lost or the server lost
 * its last seconds.
 */
import {
  connect,
  credsAuthenticator,
  ErrorCode,
  headers,
  type JetStreamClient,
  type JetStreamManager,
  type NatsConnection,
  NatsError,
  nanos,
  type TlsOptions,
} from 'nats'
import type { EventMessage } from './cloud-event.ts'
import { allSubjects } from './subjects.ts'

/** The default name of the JetStream stream. */
export const eventStreamName = 'PROVISIONER'

/** Address and credentials of NATS. Never logged. */
export type NatsAccess = {
  /** One or several, comma-separated; `nats://user:password@host:port` works too. */
  readonly natsUrl: string
  /** The content of a `.creds` file. */
  readonly credentials?: Uint8Array
  readonly token?: string
  readonly tls?: TlsOptions
}

/** The end of the stream. `messageId` is null when the last message has no id or is gone. */
type StreamEnd = { readonly sequence: number; readonly messageId: string | null; readonly created: boolean }

type PublishedWindow = {
  /** The number of messages, from the first on, that are in the stream now. */
  readonly stored: number
  readonly sequence: number
  /** Why the rest is not stored; null when all are. */
  readonly failure: Error | null
}

/** The stream's end is not the expected one: the publisher has to read it again. */
export class StreamMoved extends Error {
  override readonly name = 'StreamMoved'
}

/** No stream takes the subjects: it is missing, or is configured for other ones. */
export class NoStream extends Error {
  override readonly name = 'NoStream'
}

export type EventStream = {
  /** Aborts when the connection is gone. */
  readonly disconnected: AbortSignal
  /** The most bytes that a message's payload may have. */
  readonly payloadBytesMax: () => number
  /** Finds the end of the stream; creates the stream where there is none. */
  readonly end: () => Promise<StreamEnd>
  /** Sends messages that follow `sequence` all at once and waits for their acknowledgements. */
  readonly publish: (messages: readonly EventMessage[], options: { readonly after: number }) => Promise<PublishedWindow>
  readonly close: () => Promise<void>
}

const connectTimeoutMs = 5000
/** For one request to JetStream. */
export const requestTimeoutMs = 5000
/** A server that vanished is noticed after twice this. */
const pingEveryMs = 10_000
const headerBytesMax = 1024
const retentionMs = 30 * 24 * 3_600_000

/** JetStream API error codes (nats-server, server/errors.json). */
const errorCodes = { streamNotFound: 10_059, messageNotFound: 10_037, nameInUse: 10_058 }
const wrongPlace: ReadonlySet<number | undefined> = new Set([10_070, 10_071])

/** A connection and a signal that aborts when it is gone. */
export type Connected = { readonly connection: NatsConnection; readonly disconnected: AbortSignal }

/** Connects once. @throws NatsError. The caller reconnects, since it has to read the stream's end again then. */
export async function connectOnce(access: NatsAccess, name: string): Promise<Connected> {
  const connection = await connect({ ...connectionOptions(access), name })
  const disconnected = new AbortController()
  void connection.closed().then((error) => disconnected.abort(error ?? new Error('the connection to NATS was closed')))
  return { connection, disconnected: disconnected.signal }
}

/** Connects once. @throws NatsError. */
export async function openEventStream(access: NatsAccess, streamName: string): Promise<EventStream> {
  const { connection, disconnected } = await connectOnce(access, 'provisioner publisher')
  const manager = await connection.jetstreamManager({ timeout: requestTimeoutMs, checkAPI: false })
  const jetStream = connection.jetstream({ timeout: requestTimeoutMs })
  let messageBytesMax = connection.info?.max_payload ?? 1_048_576

  return {
    disconnected,
    payloadBytesMax: () => messageBytesMax - headerBytesMax,
    end: async () => {
      const { info, created } = await findOrCreate(manager, streamName)
      const streamLimit = info.config.max_msg_size
      if (streamLimit > 0) messageBytesMax = Math.min(messageBytesMax, streamLimit)
      const sequence = info.state.last_seq
      return { sequence, messageId: await messageIdAt(manager, { streamName, sequence }), created }
    },
    publish: (messages, { after }) => publishWindow(jetStream, messages, { after, streamName }),
    close: () => closeConnection(connection),
  }
}

function connectionOptions({ natsUrl, credentials, token, tls }: NatsAccess) {
  // The client takes no user and password in a URL, so they are options; that also keeps them out of its errors.
  const urls = natsUrl.split(',').map((url) => new URL(url.includes('://') ? url.trim() : `nats://${url.trim()}`))
  const [first] = urls
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? '4222' : port}`),
    ...loginOf(first),
    ...(credentials === undefined ? {} : { authenticator: credsAuthenticator(credentials) }),
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined && first?.protocol !== 'tls:' ? {} : { tls: tls ?? {} }),
    reconnect: false,
    timeout: connectTimeoutMs,
    pingInterval: pingEveryMs,
    maxPingOut: 2,
  }
}

/** As the NATS tools read a URL: a name without a password is a token. */
function loginOf(url: URL | undefined): { user: string; pass: string } | { token: string } | undefined {
  if (!url?.username) return undefined
  const user = decodeURIComponent(url.username)
  return url.password ? { user, pass: decodeURIComponent(url.password) } : { token: user }
}

/** An existing stream is left as its operator configured it. */
async function findOrCreate(manager: JetStreamManager, name: string) {
  try {
    return { info: await manager.streams.info(name), created: false }
  } catch (error) {
    if (apiErrorCode(error) !== errorCodes.streamNotFound) throw error
  }
  try {
    // The stream drops old messages after a while; the log keeps them for ever.
    const info = await manager.streams.add({ name, subjects: [allSubjects], max_age: nanos(retentionMs) })
    return { info, created: true }
  } catch (error) {
    if (apiErrorCode(error) !== errorCodes.nameInUse) throw error
    return { info: await manager.streams.info(name), created: false }
  }
}

async function messageIdAt(
  manager: JetStreamManager,
  { streamName, sequence }: { readonly streamName: string; readonly sequence: number },
): Promise<string | null> {
  if (sequence === 0) return null
  try {
    const message = await manager.streams.getMessage(streamName, { seq: sequence })
    return message.header.get('Nats-Msg-Id') || null
  } catch (error) {
    if (apiErrorCode(error) === errorCodes.messageNotFound) return null
    throw error
  }
}

async function publishWindow(
  jetStream: JetStreamClient,
  messages: readonly EventMessage[],
  { after, streamName }: { readonly after: number; readonly streamName: string },
): Promise<PublishedWindow> {
  const answers = await Promise.allSettled(
    messages.map(({ subject, id, headers: fields, payload }, index) => {
      const before = messages[index - 1]
      const head = headers()
      for (const [name, value] of Object.entries(fields)) head.set(name, value)
      const place = before === undefined ? { lastSequence: after } : { lastMsgID: before.id }
      const expect = { streamName, ...place }
      return jetStream.publish(subject, payload, { msgID: id, headers: head, expect, timeout: requestTimeoutMs })
    }),
  )
  let stored = 0
  let sequence = after
  for (const answer of answers) {
    if (answer.status === 'rejected') return { stored, sequence, failure: failureOf(answer.reason) }
    stored += 1
    // A duplicate's acknowledgement has the sequence of the message that is already there.
    sequence = Math.max(sequence, answer.value.seq)
  }
  return { stored, sequence, failure: null }
}

function failureOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if (wrongPlace.has(apiErrorCode(error)))
    return new StreamMoved('the stream has other messages at its end', { cause: error })
  // JetStream's own refusals can have this code too, with a reason.
  if (error instanceof NatsError && error.code === ErrorCode.NoResponders && error.api_error === undefined)
    return new NoStream(`no stream takes ${allSubjects}`, { cause: error })
  // For a refusal of JetStream, the message is often only a number, and the words are in `api_error`.
  const said = error instanceof NatsError ? error.api_error?.description : undefined
  return said === undefined ? error : new Error(`JetStream: ${said}`, { cause: error })
}

/** JetStream's own error code; undefined for an error of another origin. */
export function apiErrorCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined
}

/** Closes it, if it is not closed already. */
export async function closeConnection(connection: NatsConnection): Promise<void> {
  if (!connection.isClosed()) await connection.close()
}
