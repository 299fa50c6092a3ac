/** Reports of the maintenance OS: whose they are, which count, and which are only recorded. */
import { describe, expect, test } from 'vitest'
import type { Report, ReportAuthentication } from '../../../actors/commands/reports.ts'
import { isReportToken, reportToken } from '../../../actors/media/access/report-token.ts'
import { releaseServer } from '../../../actors/services/release-server.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { happened, type JobEventType } from '../../machines/job/samples.ts'
import { controllerParts, databaseOfTest, type Parts, perform, refusedAs, requester } from '../rig/controller.ts'
import { appendAtOnce } from '../rig/held-appends.ts'
import { scriptedServices } from '../rig/scripted-services.ts'

const report: Report = {
  job_id: null,
  status: 'success',
  failed_step: null,
  delivery_id: 'delivery-1',
  task_target: null,
  dispatcher_version: null,
  schema_id: null,
  started_at: null,
  finished_at: null,
}
const secret: ReportAuthentication = { by: 'shared-secret' }
const tokenOf = (jobId: string): ReportAuthentication => ({ by: 'job-token', jobId })
const progress = { step: 'image-linux.service', percent: 40, message: null }

/** A controller that performs everything, and a job of SN-0001 that waits for its report. */
async function setUp() {
  const url = await databaseOfTest()
  const parts = await controllerParts(url)
  perform(parts, scriptedServices({ releaseServer: releaseServer({ runtime: parts.runtime, owner: 'one' }).perform }))
  await parts.register('SN-0001')
  return { url, parts, jobId: await waitingJob(parts) }
}

async function waitingJob(parts: Parts) {
  const jobId = await parts.requestJob('SN-0001')
  await parts.eventOf(jobStream(jobId), 'redfish.poll.succeeded')
  return jobId
}

const receive = (parts: Parts, about: Partial<Report> = {}, by: ReportAuthentication = secret, serial = 'SN-0001') =>
  parts.jobs.receiveReport(serial, { ...report, ...about }, by, requester)

const count = async (parts: Parts, jobId: string, type: JobEventType) =>
  (await parts.history(jobStream(jobId))).filter((event) => event.type === type).length

test('a report of the active job is its outcome, told by its host', async () => {
  const { parts, jobId } = await setUp()
  expect(await receive(parts, { job_id: jobId }, tokenOf(jobId))).toBe('accepted')
  const received = await parts.eventOf(jobStream(jobId), 'report.received')
  expect(received).toMatchObject({
    actor: 'maintenance-os:SN-0001',
    data: { status: 'success', authenticated_by: 'job-token' },
  })
  expect(received.data).not.toHaveProperty('job_id')
  await parts.eventOf(jobStream(jobId), 'server.release.succeeded')
})

describe('the same report again', () => {
  test('while the job is cleaned up and after it has ended is a duplicate that changes nothing', async () => {
    const { parts, jobId } = await setUp()
    await receive(parts)
    expect(await receive(parts)).toBe('duplicate')
    await parts.eventOf(jobStream(jobId), 'server.release.succeeded')
    expect(await receive(parts)).toBe('duplicate')
    expect(await receive(parts, { job_id: jobId, status: 'failed', failed_step: 'x', delivery_id: null })).toBe(
      'duplicate',
    )
    expect(await count(parts, jobId, 'report.received')).toBe(1)
    expect(await count(parts, jobId, 'report.duplicated')).toBe(3)
  })

  test('ten times at once counts once', async () => {
    const { url, parts, jobId } = await setUp()
    const other = await controllerParts(url)
    const results = await appendAtOnce(url, {
      waiting: 2,
      start: () => Promise.all(Array.from({ length: 10 }, (_, index) => receive(index % 2 === 0 ? parts : other))),
    })
    expect(results.filter((result) => result === 'accepted')).toHaveLength(1)
    expect(await count(parts, jobId, 'report.received')).toBe(1)
  })
})

describe('a late report of an ended job never finishes the next', () => {
  async function withTwoJobs() {
    const { parts, jobId: ended } = await setUp()
    await receive(parts)
    await parts.eventOf(jobStream(ended), 'server.release.succeeded')
    const active = await waitingJob(parts)
    return { parts, ended, active }
  }

  test('when it names the ended job', async () => {
    const { parts, ended, active } = await withTwoJobs()
    await expect(receive(parts, { job_id: ended, delivery_id: 'other' })).rejects.toMatchObject(
      refusedAs('no_job_waiting'),
    )
    expect(await count(parts, active, 'report.received')).toBe(0)
  })

  test("when it comes with the ended job's token", async () => {
    const { parts, ended, active } = await withTwoJobs()
    await expect(receive(parts, { delivery_id: 'other' }, tokenOf(ended))).rejects.toMatchObject(
      refusedAs('no_job_waiting'),
    )
    await expect(receive(parts, { job_id: active }, tokenOf(ended))).rejects.toMatchObject(refusedAs('no_job_waiting'))
    expect(await count(parts, active, 'report.received')).toBe(0)
  })

  test('when it names nothing but is the very delivery that the ended job has taken', async () => {
    const { parts, ended, active } = await withTwoJobs()
    expect(await receive(parts, { job_id: ended })).toBe('duplicate')
    expect(await receive(parts)).toBe('duplicate')
    expect(await count(parts, active, 'report.received')).toBe(0)
    expect(await count(parts, ended, 'report.duplicated')).toBe(2)
  })

  test('while a report of the active job is taken', async () => {
    const { parts, active } = await withTwoJobs()
    expect(await receive(parts, { delivery_id: 'delivery-2' })).toBe('accepted')
    expect(await count(parts, active, 'report.received')).toBe(1)
  })
})

test("a report is refused for a server that nobody knows, that has no job, or for another server's job", async () => {
  const { parts, jobId } = await setUp()
  await parts.register('SN-0002')
  await expect(receive(parts, {}, secret, 'SN-0404')).rejects.toMatchObject(refusedAs('no_job_waiting'))
  await expect(receive(parts, {}, secret, 'SN-0002')).rejects.toMatchObject(refusedAs('no_job_waiting'))
  await expect(receive(parts, { job_id: jobId }, secret, 'SN-0002')).rejects.toMatchObject(refusedAs('no_job_waiting'))
  await expect(receive(parts, {}, tokenOf(jobId), 'SN-0002')).rejects.toMatchObject(refusedAs('no_job_waiting'))
  await expect(receive(parts, { job_id: crypto.randomUUID() })).rejects.toMatchObject(refusedAs('no_job_waiting'))
})

test('a report and progress before the host was restarted are refused', async () => {
  const parts = await controllerParts(await databaseOfTest())
  await parts.register('SN-0001')
  await parts.requestJob('SN-0001')
  await expect(receive(parts)).rejects.toMatchObject(refusedAs('no_job_waiting'))
  await expect(parts.jobs.reportProgress('SN-0001', null, progress, secret, requester)).rejects.toMatchObject(
    refusedAs('no_job_waiting'),
  )
})

test('progress is recorded and changes no outcome', async () => {
  const { parts, jobId } = await setUp()
  await parts.jobs.reportProgress('SN-0001', jobId, progress, tokenOf(jobId), requester)
  const recorded = await parts.eventOf(jobStream(jobId), 'progress.reported')
  expect(recorded).toMatchObject({ data: progress, state_to: 'provisioning.waitingForReport' })
})

test('what the media server saw is recorded for a job that exists, and for no other', async () => {
  const { parts, jobId } = await setUp()
  const read = happened('media.read.observed').data as Parameters<typeof parts.jobs.recordMediaRead>[1]
  await parts.jobs.recordMediaRead(jobId, read)
  expect(await count(parts, jobId, 'media.read.observed')).toBe(1)
  const nobody = crypto.randomUUID()
  await parts.jobs.recordMediaRead(nobody, read)
  expect(await parts.history(jobStream(nobody))).toEqual([])
})

test("a job's token opens that job only, and only under the key it was made with", () => {
  const [key, otherKey] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const token = reportToken(key, 'job-a')
  expect(reportToken(key, 'job-a')).toBe(token)
  expect(isReportToken(key, 'job-a', token)).toBe(true)
  expect(isReportToken(key, 'job-b', token)).toBe(false)
  expect(isReportToken(otherKey, 'job-a', token)).toBe(false)
  expect(isReportToken(key, 'job-a', `${token}x`)).toBe(false)
  expect(isReportToken(key, 'job-a', '')).toBe(false)
})
