/**
 * Clients of BMCs, one per server and process, so that its session is shared (spec/redfish.md "Sessions"). A client that
 * nobody used for a while is closed, which ends its session: BMCs have eight or so, and a leaked one locks operators out.
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
  /** What was read of a BMC does not count any more: somebody else may have changed it. */
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

type Given = Omit<OpenedAccess, 'onLearned'>

type Entry = {
  readonly bmc: Bmc
  readonly identity: string
  readonly address: string
  /** What its client has learned and nobody has recorded yet. */
  lesson: Learned | null
  users: number
  idle: NodeJS.Timeout | undefined
  closed: boolean
}

export function createBmcs({
  access,
  open,
  log,
  recordLessons,
  idleMs = 60_000,
  closeTimeoutMs = 5000,
}: BmcsOptions): Bmcs {
  const entries = new Map<string, Entry>()
  /** Their registration was replaced: each is closed when its last user is done. */
  const retired = new Map<Entry, string>()
  const closing = new Set<Promise<void>>()

  const close = (serial: string, entry: Entry) => {
    if (entry.closed) return
    entry.closed = true
    clearTimeout(entry.idle)
    retired.delete(entry)
    if (entries.get(serial) === entry) entries.delete(serial)
    const closed = entry.bmc
      .close({ signal: AbortSignal.timeout(closeTimeoutMs) })
      .catch((error: unknown) =>
        log.warn(
          { err: error, server_serial: serial },
          'the session on the BMC could not be ended; it will time out there',
        ),
      )
      .finally(() => closing.delete(closed))
    closing.add(closed)
  }

  /** With one user more. */
  const acquire = async (serial: string): Promise<Entry> => {
    const { registration, unseal, learned } = await access(serial)
    const identity = JSON.stringify(registration)
    // Asked again after the credentials: somebody else may have opened the client meanwhile.
    const entry =
      entryOf(serial, identity) ?? entryOf(serial, identity, { registration, credentials: await unseal(), learned })
    clearTimeout(entry.idle)
    entry.users += 1
    return entry
  }

  function entryOf(serial: string, identity: string): Entry | null
  function entryOf(serial: string, identity: string, given: Given): Entry
  function entryOf(serial: string, identity: string, given?: Given): Entry | null {
    const known = entries.get(serial)
    if (known?.identity === identity) return known
    if (given === undefined) return null
    if (known) {
      entries.delete(serial)
      retired.set(known, serial)
      if (known.users === 0) close(serial, known)
    }
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
    entries.set(serial, entry)
    return entry
  }

  /** What was learned is recorded also when the work failed: the next try is the one that needs it. */
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
        entry.users -= 1
        if (entry.users === 0 && !entry.closed) {
          if (retired.has(entry)) close(serial, entry)
          else entry.idle = setTimeout(() => close(serial, entry), idleMs).unref()
        }
      }
    },
    forgetRead: (serial) => entries.get(serial)?.bmc.forgetRead(),
    close: async () => {
      for (const [serial, entry] of [...entries]) close(serial, entry)
      for (const [entry, serial] of [...retired]) close(serial, entry)
      await Promise.all(closing)
    },
  }
}
