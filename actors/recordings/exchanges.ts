/**
 * Keeps the exchanges with BMCs whose servers are being recorded, by whichever controller they are made: one row each,
 * written as soon as the exchange is over, so that a controller that is killed loses the last one at most.
 */
import { LRUCache } from 'lru-cache'
import { countLost, findRecording, keepExchange, type RecordingRow } from '../../eventstore/ledgers/bmc-recordings.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { RecordingEnd } from '../../machines/server/events.ts'
import type { ExchangeObservation } from '../../redfish/client/options.ts'
import type { Log } from '../log.ts'
import { digestMediaTokens } from '../media/access/redaction.ts'
import type { RecordingHistory } from './history.ts'

/** A controller looks again after this time whether a server is being recorded. The start of a recording waits as long. */
export const preparedForMs = 1_000
/** Limits of one recording by one controller: more than ten jobs on the slowest BMC. */
const exchangesMax = 5_000
const bytesMax = 16 * 1024 * 1024
const pendingMax = 200
/** Servers of which it is known whether they are being recorded. */
const lookedMax = 10_000
/** A forgotten recording must not go on for ever. */
export const recordedForMs = 24 * 3_600_000

/** An exchange as it is stored, before what identifies is replaced. */
export type KeptExchange = Omit<ExchangeObservation, 'elapsedMs'> & { readonly elapsed_ms: number }

export type ExchangeRecorder = {
  /** Looks whether this server is being recorded; to be called before its BMC is used. */
  readonly prepare: (serial: string) => Promise<void>
  /** Keeps the exchange if its server is being recorded. */
  readonly observe: (serial: string, exchange: ExchangeObservation) => void
  /** Forgets what is known of a server, so that the next look is a new one. */
  readonly refresh: (serial: string) => void
  /** Resolves when everything that was observed is stored. */
  readonly flush: () => Promise<void>
}

type Active = {
  readonly id: string
  number: number
  bytes: number
  pending: number
  lost: number
  isFull: boolean
  /** The database's clock minus `performance.now()`. */
  aheadMs: number
  /** When the latest exchange was over, by the database's clock. */
  lastMs: number
}

export type ExchangeRecorderOptions = {
  readonly db: Database
  readonly controller: string
  readonly history: Pick<RecordingHistory, 'ended'>
  readonly log: Log
}

/** The recorder of one controller; it writes the exchanges one after the other. */
export function createExchangeRecorder(options: ExchangeRecorderOptions): ExchangeRecorder {
  const { db, history, log } = options
  /** The time of the last look whether a server is being recorded, by `performance.now()`. */
  const looked = new LRUCache<string, number>({ max: lookedMax })
  const actives = new Map<string, Active>()
  let writing: Promise<void> = Promise.resolve()

  /** An end that could not be recorded is found again by the next look, if it is one by time. */
  const end = async (find: () => Promise<RecordingRow | null>, reason: RecordingEnd): Promise<void> => {
    try {
      const recording = await find()
      if (recording !== null) await history.ended(recording, reason, null)
    } catch (error) {
      log.warn({ err: error }, 'the end of a recording could not be recorded')
    }
  }
  const queue = (active: Active, number: number, exchange: string) => {
    active.pending += 1
    // Before it waits for its turn: the job that it is a part of can be over by then.
    active.lastMs = Math.max(active.lastMs, active.aheadMs + performance.now())
    const endedAt = new Date(active.lastMs).toISOString()
    writing = writing.then(() => keep(options, active, { number, exchange, endedAt }))
  }
  /** Counts an exchange that is not kept. What comes after a gap is of no use: nothing more is kept, by no controller. */
  const lose = (serial: string, active: Active, isFull: boolean) => {
    active.lost += 1
    if (active.pending < pendingMax) queue(active, active.number, '')
    if (!isFull || active.isFull) return
    active.isFull = true
    const current = async () => {
      const found = await findRecording(db, serial)
      return found?.id === active.id ? found : null
    }
    writing = writing.then(() => end(current, 'limit-reached'))
  }

  return {
    prepare: async (serial) => {
      const askedAtMs = performance.now()
      if (askedAtMs - (looked.get(serial) ?? Number.NEGATIVE_INFINITY) < preparedForMs) return
      const found = await findRecording(db, serial)
      const isOver = found !== null && Date.parse(found.now) - Date.parse(found.startedAt) >= recordedForMs
      if (isOver) await end(async () => found, 'time-over')
      if (found === null || isOver || found.endedReason !== null) actives.delete(serial)
      else actives.set(serial, continued(found, actives.get(serial), askedAtMs))
      looked.set(serial, askedAtMs)
    },
    observe: (serial, exchange) => {
      const active = actives.get(serial)
      // The tree is read for the recording, and is a part of it by itself.
      if (active === undefined || exchange.operation === 'readTree') return
      const { elapsedMs, ...rest } = exchange
      // The table is no vault: what opens a medium is not kept, only that it was this one.
      const text = digestMediaTokens(JSON.stringify({ ...rest, elapsed_ms: elapsedMs } satisfies KeptExchange))
      const isFull = active.number >= exchangesMax || active.bytes + text.length > bytesMax
      if (isFull || active.pending >= pendingMax) return lose(serial, active, isFull)
      active.number += 1
      active.bytes += text.length
      queue(active, active.number, text)
    },
    refresh: (serial) => {
      looked.delete(serial)
      actives.delete(serial)
    },
    flush: () => writing,
  }
}

/** The state of a recording that a query of `askedAtMs` found, continued from `known` where that is of the same recording. */
function continued(found: RecordingRow, known: Active | undefined, askedAtMs: number): Active {
  const begun = { number: 0, bytes: 0, pending: 0, lost: 0, isFull: false, aheadMs: 0, lastMs: 0 }
  const active = known?.id === found.id ? known : { id: found.id, ...begun }
  // The answer was given halfway between the question and now.
  active.aheadMs = Date.parse(found.now) - (askedAtMs + performance.now()) / 2
  return active
}

/** Stores an exchange, and before it how many were lost; an empty one stores that alone. Never rejects. */
async function keep(
  { db, controller, log }: Pick<ExchangeRecorderOptions, 'db' | 'controller' | 'log'>,
  active: Active,
  { number, exchange, endedAt }: { readonly number: number; readonly exchange: string; readonly endedAt: string },
): Promise<void> {
  try {
    if (active.lost > 0) {
      const { lost } = active
      await countLost(db, active.id, lost)
      active.lost -= lost
    }
    if (exchange !== '') await keepExchange(db, { recording: active.id, controller, number, endedAt, exchange })
  } catch (error) {
    if (exchange !== '') active.lost += 1
    log.warn({ err: error }, 'an exchange with a BMC could not be recorded')
  } finally {
    active.pending -= 1
  }
}
