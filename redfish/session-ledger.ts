/**
 * What is known of the sessions on one BMC, beyond the life of the process that opened them. A process that dies leaves
 * its session behind, and a BMC has eight or so (quirks.md 11); whoever comes next finds it here and ends it.
 *
 * The token is kept besides the URI, because only a session's own token is sure to end that session and no other: it
 * works when the session table is full and nobody can log in, and when the URI is somebody else's by now, the BMC
 * refuses it. BMCs use short URIs again (`/Sessions/1`).
 */

export type OpenSession = { readonly path: string; readonly token: string }

/** A login that is about to be sent. */
export type LoginIntent = {
  readonly id: string
  /** By the ledger's clock, which all processes share. */
  readonly askedAtMs: number
  /** How often in a row the BMC refused these very credentials, whichever process sent them. */
  readonly refusals: number
}

/** A login whose process is gone, or could not end its session. `session` is null where the answer was never recorded. */
export type OrphanedLogin = Pick<LoginIntent, 'id' | 'askedAtMs'> & { readonly session: OpenSession | null }

/** The ledger of one BMC. Only `intend`, `opened` and `orphans` may reject; the others are told what is past repair. */
export type SessionLedger = {
  /** Before a login is sent: whatever becomes of it, somebody will look. */
  intend(): Promise<LoginIntent>
  /** The login opened a session with these credentials, so they are not refused any more. */
  opened(id: string, session: OpenSession): Promise<void>
  /** The BMC refused the credentials. */
  refused(id: string): Promise<void>
  /** Nothing of this login is left on the BMC. */
  closed(id: string): Promise<void>
  /** Something may be left, and this process does not know how to end it now: whoever looks next shall. */
  lost(id: string): Promise<void>
  /** Something may be left that cannot be told from sessions of others: the BMC's own time-out ends it. */
  abandoned(id: string): Promise<void>
  /** Logins to tidy up after, given to one caller at a time. What that one does not close comes again later. */
  orphans(): Promise<readonly OrphanedLogin[]>
  /** Paths of the sessions that the ledger knows, those of living processes included. */
  knownPaths(): Promise<ReadonlySet<string>>
}

/** A ledger for the life of one client, for those who keep nothing: it finds what an answer that got lost left behind. */
export function createTransientLedger(clock: { readonly now: () => number }): SessionLedger {
  const logins = new Map<string, { readonly askedAtMs: number; session: OpenSession | null; lost: boolean }>()
  let count = 0
  let refusals = 0
  const forget = async (id: string) => void logins.delete(id)
  return {
    async intend() {
      count++
      const [id, askedAtMs] = [`${count}`, clock.now()]
      logins.set(id, { askedAtMs, session: null, lost: false })
      return { id, askedAtMs, refusals }
    },
    async opened(id, session) {
      refusals = 0
      logins.set(id, { askedAtMs: logins.get(id)?.askedAtMs ?? clock.now(), session, lost: false })
    },
    async refused(id) {
      refusals++
      logins.delete(id)
    },
    closed: forget,
    abandoned: forget,
    async lost(id) {
      const login = logins.get(id)
      if (login !== undefined) login.lost = true
    },
    async orphans() {
      return [...logins].flatMap(([id, { askedAtMs, session, lost }]) => (lost ? [{ id, askedAtMs, session }] : []))
    },
    async knownPaths() {
      return new Set([...logins.values()].flatMap(({ session }) => (session === null ? [] : [session.path])))
    },
  }
}
