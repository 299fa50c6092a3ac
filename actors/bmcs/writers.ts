/**
 * One writer per BMC at a time: in this process in the order of asking, and over all controllers by a lease. It is held
 * until the work has really ended, which may be after its effect was withdrawn: a cleanup that another controller
 * performs must not overtake the insert that it is to undo.
 *
 * A process that stood still (SIGSTOP, a starved machine) goes on where it was, before any timer tells it that its lease
 * has ended. So each write is let out by `mayWrite` only, which looks at a clock that counted meanwhile.
 */
import { LRUCache } from 'lru-cache'
import { acquireBmcs, releaseBmcs, renewBmc } from '../../eventstore/ledgers/bmc-writers.ts'
import { createBatch } from '../../eventstore/log/batch.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { createKeyedMutex } from '../keyed-mutex.ts'
import type { Log } from '../log.ts'
import { realTiming, type Timing } from '../timing.ts'

/** Another controller took the lease over while this process stood still, and the work with it. */
export class WriterLost extends Error {
  override readonly name = 'WriterLost'
}

type Work<Result> = (signal: AbortSignal, about: { readonly alone: boolean }) => Promise<Result>

export type BmcWriters = {
  /**
   * Runs `work` as the only writer of a server's BMC, with a signal that also aborts when the lease is lost. `alone` says
   * that no other controller has had the right since this process had it last: what it read there then still counts.
   * @throws WriterLost then; the signal's reason when it aborts while waiting.
   */
  readonly run: <Result>(serial: string, signal: AbortSignal, work: Work<Result>) => Promise<Result>
  /**
   * The client asks this at the moment before it sends a write to a server's BMC. False when the lease of a running `run`
   * may have ended; the work of that `run` is then aborted. True for servers on which this process holds no lease.
   */
  readonly mayWrite: (serial: string) => boolean
}

export type BmcWritersOptions = {
  readonly db: Database
  readonly owner: string
  readonly ttlMs: number
  readonly log: Log
  readonly timing?: Timing
}

/** Between two looks at a lease that another controller holds. */
const lookEveryMs = 200
/** Leases that one statement takes or gives back; and such statements at once. */
const rightsMax = 200
const underWayMax = 2
const turnsMax = 10_000

/** The writers of one owner. Leases are re-entrant per owner: two of the same owner do not exclude each other. */
export function createBmcWriters(options: BmcWritersOptions): BmcWriters {
  const { db, owner, ttlMs, log, timing = realTiming } = options
  const mutex = createKeyedMutex()
  const rights = new Map<string, Right>()
  /** The last turn of each server that this process worked on; a forgotten one counts as another controller's. */
  const lastTurns = new LRUCache<string, number>({ max: turnsMax })
  const { acquire, giveBack } = leaseBatches(options)

  const hold = async <Result>(serial: string, signal: AbortSignal, work: Work<Result>): Promise<Result> => {
    const lease = { serial, owner, ttlMs }
    let heldUntil = performance.now() + ttlMs
    let turn = await acquire(serial)
    while (turn === null) {
      await timing.delay(lookEveryMs, signal)
      heldUntil = performance.now() + ttlMs
      turn = await acquire(serial)
    }
    // Turn 1 means that there was no previous writer.
    const alone = turn === (lastTurns.get(serial) ?? 1)
    lastTurns.set(serial, turn)
    const lost = new AbortController()
    const lose = () => lost.abort(new WriterLost(`another controller may be writing to the BMC of ${serial}`))
    const right: Right = { heldUntil, lose }
    rights.set(serial, right)
    const renew = async () => {
      const renewedUntil = performance.now() + ttlMs
      try {
        if (await renewBmc(db, lease)) right.heldUntil = renewedUntil
        else lose()
      } catch (error) {
        log.warn({ err: error, server_serial: serial }, 'the right to write to a BMC could not be renewed')
      }
    }
    const heartbeat = setInterval(() => void renew(), ttlMs / 3)
    try {
      const result = await work(AbortSignal.any([signal, lost.signal]), { alone })
      // A write of another controller in between makes even a success worth nothing.
      lost.signal.throwIfAborted()
      return result
    } catch (error) {
      throw lost.signal.aborted ? lost.signal.reason : error
    } finally {
      clearInterval(heartbeat)
      rights.delete(serial)
      await release(lease)
    }
  }

  const release = async (lease: { serial: string; owner: string }): Promise<void> => {
    try {
      await giveBack(lease.serial)
    } catch (error) {
      log.warn(
        { err: error, server_serial: lease.serial },
        'the right to write to a BMC could not be given back; it will expire',
      )
    }
  }

  return {
    run: (serial, signal, work) => mutex.run([serial], () => hold(serial, signal, work), { signal }),
    mayWrite: (serial) => {
      const right = rights.get(serial)
      if (right === undefined || performance.now() < right.heldUntil) return true
      right.lose()
      return false
    },
  }
}

/** Takes and gives back the leases of many servers in one statement. A lease that is not free is taken as null. */
function leaseBatches({ db, owner, ttlMs }: BmcWritersOptions) {
  const sizes = { itemsMax: rightsMax, underWayMax }
  return {
    acquire: createBatch<string, number | null>({
      ...sizes,
      answerAll: async (serials) => {
        const taken = await acquireBmcs(db, { serials, owner, ttlMs })
        return serials.map((serial) => taken.get(serial) ?? null)
      },
    }),
    giveBack: createBatch<string, true>({
      ...sizes,
      answerAll: async (serials) => {
        await releaseBmcs(db, { serials, owner })
        return serials.map(() => true)
      },
    }),
  }
}

type Right = {
  /** No other controller has the lease before this time of `performance.now()`: `ttlMs` after the last grant was asked for. */
  heldUntil: number
  readonly lose: () => void
}
