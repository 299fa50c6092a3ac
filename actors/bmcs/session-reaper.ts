/**
 * Renews the leases of this controller's sessions on BMCs, and ends the sessions that dead controllers left there. Every
 * login does the same on its own BMC; the reaper is for BMCs to which no controller talks. A BMC without such a session gets
 * no request.
 */
import {
  claimOrphans,
  findOrphaned,
  forgetOrphansOf,
  forgetTimedOut,
  renewSessions,
  sessionTokenRef,
} from '../../eventstore/ledgers/bmc-sessions.ts'
import type { Vault } from '../../eventstore/ledgers/vault.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { type Loop, startLoop } from '../../eventstore/postgres/loop.ts'
import type { Log } from '../log.ts'
import { isRefused } from '../refusals.ts'
import type { BmcAccess } from './access.ts'
import type { Bmcs } from './clients.ts'
import { createBmcWriters } from './writers.ts'

export type SessionReaperOptions = {
  readonly db: Database
  readonly vault: Vault
  readonly bmcs: Bmcs
  readonly access: (serial: string) => Promise<BmcAccess>
  readonly owner: string
  readonly ttlMs: number
  readonly log: Log
}

const bmcsAtOnce = 16
/** For one BMC, waiting for its writer included. */
const bmcTimeoutMs = 60_000
/** The longest time-out that a session service may have (`SessionService.SessionTimeout`, at most 86 400 s). */
const timedOutAfterMs = 86_400_000

/** Starts the heartbeat and looks for orphans with it, three times per lease. */
export function startSessionReaper(options: SessionReaperOptions): Loop {
  const { db, vault, bmcs, access, owner, ttlMs, log } = options
  // Leases are re-entrant per owner; a distinct owner id makes the reaper wait for running effects.
  const writers = createBmcWriters({ db, owner: `${owner}/sessions`, ttlMs, log })

  const forgetTokens = async (ids: readonly string[]) => {
    for (const id of ids) await vault.remove(sessionTokenRef(id))
  }

  /** True when the server is still at the address where the session was opened: tokens go nowhere else. */
  const isAt = async (serial: string, address: string): Promise<boolean> => {
    try {
      return (await access(serial)).registration.bmc_address === address
    } catch (error) {
      if (isRefused(error, 'unknown_server')) return false
      throw error
    }
  }

  const reapAt = async ({ serial, address }: { serial: string; address: string }, stopping: AbortSignal) => {
    try {
      if (!(await isAt(serial, address))) {
        await forgetTokens(await forgetOrphansOf(db, { serial, address }))
        log.warn(
          { server_serial: serial },
          'a session is left on a BMC that is not registered any more; it will time out',
        )
        return
      }
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(bmcTimeoutMs)])
      await writers.run(serial, signal, (working) =>
        bmcs.use(serial, (bmc) => bmc.endLostSessions({ signal: working })),
      )
    } catch (error) {
      if (stopping.aborted) return
      log.warn({ err: error, server_serial: serial }, 'sessions that were left on a BMC could not be ended yet')
      // Postpones the next try, whatever the error was.
      await claimOrphans(db, { address, ttlMs, limit: bmcsAtOnce })
    }
  }

  const hold = () => renewSessions(db, { owner, ttlMs })
  const holding = startLoop({
    everyMs: ttlMs / 3,
    work: async () => {
      await hold()
    },
    onError: (error) => {
      log.warn({ err: error }, 'sessions on BMCs could not be held; others may end them')
    },
  })
  const reaping = startLoop({
    everyMs: ttlMs / 3,
    work: async (signal) => {
      // First: after a long standstill of this process its own sessions would look like a dead controller's.
      await hold()
      await forgetTokens(await forgetTimedOut(db, { afterMs: timedOutAfterMs }))
      const orphaned = await findOrphaned(db, { limit: bmcsAtOnce })
      await Promise.all(orphaned.map((orphan) => reapAt(orphan, signal)))
    },
    onError: (error) => {
      log.warn({ err: error }, 'sessions of dead controllers could not be looked for, looking again')
    },
  })
  return { stop: async () => void (await Promise.all([holding.stop(), reaping.stop()])) }
}
