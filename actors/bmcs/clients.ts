/**
 * Clients of BMCs, one per server and process, so that its session is shared (spec/redfish.md "Sessions"). An idle client is
 * closed, which ends its session: BMCs have eight or so, and a leaked one locks operators out.
 */
import type { ServerRegistration } from '../../machines/server/events.ts'
import type { Bmc } from '../../redfish/bmc.ts'
import type { Learned } from '../../redfish/learned.ts'
import type { Log } from '../log.ts'
import type { BmcAccess, BmcCredentials } from './access.ts'
import type { RecordLessons } from './lessons.ts'

export type OpenedAccess = {
  readonly registration: ServerRegistration
  readonly credentials: BmcCredentials
  readonly learned: Learned
  readonly onLearned: (learned: Learned) => void
}

export type Bmcs = {
  /** Runs `work` with the client of a server's BMC, opened with the registration that is current. */
  readonly use: <Result>(serial: string, work: (bmc: Bmc) => Promise<Result>) => Promise<Result>
  /** Drops the cached reads of a BMC: another controller may have changed it. */
  readonly forgetRead: (serial: string) => void
  /** Ends all sessions. */
  readonly close: () => Promise<void>
}

export type BmcsOptions = {
  readonly access: (serial: string) => Promise<BmcAccess>
  readonly open: (access: OpenedAccess) => Bmc
  readonly log: Log
  readonly recordLessons: RecordLessons
  /**
   * Long enough for one session to serve the steps of a job, short enough not to hold one of eight while the job waits
   * for its host, and less than any BMC's own time-out (300 s and more, quirks.md 11).
   */
  readonly idleMs?: number
  readonly closeTimeoutMs?: number
}

type Entry = {
  readonly bmc: Bmc
  readonly identity: string
  readonly address: string
  /** The latest lesson of its client that is not recorded yet. */
  lesson: Learned | null
  users: number
  idle: NodeJS.Timeout | undefined
  closed: boolean
}

/** Opens clients when they are used first, and closes them when they were idle for `idleMs`. */
export function createBmcs(options: BmcsOptions): Bmcs {
  const { access, open, recordLessons } = options
  const clients = new OpenClients(options)

  /** The client of a server's current registration, with one user more. */
  const acquire = async (serial: string): Promise<Entry> => {
    const { registration, unseal, learned } = await access(serial)
    const identity = JSON.stringify(registration)
    // Asked again after the credentials: another caller may have opened the client meanwhile.
    let entry = clients.find(serial, identity)
    if (entry === null) {
      const credentials = await unseal()
      entry = clients.find(serial, identity) ?? opened({ registration, credentials, learned }, identity)
    }
    clients.take(serial, entry)
    return entry
  }

  const opened = (given: Omit<OpenedAccess, 'onLearned'>, identity: string): Entry => {
    const onLearned = (learned: Learned) => {
      entry.lesson = learned
    }
    const entry: Entry = {
      bmc: open({ ...given, onLearned }),
      identity,
      address: given.registration.bmc_address,
      lesson: null,
      users: 0,
      idle: undefined,
      closed: false,
    }
    return entry
  }

  /** Records the lesson, also when the work failed: the next try needs it. */
  const record = async (serial: string, entry: Entry) => {
    const { lesson } = entry
    entry.lesson = null
    if (lesson !== null) await recordLessons(serial, entry.address, lesson)
  }

  return {
    use: async (serial, work) => {
      const entry = await acquire(serial)
      try {
        return await work(entry.bmc)
      } finally {
        await record(serial, entry)
        clients.giveBack(serial, entry)
      }
    },
    forgetRead: (serial) => clients.ofServer(serial)?.bmc.forgetRead(),
    close: () => clients.close(),
  }
}

/** The clients that are open: one per server, and those whose registration was replaced, until their last user is done. */
class OpenClients {
  readonly #current = new Map<string, Entry>()
  readonly #retired = new Map<Entry, string>()
  readonly #closing = new Set<Promise<void>>()
  readonly #options: Pick<BmcsOptions, 'log' | 'idleMs' | 'closeTimeoutMs'>

  constructor(options: Pick<BmcsOptions, 'log' | 'idleMs' | 'closeTimeoutMs'>) {
    this.#options = options
  }

  ofServer(serial: string): Entry | undefined {
    return this.#current.get(serial)
  }

  /** The server's client, if it was opened for this registration. */
  find(serial: string, identity: string): Entry | null {
    const entry = this.#current.get(serial)
    return entry?.identity === identity ? entry : null
  }

  /** Counts a user more; a client that is new retires the one before it. */
  take(serial: string, entry: Entry): void {
    const before = this.#current.get(serial)
    if (before !== undefined && before !== entry) {
      this.#retired.set(before, serial)
      if (before.users === 0) this.#close(serial, before)
    }
    this.#current.set(serial, entry)
    clearTimeout(entry.idle)
    entry.users += 1
  }

  /** Counts a user less. A client without users closes after `idleMs`, or at once when it has retired. */
  giveBack(serial: string, entry: Entry): void {
    entry.users -= 1
    if (entry.users > 0 || entry.closed) return
    const { idleMs = 60_000 } = this.#options
    if (this.#retired.has(entry)) this.#close(serial, entry)
    else entry.idle = setTimeout(() => this.#close(serial, entry), idleMs).unref()
  }

  async close(): Promise<void> {
    for (const [serial, entry] of [...this.#current]) this.#close(serial, entry)
    for (const [entry, serial] of [...this.#retired]) this.#close(serial, entry)
    await Promise.all(this.#closing)
  }

  #close(serial: string, entry: Entry): void {
    if (entry.closed) return
    entry.closed = true
    clearTimeout(entry.idle)
    this.#retired.delete(entry)
    if (this.#current.get(serial) === entry) this.#current.delete(serial)
    const { log, closeTimeoutMs = 5000 } = this.#options
    const closed = entry.bmc
      .close({ signal: AbortSignal.timeout(closeTimeoutMs) })
      .catch((error: unknown) =>
        log.warn(
          { err: error, server_serial: serial },
          'the session on the BMC could not be ended; it will time out there',
        ),
      )
      .finally(() => this.#closing.delete(closed))
    this.#closing.add(closed)
  }
}
