/**
 * A Postgres advisory lock for work that only one controller does at a time. It belongs to a session, so it is free again
 * when its holder stops, dies, or is cut off.
 *
 * The session is a client of its own with one connection: postgres.js's `reserve()` throws from a timer, where nobody can
 * catch it, when a reserved connection was lost and is used again.
 */
import postgres from 'postgres'

/** The holder lost the lock with its session, so another controller may have it now. */
export class LockLost extends Error {
  override readonly name = 'LockLost'
}

export type SessionLock = {
  /** Takes the lock if it is free. The signal aborts with LockLost as soon as it is known to be lost; null: not free. */
  readonly acquire: () => Promise<AbortSignal | null>
  readonly release: () => Promise<void>
  readonly close: () => Promise<void>
}

/** First half of the key, so that other programs' locks on the database are others. */
const namespace = 1_886_547_830
const heartbeatEveryMs = 1000
/** A session that says nothing for this long is given up by its holder ... */
const heartbeatTimeoutMs = 2500
/**
 * ... before Postgres ends it: a holder that is cut off or was stopped in the middle does not keep the lock. With the second
 * between two looks of those who wait, another one has it within 5 s.
 */
const idleTimeoutMs = 3500

/** Makes the lock of this name; nothing is sent until it is acquired. @param raw says how to connect. */
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
    // The session must not be renewed behind our back: the lock would be gone.
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
      // All: a lock that was thought lost and taken again by the same session counts twice.
      await session`select pg_advisory_unlock_all()`
    },
    close: async () => {
      clearInterval(heartbeat)
      held = undefined
      await session.end({ timeout: 5 })
    },
  }
}
