/** Ends the sessions of logins whose process died, or whose answer got lost. */
import type { OrphanedLogin, SessionLedger } from '../../session-ledger.ts'
import { failureOf } from '../answers/outcome.ts'
import { type Doc, linkOf, listAt } from '../documents/resource.ts'
import { Fault } from '../wire/fault.ts'
import type { WireAnswer, WireRequest } from '../wire/transport.ts'
import { type ListedSession, readListedSession, sessionsOfLost } from './lost-logins.ts'
import { documentOf, type SessionService } from './sessions.ts'

/** A session of this process that reads the others. `path` is null where the BMC named none. */
type LookingSession = { readonly askedAtMs: number; readonly token: string; readonly path: string | null }

export type Orphans = {
  /** Ends orphaned sessions by their tokens. Resolves with the logins whose session the ledger does not know. */
  endKnown(signal: AbortSignal): Promise<readonly OrphanedLogin[]>
  /** Finds the sessions of such logins by the BMC's list, and ends them. After a fault they stay in the ledger. */
  endLost(
    lost: readonly Pick<OrphanedLogin, 'id' | 'askedAtMs'>[],
    session: LookingSession,
    signal: AbortSignal,
  ): Promise<void>
}

export function createOrphans(parts: {
  readonly service: SessionService
  readonly ledger: SessionLedger
  readonly username: string
  readonly membersMax: number
}): Orphans {
  const { service, ledger } = parts
  const operation = 'endLostSessions'

  async function endSessionsOf(
    lost: readonly { readonly askedAtMs: number }[],
    { askedAtMs, token, path: ownPath }: LookingSession,
    signal: AbortSignal,
  ): Promise<'ended' | 'cannot-tell'> {
    const must = async (request: WireRequest): Promise<WireAnswer> => {
      const authenticated = { ...request, headers: { 'X-Auth-Token': token } }
      const outcome = await service.attempt(authenticated, { operation, attempt: 1, signal })
      if (outcome.kind === 'done') return outcome.value
      throw outcome.kind === 'fault' ? outcome.fault : new Fault(failureOf(outcome), { sent: true })
    }
    const read = async (path: string): Promise<Doc> => documentOf(await must({ method: 'GET', path }))
    const listed = async (path: string) => readListedSession(path, await read(path))

    const known = await ledger.knownPaths()
    const collection = await service.collectionPath(signal)
    const paths = listAt(await read(collection), 'Members')
      .slice(0, parts.membersMax)
      .map(linkOf)
      .flatMap((link) => (link === null ? [] : [service.follow(link, collection)]))
    const strangers = paths.filter((path) => path !== ownPath && !known.has(path))
    if (strangers.length === 0) return 'ended'
    const own = ownPath === null ? null : await listed(ownPath)
    const others: ListedSession[] = []
    for (const path of strangers) others.push(await listed(path))
    const found = sessionsOfLost(lost, { askedAtMs, listed: own, userName: parts.username }, others)
    for (const path of found ?? []) await must({ method: 'DELETE', path })
    return found === null ? 'cannot-tell' : 'ended'
  }

  return {
    async endKnown(signal) {
      const unknown: OrphanedLogin[] = []
      for (const orphan of await ledger.orphans()) {
        if (orphan.session === null) {
          unknown.push(orphan)
          continue
        }
        // After a failure it stays in the ledger, which offers it again after a while.
        const outcome = await service.remove(orphan.session, { operation, attempt: 1, signal })
        if (outcome.kind === 'done') await ledger.closed(orphan.id)
      }
      return unknown
    },
    async endLost(lost, session, signal) {
      if (lost.length === 0) return
      const ended = await endSessionsOf(lost, session, signal).catch((error: unknown) => {
        if (error instanceof Fault) return 'later' as const
        throw error
      })
      for (const { id } of lost) {
        if (ended === 'ended') await ledger.closed(id)
        else if (ended === 'cannot-tell') await ledger.abandoned(id)
        else await ledger.lost(id)
      }
    },
  }
}
