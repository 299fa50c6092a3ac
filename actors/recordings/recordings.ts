/**
 * Recordings of servers: start, run the job, fetch the file, end. The file has the BMC's present tree and the exchanges
 * since the start, without secrets and identifying values (redfish/recording/).
 */
import {
  beginRecording,
  findOverdue,
  findRecording,
  forgetOldRecordings,
  forgetRecording,
  readExchanges,
} from '../../eventstore/ledgers/bmc-recordings.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { makeRecording } from '../../redfish/recording/file.ts'
import type { Recording } from '../../redfish/recording/format.ts'
import type { BmcAccess } from '../bmcs/access.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import { createBmcWriters } from '../bmcs/writers.ts'
import type { Requester } from '../commands/requester.ts'
import type { Log } from '../log.ts'
import { Refused } from '../refusals.ts'
import type { Timing } from '../timing.ts'
import { endOf, exchangesOf, jobOf, missingOf, recordedJob, serverOf } from './contents.ts'
import { type ExchangeRecorder, preparedForMs, recordedForMs } from './exchanges.ts'
import type { RecordingHistory } from './history.ts'

export type RecordingsOptions = {
  readonly db: Database
  readonly bmcs: Bmcs
  readonly access: (serial: string) => Promise<BmcAccess>
  readonly recorder: ExchangeRecorder
  readonly history: RecordingHistory
  readonly owner: string
  readonly ttlMs: number
  readonly nextId: () => string
  readonly timing: Timing
  readonly log: Log
  /** The product's version. */
  readonly version: string
}

export type Recordings = ReturnType<typeof createRecordings>

const recordingsMax = 20
/** The next start of any recording deletes those that started longer ago than this. */
const keptForMs = 7 * 24 * 3_600_000
type FileRequest = { readonly jobId: string | null; readonly requester: Requester; readonly signal: AbortSignal }

/** Commands of recordings. */
export function createRecordings(options: RecordingsOptions) {
  const { db, bmcs, access, recorder, history, log } = options
  // Leases are re-entrant per owner; a distinct owner id makes a recording wait for running effects.
  const writers = createBmcWriters({ db, owner: `${options.owner}/recording`, ttlMs: options.ttlMs, log })

  return {
    /**
     * Keeps the exchanges with this server's BMC from now on, for a day at most; replaces an earlier recording.
     * Resolves when every controller records. @throws Refused unknown_server, too_many_recordings.
     */
    start: async (
      serial: string,
      requester: Requester,
      signal: AbortSignal,
    ): Promise<{ readonly startedAt: string }> => {
      await access(serial)
      for (const overdue of await findOverdue(db, recordedForMs)) await history.ended(overdue, 'time-over', null)
      const others = await forgetOldRecordings(db, keptForMs)
      const before = await findRecording(db, serial)
      if (others >= recordingsMax && before === null)
        throw new Refused(
          { kind: 'too_many_recordings' },
          `recordings of ${others} servers are kept; fetch or end one of them first`,
        )
      if (before !== null) await history.ended(before, 'replaced', requester)
      const id = options.nextId()
      await history.started(serial, id, requester)
      await beginRecording(db, { serial, id, startedBy: requester.actor })
      recorder.refresh(serial)
      await options.timing.delay(preparedForMs, signal)
      const begun = await findRecording(db, serial)
      return { startedAt: begun?.startedAt ?? new Date(0).toISOString() }
    },

    /** Ends and deletes the recording. @returns true if there was one. */
    end: async (serial: string, requester: Requester): Promise<boolean> => {
      const recording = await findRecording(db, serial)
      await recorder.flush()
      if (recording !== null) await history.ended(recording, 'requested', requester)
      const ended = await forgetRecording(db, serial)
      recorder.refresh(serial)
      return ended
    },

    /**
     * The file. The controller reads the tree now, under the BMC's writer lease. The exchanges are those of the named
     * job, else of the latest one since the start, else all. The recording goes on.
     * @throws Refused unknown_server, unknown_job; BmcError.
     */
    file: async (serial: string, { jobId, requester, signal }: FileRequest): Promise<Recording> => {
      const { registration, unseal } = await access(serial)
      const recording = await findRecording(db, serial)
      const job = await jobOf(db, serial, { jobId, since: recording?.startedAt ?? null })
      const tree = await writers.run(serial, signal, (held) =>
        bmcs.use(serial, (bmc) => bmc.readTree({ signal: held })),
      )
      await recorder.flush()
      const rows = recording === null ? [] : await readExchanges(db, recording.id)
      const { username } = await unseal()
      log.info({ server_serial: serial, actor: requester.actor }, 'a recording of a server was given out')
      return makeRecording({
        productVersion: options.version,
        recordedAt: new Date().toISOString(),
        server: { username, ...(await serverOf(db, registration)) },
        tree,
        exchanges: exchangesOf(rows, {
          startMs: Date.parse(job?.created_at ?? recording?.startedAt ?? ''),
          endMs: await endOf(db, serial, job),
        }),
        missing: missingOf(recording, rows, job),
        job: job === null ? null : recordedJob(job),
      })
    },
  }
}
