/**
 * Publishes the log into a stream, window by window, from where the stream ends. That place is read from the stream's own
 * last message, and from the checkpoint where the message says nothing: when the stream is new, was emptied, or ends with a
 * message of another sender. The checkpoint is never ahead of the messages that JetStream acknowledged.
 */
import type { StoredEvent } from '../log/event.ts'
import type { OnSeam } from '../log/seams.ts'
import {
  beginning,
  type Checkpoint,
  checkpointOf,
  readCheckpoint,
  readTail,
  saveCheckpoint,
  type TailedEvent,
} from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import type { Waiter } from '../postgres/notifications.ts'
import { type EventMessage, messageOf } from './cloud-event.ts'
import { type EventStream, NoStream, StreamMoved } from './jetstream.ts'
import type { PublisherLog, PublishingStatus } from './status.ts'

export type FollowOptions = {
  readonly db: Database
  readonly stream: EventStream
  readonly streamName: string
  readonly checkpointName: string
  readonly waiter: Waiter
  readonly status: PublishingStatus
  readonly log: PublisherLog
  /** Called with every place up to which the log is published. */
  readonly onPlace: (at: Checkpoint) => void
  /** Called with the events that JetStream has acknowledged, in the order of the log. */
  readonly onPublished?: ((events: readonly StoredEvent[]) => void) | undefined
  readonly onSeam?: OnSeam | undefined
}

/** The last published event and the stream's sequence after it. */
type Place = { readonly at: Checkpoint; readonly sequence: number }

/** The longest wait between two looks at the log. */
const lookEveryMs = 1000
/** The wait while there are events that a transaction under way may still overtake (log/tail.ts). */
const lookForLateCommitsMs = 25
const windowMessagesMax = 256
const windowBytesMax = 4 * 1_048_576
/** Looks at a stream's end in a row without anything stored: another sender writes to it all the time. */
const movesMax = 5

/** Publishes until the signal aborts. @throws the signal's reason, and the error of JetStream that ends the connection. */
export async function followLog(options: FollowOptions, signal: AbortSignal): Promise<never> {
  const { db, status, waiter } = options
  let place = await resume(options, null)
  let moves = 0
  for (;;) {
    signal.throwIfAborted()
    const page = await readTail(db, place.at, windowMessagesMax)
    if (page.length === 0) {
      status.enter('active')
      await status.measureLag(place.at)
      const timeoutMs = status.current.lag.events > 0 ? lookForLateCommitsMs : lookEveryMs
      await waiter.wait({ timeoutMs, signal })
      continue
    }
    const { failure, ...reached } = await publishWindow(options, page, place)
    if (reached.at !== place.at) moves = 0
    place = reached
    await status.refreshLag(place.at)
    if (failure === null) continue
    moves += 1
    const movable = failure instanceof StreamMoved || failure instanceof NoStream
    if (!movable || moves > movesMax) throw failure
    place = await resume(options, place.at)
  }
}

/** Finds the end of the stream and the event of the log that it is. */
async function resume(options: FollowOptions, known: Checkpoint | null): Promise<Place> {
  const { db, stream, streamName, checkpointName, log, onPlace } = options
  const { sequence, messageId, created } = await stream.end()
  const stored = messageId === null ? null : await checkpointOf(db, messageId)
  const at = stored ?? known ?? (await readCheckpoint(db, checkpointName))
  if (stored === null && at.xid !== beginning.xid && (created || sequence === 0)) {
    const fields = { stream: streamName, after_position: at.position }
    log.warn(fields, 'the NATS stream is new: it starts after the checkpoint, earlier events are in the log only')
  }
  if (stored !== null) await saveCheckpoint(db, checkpointName, stored)
  onPlace(at)
  return { at, sequence }
}

/** Publishes the first events of a page, and saves and announces the place that was reached. */
async function publishWindow(
  { db, stream, checkpointName, status, onPlace, onPublished, onSeam }: FollowOptions,
  page: readonly TailedEvent[],
  { at, sequence: after }: Place,
): Promise<Place & { readonly failure: Error | null }> {
  const window = windowOf(page, stream.payloadBytesMax())
  for (const { event } of page.slice(0, window.length)) onSeam?.(`publish.before:${event.type}`)
  const { sequence, stored, failure } = await stream.publish(window, { after })
  const acknowledged = page.slice(0, stored)
  const last = acknowledged.at(-1)
  if (last === undefined) return { at, sequence, failure }
  status.enter('active')
  for (const { event } of acknowledged) onSeam?.(`publish.after:${event.type}`)
  await saveCheckpoint(db, checkpointName, last.checkpoint)
  onPlace(last.checkpoint)
  for (const { event } of acknowledged) onSeam?.(`publish.saved:${event.type}`)
  onPublished?.(acknowledged.map(({ event }) => event))
  return { at: last.checkpoint, sequence, failure }
}

/** Messages of the first events of a page, as many as may be under way at once. */
function windowOf(page: readonly TailedEvent[], payloadBytesMax: number): readonly EventMessage[] {
  let bytes = 0
  const window: EventMessage[] = []
  for (const { event } of page) {
    const message = messageOf(event, { payloadBytesMax })
    bytes += message.payload.byteLength
    if (window.length > 0 && bytes > windowBytesMax) break
    window.push(message)
  }
  return window
}
