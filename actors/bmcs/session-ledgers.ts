/**
 * Keeps the sessions on BMCs in the database (redfish/session-ledger.ts): the Redfish client records its own there, and finds
 * those of dead controllers.
 */
import {
  type BmcAccount,
  claimOrphans,
  countRefusal,
  forgetLogin,
  intendLogin,
  leaveLogin,
  readSessionPaths,
  recordSession,
  sessionTokenRef,
} from '../../eventstore/ledgers/bmc-sessions.ts'
import { UnsealError, type Vault } from '../../eventstore/ledgers/vault.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { OrphanedLogin, SessionLedger } from '../../redfish/session-ledger.ts'
import type { Log } from '../log.ts'

export type SessionLedgersOptions = {
  readonly db: Database
  /** Tokens are as good as passwords for as long as their session lives. */
  readonly vault: Vault
  /** Unique to this controller process. */
  readonly owner: string
  /** A controller may be silent this long before others end its sessions. */
  readonly ttlMs: number
  readonly nextId: () => string
  readonly log: Log
}

/** More than BMCs have sessions; what is left comes next time. */
const orphansMax = 16

/** Answers the ledger of a server's BMC. */
export function createSessionLedgers(options: SessionLedgersOptions): (account: BmcAccount) => SessionLedger {
  const { db, vault, owner, ttlMs, nextId, log } = options

  return (account) => {
    const { serial, address } = account

    /** Does not reject: a row that could not be deleted is claimed as an orphan after its lease, and its session is gone by then. */
    const noting = async (work: () => Promise<void>) => {
      try {
        await work()
      } catch (error) {
        log.warn({ err: error, server_serial: serial }, 'what became of a session on a BMC could not be recorded')
      }
    }
    const forget = async (id: string) => {
      // In this order: a token without its row would stay for ever.
      await vault.remove(sessionTokenRef(id))
      await forgetLogin(db, id)
    }
    const abandon = async (id: string) => {
      await forget(id)
      log.warn({ server_serial: serial }, 'a session may be left on the BMC; it will time out there')
    }

    const orphanOf = async (row: { id: string; askedAt: string; path: string | null }): Promise<OrphanedLogin[]> => {
      const { id, path } = row
      const askedAtMs = Date.parse(row.askedAt)
      if (path === null) return [{ id, askedAtMs, session: null }]
      try {
        const token = Buffer.from(await vault.get(sessionTokenRef(id))).toString()
        return [{ id, askedAtMs, session: { path, token } }]
      } catch (error) {
        if (!(error instanceof UnsealError)) throw error
        await abandon(id)
        return []
      }
    }

    return {
      intend: async () => {
        const id = nextId()
        const { askedAt, refusals } = await intendLogin(db, { ...account, id, owner, ttlMs })
        return { id, askedAtMs: Date.parse(askedAt), refusals }
      },
      opened: async (id, { path, token }) => {
        await vault.put(sessionTokenRef(id), Buffer.from(token))
        await recordSession(db, { ...account, id, owner, ttlMs, path })
      },
      refused: (id) =>
        noting(async () => {
          await countRefusal(db, account)
          await forget(id)
        }),
      closed: (id) => noting(() => forget(id)),
      lost: (id) => noting(() => leaveLogin(db, { id, ttlMs })),
      abandoned: (id) => noting(() => abandon(id)),
      orphans: async () => {
        const rows = await claimOrphans(db, { address, ttlMs, limit: orphansMax })
        return (await Promise.all(rows.map(orphanOf))).flat()
      },
      knownPaths: () => readSessionPaths(db, address),
    }
  }
}
