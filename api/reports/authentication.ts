/** Authentication of reports: by the shared secret, or by the job's own token (spec/api.md "Report webhook"). */
import { timingSafeEqual } from 'node:crypto'
import type { ReportAuthentication } from '../../actors/commands/reports.ts'
import { isReportToken } from '../../actors/media/access/report-token.ts'
import { loadActor } from '../../eventstore/log/actors.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { serverStream } from '../../machines/kinds.ts'
import { fingerprint } from '../access/auth.ts'
import { unauthenticated } from '../errors.ts'

export type WebhookOptions = {
  /** The current secret, and during rotation the previous one. Empty: the webhook accepts job tokens only. */
  readonly secrets: readonly string[]
  readonly reportTokenKey: Uint8Array
}

export type ReportCredentials = {
  readonly secret: string | undefined
  readonly authorization: string | undefined
  readonly serial: string
  /** The job that the body names, if it names one. */
  readonly jobId: string | null
}

/** Placeholder for an unknown job, so that the comparison takes the same time. */
const noJob = '00000000-0000-0000-0000-000000000000'

/** Compares all secrets, then all tokens, so that timing leaks nothing. @throws RequestRefused unauthenticated. */
export function createReportAuthentication({ secrets, reportTokenKey }: WebhookOptions, db: Database) {
  const expected = secrets.filter((secret) => secret !== '').map(fingerprint)

  return async ({ secret, authorization, serial, jobId }: ReportCredentials): Promise<ReportAuthentication> => {
    const given = fingerprint(secret ?? '')
    const fits = expected.map((one) => timingSafeEqual(one, given)).includes(true)
    if (fits) return { by: 'shared-secret' }
    const token = /^Bearer +(\S{1,256})$/i.exec(authorization ?? '')?.[1] ?? ''
    const candidates = jobId === null ? await jobsOf(db, serial) : [jobId]
    const jobs = candidates.filter((candidate) => isReportToken(reportTokenKey, candidate, token))
    const [job] = jobs
    if (job !== undefined) return { by: 'job-token', jobId: job }
    throw unauthenticated('the webhook secret or job token is missing or wrong', 'Bearer realm="report"')
  }
}

/** The candidates for a report without a job id: the active job, and the last one, whose report may be late. */
async function jobsOf(db: Database, serial: string): Promise<readonly string[]> {
  const actor = await loadActor(db, serverStream(serial))
  const { jobId = null, lastJobId = null } = actor?.snapshot.context ?? {}
  return [jobId ?? noJob, lastJobId ?? noJob]
}
