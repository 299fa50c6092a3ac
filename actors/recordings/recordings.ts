/**
 * Recordings of servers: start, run the job, fetch the file, end. The file has the tree as the BMC shows it now and the
 * exchanges since the start, without secrets and without what identifies (redfish/recording/).
 */
import {
  beginRecording,
  type ExchangeRow,
  findOverdue,
  findRecording,
  forgetOldRecordings,
  forgetRecording,
  type RecordingRow,
  readExchanges,
} from '../../eventstore/ledgers/bmc-recordings.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { getJob, listJobs } from '../../eventstore/read-models/jobs.ts'
import { getServer } from '../../eventstore/read-models/servers.ts'
import type { Job } from '../../machines/job/view.ts'
import { makeRecording } from '../../redfish/recording/file.ts'
import type { RecordedExchange, RecordedJob, Recording } from '../../redfish/recording/format.ts'
import type { BmcAccess } from '../bmcs/access.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import { createBmcWriters } from '../bmcs/writers.ts'
import type { Requester } from '../commands/requester.ts'
import type { Log } from '../log.ts'
import { Refused } from '../refusals.ts'
import type { Timing } from '../timing.ts'
import { type ExchangeRecorder, type KeptExchange, preparedForMs, recordedForMs } from './exchanges.ts'
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
  /** Of the product. */
  readonly version: string
}

export type Recordings = ReturnType<typeof createRecordings>

const recordingsMax = 20
/** How long a recording that nobody fetched is kept. */
const keptForMs = 7 * 24 * 3_600_000
/** The log's clock and that of the exchanges differ by the way of an answer of the database (eventstore/postgres/clock.ts). */
const clocksDifferByMs = 1_000
/** More than a day's recording has of one server. */
const jobsMax = 100

export function createRecordings(options: RecordingsOptions) {
  const { db, bmcs, access, recorder, history, log } = options
  // Another owner than that of the effects: a right is the owner's own again when asked for twice.
  const writers = createBmcWriters({ db, owner: `${options.owner}/recording`, ttlMs: options.ttlMs, log })

  const jobOf = async (serial: string, jobId: string | null, since: string | null): Promise<Job | null> => {
    if (jobId !== null) {
      const job = await getJob(db, jobId)
      if (job === null || job.server_serial !== serial)
        throw new Refused({ kind: 'unknown_job' }, `there is no job ${jobId} of server ${serial}`)
      return job
    }
    if (since === null) return null
    const { rows } = await listJobs(db, { filter: { server: serial, since }, limit: 1, cursor: null })
    return rows[0] ?? null
  }

  /** When the exchanges of a job ended: a moment after it, unless the next one began before. */
  const endOf = async (serial: string, job: Job | null): Promise<number> => {
    if (job === null || job.status !== 'complete') return Number.POSITIVE_INFINITY
    const filter = { server: serial, since: job.created_at }
    const { rows } = await listJobs(db, { filter, limit: jobsMax, cursor: null })
    const later = rows
      .filter(({ created_at }) => created_at > job.created_at)
      .map(({ created_at }) => Date.parse(created_at))
    return Math.min(Date.parse(job.last_update) + clocksDifferByMs, ...later)
  }

  return {
    /**
     * Keeps the exchanges with this server's BMC from now on, for a day at most; a recording that it has is begun anew.
     * Resolves when every controller knows. @throws Refused unknown_server, too_many_recordings.
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

    /** Forgets the recording. @returns whether there was one. */
    end: async (serial: string, requester: Requester): Promise<boolean> => {
      const recording = await findRecording(db, serial)
      await recorder.flush()
      if (recording !== null) await history.ended(recording, 'requested', requester)
      const ended = await forgetRecording(db, serial)
      recorder.refresh(serial)
      return ended
    },

    /**
     * The file: the tree is read now, as the only writer of this BMC; the exchanges are those of the job that is named, else of
     * the latest one since the start, else all. The recording goes on. @throws Refused unknown_server, unknown_job; BmcError.
     */
    file: async (
      serial: string,
      {
        jobId,
        requester,
        signal,
      }: { readonly jobId: string | null; readonly requester: Requester; readonly signal: AbortSignal },
    ): Promise<Recording> => {
      const { registration, unseal } = await access(serial)
      const recording = await findRecording(db, serial)
      const job = await jobOf(serial, jobId, recording?.startedAt ?? null)
      const tree = await writers.run(serial, signal, (held) =>
        bmcs.use(serial, (bmc) => bmc.readTree({ signal: held })),
      )
      await recorder.flush()
      const rows = recording === null ? [] : await readExchanges(db, recording.id)
      const { username } = await unseal()
      const description = (await getServer(db, serial))?.description ?? null
      log.info({ server_serial: serial, actor: requester.actor }, 'a recording of a server was given out')
      return makeRecording({
        productVersion: options.version,
        recordedAt: new Date().toISOString(),
        server: {
          serial,
          username,
          address: registration.bmc_address,
          vendor: description?.vendor ?? registration.vendor,
          model: description?.model ?? null,
          firmware: description?.manager.firmware ?? null,
        },
        tree,
        exchanges: exchangesOf(rows, {
          startMs: Date.parse(job?.created_at ?? recording?.startedAt ?? ''),
          endMs: await endOf(serial, job),
        }),
        missing: missingOf(recording, rows, job),
        job: job === null ? null : recordedJob(job),
      })
    },
  }
}

/** Those that were over in between. */
function exchangesOf(
  rows: readonly ExchangeRow[],
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): RecordedExchange[] {
  return rows
    .filter(({ endedAt }) => Date.parse(endedAt) >= startMs && Date.parse(endedAt) <= endMs)
    .map(({ endedAt, exchange }) => {
      const { request, ...rest } = JSON.parse(exchange) as KeptExchange
      const { ifMatch, body } = request
      return {
        ...rest,
        offset_ms: Date.parse(endedAt) - startMs,
        request: { ...(ifMatch === undefined ? {} : { if_match: ifMatch }), ...(body === undefined ? {} : { body }) },
      }
    })
}

function missingOf(recording: RecordingRow | null, rows: readonly ExchangeRow[], job: Job | null): string[] {
  if (recording === null) return ['all exchanges: no recording was started before the job ran']
  const missing: string[] = []
  if (job !== null && job.created_at < recording.startedAt)
    missing.push('exchanges of the job from before the recording was started')
  if (recording.lost > 0) missing.push(`${recording.lost} exchanges: there were too many, or they could not be stored`)
  for (const [, ones] of Map.groupBy(rows, ({ controller }) => controller)) {
    const gaps = Math.max(...ones.map(({ number }) => number)) - ones.length
    if (gaps > 0) missing.push(`${gaps} exchanges that could not be stored`)
  }
  const controllers = new Set(rows.map(({ controller }) => controller)).size
  if (controllers > 1)
    missing.push(
      `perhaps: ${controllers} controllers took part, and one that was killed may have lost its last exchange`,
    )
  if (recording.endedReason === 'limit-reached') missing.push('everything after the limits of a recording were reached')
  if (Date.parse(recording.now) - Date.parse(recording.startedAt) > recordedForMs)
    missing.push('exchanges from later than a day after the recording was started')
  return missing
}

function recordedJob({ outcome, failed_step, failure }: Job): RecordedJob {
  return {
    outcome,
    failed_step,
    failure_kind: failure?.kind ?? null,
    failed_unit: failure?.unit ?? null,
    reported: outcome === 'succeeded' || failure?.kind === 'report',
  }
}
