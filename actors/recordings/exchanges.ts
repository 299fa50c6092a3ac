/**
 * Keeps the exchanges with the BMCs of recorded servers. Every controller writes its own, one row each, as soon as the
 * exchange is over, so that a killed controller loses at most the last one.
 */
import { LRUCache } from 'lru-cache'
import { countLost, findRecording, keepExchange, type RecordingRow } from '../../eventstore/ledgers/bmc-recordings.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { RecordingEnd } from '../../machines/server/events.ts'
import type { ExchangeObservation } from '../../redfish/client/options.ts'
import type { Log } from '../log.ts'
import { digestMediaTokens } from '../media/access/redaction.ts'
import type { RecordingHistory } from './history.ts'

/** Lifetime of a controller's cached answer whether a server is recorded. The start of a recording waits as long. */
export const preparedForMs = 1_000
/** Limits of one recording by one controller: they exceed ten jobs on the slowest BMC. */
const exchangesMax = 5_000
const bytesMax = 16 * 1024 * 1024
const pendingMax = 200
/** Ceiling of the servers in the cache. */
const lookedMax = 10_000
/** A recording ends after a day, even if the operator forgets it. */
export const recordedForMs = 24 * 3_600_000

/** An exchange as it is stored: the file has placeholders for its identifying values. */
export type KeptExchange = Omit<ExchangeObservation, 'elapsedMs'> & { readonly elapsed_ms: number }

export type ExchangeRecorder = {
  /** Checks whether this server is recorded; callers await it before they use the BMC. */
  readonly prepare: (serial: string) => Promise<void>
  /** Keeps the exchange if its server is recorded. */
  readonly observe: (serial: string, exchange: ExchangeObservation) => void
  /** Drops the cache entry of a server, so that the next `prepare` queries the database. */
  readonly refresh: (serial: string) => void
  /** Resolves when every observed exchange is stored or counted as lost. */
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
  /** The end of the latest exchange, by the database's clock. */
  lastMs: number
}

export type ExchangeRecorderOptions = {
  readonly db: Database
  readonly controller: string
  readonly history: Pick<RecordingHistory, 'ended'>
  readonly log: Log
}

/** The recorder of one controller. It writes exchanges in sequence. */
export function createExchangeRecorder(options: ExchangeRecorderOptions): ExchangeRecorder {
  const { db, history, log } = options
  /** The time of the last query for a server's recording, by `performance.now()`. */
  const looked = new LRUCache<string, number>({ max: lookedMax })
  const actives = new Map<string, Active>()
  let writing: Promise<void> = Promise.resolve()

  /** Never rejects. After a failure the next `prepare` retries an end by time; an end by size is not retried. */
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
    // Timestamped before the exchange waits for its write, because its job can end meanwhile.
    active.lastMs = Math.max(active.lastMs, active.aheadMs + performance.now())
    const endedAt = new Date(active.lastMs).toISOString()
    writing = writing.then(() => keep(options, active, { number, exchange, endedAt }))
  }
  /** Counts a lost exchange. A full recording ends for every controller: exchanges after the gap are useless. */
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
      // The file has the tree in a part of its own.
      if (active === undefined || exchange.operation === 'readTree') return
      const { elapsedMs, ...rest } = exchange
      // The table is unsealed, so media tokens are replaced by digests, which still distinguish the media.
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

/** The state of a recording that a query of `askedAtMs` found; keeps the counters of `known` for the same recording. */
function continued(found: RecordingRow, known: Active | undefined, askedAtMs: number): Active {
  const begun = { number: 0, bytes: 0, pending: 0, lost: 0, isFull: false, aheadMs: 0, lastMs: 0 }
  const active = known?.id === found.id ? known : { id: found.id, ...begun }
  // Assumes that the database answered halfway between the query and now.
  active.aheadMs = Date.parse(found.now) - (askedAtMs + performance.now()) / 2
  return active
}

/** Stores the number of lost exchanges, then the exchange unless it is empty. Never rejects. */
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
