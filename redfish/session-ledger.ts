/**
 * The sessions on one BMC, recorded beyond the life of the process that opened them. A process that dies leaves its
 * session behind, and a BMC has eight or so (quirks.md 11); the next process finds it here and ends it.
 *
 * The ledger keeps the token besides the URI, because only a session's own token is sure to end that session and no
 * other: it works when a full session table allows no login, and when the URI belongs to another session by now, the BMC
 * refuses the token. BMCs reuse short URIs (`/Sessions/1`).
 */

export type OpenSession = { readonly path: string; readonly token: string }

/** A login that a process is about to send. */
export type LoginIntent = {
  readonly id: string
  /** By the ledger's clock, which all processes share. */
  readonly askedAtMs: number
  /** Refusals of these credentials in a row, counted over all processes. */
  readonly refusals: number
}

/** A login whose process died or failed to end its session. `session` is null where the answer was never recorded. */
export type OrphanedLogin = Pick<LoginIntent, 'id' | 'askedAtMs'> & { readonly session: OpenSession | null }

/**
 * The ledger of one BMC. Only `intend`, `opened` and `orphans` may reject: callers could not act on a failure of the
 * others.
 */
export type SessionLedger = {
  /** Records the login before it is sent, so that another process looks after it if this one dies. */
  intend(): Promise<LoginIntent>
  /** The login opened a session. It resets the count of refusals. */
  opened(id: string, session: OpenSession): Promise<void>
  /** The BMC refused the credentials. */
  refused(id: string): Promise<void>
  /** Nothing of this login is left on the BMC. */
  closed(id: string): Promise<void>
  /** A session may be left, and this process cannot end it now: the login becomes an orphan. */
  lost(id: string): Promise<void>
  /** A session may be left that looks like those of other tools: the BMC's own time-out ends it. */
  abandoned(id: string): Promise<void>
  /** Orphaned logins, each given to one caller at a time. A login that this caller does not close comes again later. */
  orphans(): Promise<readonly OrphanedLogin[]>
  /** Paths of the sessions that the ledger knows, those of living processes included. */
  knownPaths(): Promise<ReadonlySet<string>>
}

/** A ledger in memory, for callers that keep none: it finds the sessions of this client whose login answers were lost. */
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
