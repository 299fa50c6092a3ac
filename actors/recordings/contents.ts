/** The contents of a recording's file: its job, the exchanges of that job, and a list of gaps. */
import type { ExchangeRow, RecordingRow } from '../../eventstore/ledgers/bmc-recordings.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { getJob, listJobs } from '../../eventstore/read-models/jobs.ts'
import { getServer } from '../../eventstore/read-models/servers.ts'
import type { Job } from '../../machines/job/view.ts'
import type { ServerRegistration } from '../../machines/server/events.ts'
import type { RecordedExchange, RecordedJob } from '../../redfish/recording/format.ts'
import { Refused } from '../refusals.ts'
import { type KeptExchange, recordedForMs } from './exchanges.ts'

/** The log's clock and the exchanges' clock differ by the time of a database answer (eventstore/postgres/clock.ts). */
const clocksDifferByMs = 1_000
/** More jobs than one server runs in a day. */
const jobsMax = 100

/**
 * The job of a recording: the one that the operator names, else the latest since the start of the recording, else null.
 * @throws Refused unknown_job.
 */
export async function jobOf(
  db: Database,
  serial: string,
  { jobId, since }: { readonly jobId: string | null; readonly since: string | null },
): Promise<Job | null> {
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

/** A server by its last probe, or by its registration before the first probe. */
export async function serverOf(db: Database, { serial, bmc_address, vendor }: ServerRegistration) {
  const description = (await getServer(db, serial))?.description ?? null
  return {
    serial,
    address: bmc_address,
    vendor: description?.vendor ?? vendor,
    model: description?.model ?? null,
    firmware: description?.manager.firmware ?? null,
  }
}

/** The end of a job's exchanges: a moment after the job ended, or the start of the next job if that is earlier. */
export async function endOf(db: Database, serial: string, job: Job | null): Promise<number> {
  if (job === null || job.status !== 'complete') return Number.POSITIVE_INFINITY
  const filter = { server: serial, since: job.created_at }
  const { rows } = await listJobs(db, { filter, limit: jobsMax, cursor: null })
  const later = rows
    .filter(({ created_at }) => created_at > job.created_at)
    .map(({ created_at }) => Date.parse(created_at))
  return Math.min(Date.parse(job.last_update) + clocksDifferByMs, ...later)
}

/** The exchanges that ended between `startMs` and `endMs`. */
export function exchangesOf(
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

/** The gaps of a file, in words for the operator. */
export function missingOf(recording: RecordingRow | null, rows: readonly ExchangeRow[], job: Job | null): string[] {
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

/** The outcome of a job, for the file. */
export function recordedJob({ outcome, failed_step, failure }: Job): RecordedJob {
  return {
    outcome,
    failed_step,
    failure_kind: failure?.kind ?? null,
    failed_unit: failure?.unit ?? null,
    reported: outcome === 'succeeded' || failure?.kind === 'report',
  }
}
