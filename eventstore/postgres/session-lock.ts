/**
 * A Postgres advisory lock for work that only one controller does at a time. It belongs to a session, so it is free again
 * when its holder stops, dies, or is cut off.
 *
 * The session is a client of its own with one connection: when a reserved connection was lost and is used again,
 * postgres.js's `reserve()` throws from a timer, where no caller can catch it.
 */
import postgres from 'postgres'

/** The holder lost the lock with its session, so another controller may have it now. */
export class LockLost extends Error {
  override readonly name = 'LockLost'
}

export type SessionLock = {
  /** Takes the lock and returns a signal that aborts with LockLost when it is lost; null when the lock is not free. */
  readonly acquire: () => Promise<AbortSignal | null>
  readonly release: () => Promise<void>
  readonly close: () => Promise<void>
}

/** First half of the key, which keeps the locks of other programs on the database apart. */
const namespace = 1_886_547_830
const heartbeatEveryMs = 1000
/** The holder gives up a session that did not answer for this long ... */
const heartbeatTimeoutMs = 2500
/**
 * ... before Postgres ends it, so that a holder that is cut off or frozen does not keep the lock. Other controllers ask every
 * second, so one of them has it within 5 s.
 */
const idleTimeoutMs = 3500

/** Makes the lock of this name; it connects when it is acquired. @param raw has the options of the connection. */
export function createSessionLock(raw: postgres.Sql, name: string): SessionLock {
  let held: AbortController | undefined
  let heartbeat: NodeJS.Timeout | undefined
  const lose = (cause: string) => {
    clearInterval(heartbeat)
    held?.abort(new LockLost(`the lock "${name}" was lost: ${cause}`))
    held = undefined
  }
  const session = postgres({
    ...(raw.options as unknown as postgres.Options<Record<string, never>>),
    max: 1,
    // The driver must not renew the session: the lock would be gone.
    max_lifetime: null,
    idle_timeout: 0,
    onclose: () => lose('its database session ended'),
    connection: { ...raw.options.connection, idle_session_timeout: idleTimeoutMs },
  })

  const beat = async () => {
    const timer = setTimeout(() => lose('its database session does not answer'), heartbeatTimeoutMs)
    try {
      await session`select 1`
    } catch (error) {
      lose(error instanceof Error ? error.message : String(error))
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    acquire: async () => {
      const [row] = await session<
        { taken: boolean }[]
      >`select pg_try_advisory_lock(${namespace}::int, hashtext(${name})) as taken`
      if (!row?.taken) return null
      const holding = new AbortController()
      held = holding
      heartbeat = setInterval(() => void beat(), heartbeatEveryMs)
      return holding.signal
    },
    release: async () => {
      if (held === undefined) return
      clearInterval(heartbeat)
      held = undefined
      // All: Postgres counts a lock twice that the same session took again after it had been believed lost.
      await session`select pg_advisory_unlock_all()`
    },
    close: async () => {
      clearInterval(heartbeat)
      held = undefined
      await session.end({ timeout: 5 })
    },
  }
}
