/** The session table of one BMC. It is small, as on real ones, so that a client that leaks sessions locks itself out. */
import type { Clock } from '../world/timing.ts'

export type Session = {
  readonly id: string
  readonly token: string
  readonly userName: string
  readonly createdAt: Date
}

export class Sessions {
  readonly #clock: Clock
  readonly #newToken: () => string
  readonly #sessionsMax: number
  readonly #timeoutMs: number
  readonly #sessions = new Map<string, { session: Session; usedAtMs: number }>()
  #created = 0

  constructor(options: {
    readonly clock: Clock
    readonly newToken: () => string
    readonly sessionsMax: number
    readonly timeoutMs: number
  }) {
    this.#clock = options.clock
    this.#newToken = options.newToken
    this.#sessionsMax = options.sessionsMax
    this.#timeoutMs = options.timeoutMs
  }

  /** A new session, or null when the table is full (DSP0266 leaves the limit to the service; iDRAC has 8). */
  create(userName: string): Session | null {
    if (this.list().length >= this.#sessionsMax) return null
    this.#created += 1
    const createdAt = this.#clock.now()
    const session: Session = { id: `${this.#created}`, token: this.#newToken(), userName, createdAt }
    this.#sessions.set(session.id, { session, usedAtMs: createdAt.getTime() })
    return session
  }

  /** The open sessions. */
  list(): Session[] {
    const idleSinceMs = this.#clock.now().getTime() - this.#timeoutMs
    for (const [id, { usedAtMs }] of this.#sessions) if (usedAtMs < idleSinceMs) this.#sessions.delete(id)
    return [...this.#sessions.values()].map(({ session }) => session)
  }

  /** The session of this token, or null. The call restarts its time-out. */
  use(token: string): Session | null {
    const session = this.list().find((candidate) => candidate.token === token)
    if (session === undefined) return null
    this.#sessions.set(session.id, { session, usedAtMs: this.#clock.now().getTime() })
    return session
  }

  /** Ends the session. False when there is none with this id. */
  end(id: string): boolean {
    return this.#sessions.delete(id)
  }

  endAll(): void {
    this.#sessions.clear()
  }
}
