/**
 * One writer per BMC at a time: in this process in the order of asking, and over all controllers by a lease. It is held
 * until the work has really ended, which may be after its effect was withdrawn: a cleanup that another controller
 * performs must not overtake the insert that it is to undo.
 */

import { createBatch } from '../eventstore/batch.ts'
import { acquireBmcs, releaseBmcs, renewBmc } from '../eventstore/bmc-writers.ts'
import type { Database } from '../eventstore/database.ts'
import { createKeyedMutex } from './keyed-mutex.ts'
import type { Log } from './log.ts'
import { realTiming, type Timing } from './timing.ts'

/** The lease was taken over while this process stood still: what it was doing is somebody else's now. */
export class WriterLost extends Error {
  override readonly name = 'WriterLost'
}

export type BmcWriters = {
  /**
   * Runs `work` as the only writer of a server's BMC, with a signal that also aborts when the lease is lost.
   * @throws WriterLost then; the signal's reason when it aborts while waiting.
   */
  readonly run: <Result>(
    serial: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ) => Promise<Result>
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
/** Of rights that are taken, or given back, in one statement; and of such statements at once. */
const rightsMax = 200
const underWayMax = 2

export function createBmcWriters({ db, owner, ttlMs, log, timing = realTiming }: BmcWritersOptions): BmcWriters {
  const mutex = createKeyedMutex()
  const acquire = createBatch<string, boolean>({
    itemsMax: rightsMax,
    underWayMax,
    answerAll: async (serials) => {
      const taken = await acquireBmcs(db, { serials, owner, ttlMs })
      return serials.map((serial) => taken.has(serial))
    },
  })
  const giveBack = createBatch<string, true>({
    itemsMax: rightsMax,
    underWayMax,
    answerAll: async (serials) => {
      await releaseBmcs(db, { serials, owner })
      return serials.map(() => true)
    },
  })

  const hold = async <Result>(
    serial: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> => {
    const lease = { serial, owner, ttlMs }
    while (!(await acquire(serial))) await timing.delay(lookEveryMs, signal)
    const lost = new AbortController()
    const renew = async () => {
      try {
        if (!(await renewBmc(db, lease)))
          lost.abort(new WriterLost(`another controller took over writing to the BMC of ${serial}`))
      } catch (error) {
        log.warn({ err: error, server_serial: serial }, 'the right to write to a BMC could not be renewed')
      }
    }
    const heartbeat = setInterval(() => void renew(), ttlMs / 3)
    try {
      const result = await work(AbortSignal.any([signal, lost.signal]))
      // What somebody else wrote in between makes even a success worth nothing.
      lost.signal.throwIfAborted()
      return result
    } catch (error) {
      throw lost.signal.aborted ? lost.signal.reason : error
    } finally {
      clearInterval(heartbeat)
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

  return { run: (serial, signal, work) => mutex.run([serial], () => hold(serial, signal, work), { signal }) }
}
