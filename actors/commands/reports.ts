/** Reports of the maintenance OS: finds their job, and appends their events. */
import type { JobEventData } from '../../machines/job/events.ts'
import { awaitsReport } from '../../machines/job/view.ts'
import { jobStream } from '../../machines/kinds.ts'
import { Refused } from '../refusals.ts'
import type { Runtime } from '../runtime.ts'
import { causeOf, type Requester } from './requester.ts'

export type Report = Omit<JobEventData<'report.received'>, 'authenticated_by'> & { readonly job_id: string | null }
export type Progress = JobEventData<'progress.reported'>

/** The proof of a report's origin. A job's own token names the job; the shared secret names none. */
export type ReportAuthentication =
  | { readonly by: 'job-token'; readonly jobId: string }
  | { readonly by: 'shared-secret' }

/** Commands that the maintenance OS gives through its reports. */
export function createReportCommands({ runtime }: { readonly runtime: Runtime }) {
  return {
    /**
     * Takes a report of the maintenance OS. Resolves when the report is durable; `duplicate` when it changed nothing.
     * @throws Refused no_job_waiting when it names another job than the server's active one, or that job awaits none.
     */
    receiveReport: async (
      serial: string,
      report: Report,
      by: ReportAuthentication,
      requester: Requester,
    ): Promise<'accepted' | 'duplicate'> => {
      const jobId = await jobOfReport(runtime, serial, report, by)
      const stream = jobStream(jobId)
      const { job_id: _named, ...data } = report
      let result: 'accepted' | 'duplicate' = 'accepted'
      await runtime.commit({
        reads: [stream],
        cause: causeOf({ ...requester, actor: `maintenance-os:${serial}` }, jobId),
        decide: ({ job }) => {
          const actor = job(jobId)
          if (actor === null) throw noJobWaiting(`server ${serial} has no job waiting for a report`)
          const { outcome, deliveryIds } = actor.snapshot.context
          const again = data.delivery_id !== null && deliveryIds.includes(data.delivery_id)
          result = again || outcome !== null ? 'duplicate' : 'accepted'
          if (result === 'accepted' && !awaitsReport(actor.snapshot)) {
            throw noJobWaiting(`job ${jobId} of server ${serial} is not waiting for a report yet`)
          }
          const type = result === 'accepted' ? 'report.received' : 'report.duplicated'
          return [{ stream, events: [{ type, data: { ...data, authenticated_by: by.by } }] }]
        },
      })
      return result
    },

    /** Records progress of the maintenance OS; it never changes an outcome. @throws Refused no_job_waiting. */
    reportProgress: async (
      serial: string,
      named: string | null,
      progress: Progress,
      by: ReportAuthentication,
      requester: Requester,
    ): Promise<void> => {
      const jobId = await jobOfReport(runtime, serial, { job_id: named, delivery_id: null }, by)
      const stream = jobStream(jobId)
      await runtime.commit({
        reads: [stream],
        cause: causeOf({ ...requester, actor: `maintenance-os:${serial}` }, jobId),
        decide: ({ job }) => {
          const actor = job(jobId)
          if (actor === null || !awaitsReport(actor.snapshot))
            throw noJobWaiting(`server ${serial} has no job waiting for a report`)
          return [{ stream, events: [{ type: 'progress.reported', data: progress }] }]
        },
      })
    },
  }
}

/**
 * Finds the job of a report: the active one, or an ended one when the report is provably its late repetition. A late
 * report of job A must never finish job B.
 */
async function jobOfReport(
  runtime: Runtime,
  serial: string,
  report: Pick<Report, 'job_id' | 'delivery_id'>,
  by: ReportAuthentication,
): Promise<string> {
  const nobody = () => noJobWaiting(`server ${serial} has no job waiting for a report`)
  const server = await runtime.read('server', serial)
  if (server === null) throw nobody()
  const { jobId: active, lastJobId } = server.snapshot.context
  const named = by.by === 'job-token' ? by.jobId : report.job_id
  if (by.by === 'job-token' && report.job_id !== null && report.job_id !== by.jobId) throw nobody()
  if (named === null) {
    // Checked first: a repeated delivery of the last job must not count for the active one.
    if (lastJobId !== null && (await tookDelivery(runtime, lastJobId, report.delivery_id))) return lastJobId
    if (active !== null) return active
    throw nobody()
  }
  if (named === active) return named
  // An ended job's report counts as a duplicate while the server has no active job, or when its delivery id is known.
  const ended = await runtime.read('job', named)
  if (ended === null || ended.snapshot.context.serverSerial !== serial) throw nobody()
  if (active === null || (await tookDelivery(runtime, named, report.delivery_id))) return named
  throw noJobWaiting(`job ${named} is not the active job of server ${serial}`)
}

async function tookDelivery(runtime: Runtime, jobId: string, deliveryId: string | null): Promise<boolean> {
  if (deliveryId === null) return false
  const actor = await runtime.read('job', jobId)
  return actor?.snapshot.context.deliveryIds.includes(deliveryId) ?? false
}
function noJobWaiting(message: string): Refused {
  return new Refused({ kind: 'no_job_waiting' }, message)
}
