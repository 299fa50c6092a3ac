// The report webhook: whom it believes, what it takes, what it refuses.
import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { reportToken } from '../../../actors/media/access/report-token.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { openSite, reportTokenKey, siteOn, untilComplete, untilWaiting, webhookSecret } from '../site.ts'

const site = await openSite()
const { ask, jobAfter, register } = site
const success = { status: 'success' }

const report = (
  serial: string,
  body: unknown,
  headers: Record<string, string> = { 'x-webhook-secret': webhookSecret },
) => ask('POST', `/api/v1/status-webhook/${serial}`, { body, headers })
const bearer = (jobId: string) => ({ authorization: `Bearer ${reportToken(reportTokenKey, jobId)}` })
const historyOf = async (jobId: string) => readStream(site.world.db, jobStream(jobId))

test('a success is durable when it is answered, and its sender is the maintenance OS', async () => {
  const { jobId, serial } = await jobAfter(untilWaiting)
  const answer = await report(serial, { ...success, delivery_id: 'd1', extra: { ignored: true } })
  expect([answer.status, answer.body]).toEqual([200, { ok: true }])
  const last = (await historyOf(jobId)).at(-1)
  expect(last).toMatchObject({
    type: 'report.received',
    actor: `maintenance-os:${serial}`,
    data: { status: 'success', delivery_id: 'd1', authenticated_by: 'shared-secret' },
  })
})

test('a failure names its step, which is mapped to a failure key', async () => {
  const { jobId, serial } = await jobAfter(untilWaiting)
  expect((await report(serial, { status: 'failed', failed_step: 'image-linux.service' })).status).toBe(200)
  const { body } = await ask('GET', `/api/v1/jobs/${jobId}`)
  expect(body).toMatchObject({ outcome: 'failed', failed_step: 'workflow.image-linux' })
})

test('a report that comes again is answered the same, recorded, and changes nothing', async () => {
  const { jobId, serial } = await jobAfter(untilWaiting)
  const body = { ...success, delivery_id: uuidv7() }
  await report(serial, body)
  const before = (await ask('GET', `/api/v1/jobs/${jobId}`)).body
  for (const repeated of [body, { status: 'failed', failed_step: 'partition.service' }])
    expect((await report(serial, repeated)).body).toEqual({ ok: true })
  const after = (await ask('GET', `/api/v1/jobs/${jobId}`)).body
  expect([after['outcome'], after['state']]).toEqual([before['outcome'], before['state']])
  expect((await historyOf(jobId)).slice(-2).map(({ type }) => type)).toEqual(['report.duplicated', 'report.duplicated'])
})

test('a report after the job is complete is a duplicate', async () => {
  const { jobId, serial } = await jobAfter(untilComplete)
  expect((await report(serial, { ...success, job_id: jobId })).body).toEqual({ ok: true })
  expect((await historyOf(jobId)).at(-1)?.type).toBe('report.duplicated')
})

test('a late report of one job never ends the next one', async () => {
  const { jobId: first, serial } = await jobAfter(untilComplete)
  await ask('POST', `/api/v1/jobs/${first}/retry`)
  const answer = await report(serial, { ...success, job_id: first, delivery_id: 'late' })
  expect([answer.status, answer.body['error']]).toEqual([404, 'no_job_waiting'])
  expect((await report(serial, success, bearer(first))).status).toBe(404)
})

test('progress is recorded and changes no outcome', async () => {
  const { jobId, serial } = await jobAfter(untilWaiting)
  expect((await report(serial, { status: 'progress', step: 'image-linux', percent: 12.5 })).status).toBe(200)
  const { body } = await ask('GET', `/api/v1/jobs/${jobId}`)
  expect(body).toMatchObject({ outcome: null, progress: { step: 'image-linux', percent: 12.5, message: null } })
})

test('no job, a job that does not wait yet, an unknown server: 404', async () => {
  expect((await report(await register(), success)).body['error']).toBe('no_job_waiting')
  const { serial } = await jobAfter(1)
  expect((await report(serial, success)).body['error']).toBe('no_job_waiting')
  expect((await report('NOBODY', success)).body['error']).toBe('no_job_waiting')
})

test.each([
  ['no JSON', '{', ''],
  ['no status', {}, '/status'],
  ['an unknown status', { status: 'done' }, '/status'],
  ['failed without a step', { status: 'failed' }, '/failed_step'],
  ['a step without end', { status: 'failed', failed_step: 'x'.repeat(257) }, '/failed_step'],
  ['a delivery id without end', { ...success, delivery_id: 'x'.repeat(129) }, '/delivery_id'],
  ['a job id that is none', { ...success, job_id: 'x' }, '/job_id'],
  ['too many per cent', { status: 'progress', step: 'x', percent: 101 }, '/percent'],
  ['a character that cannot be stored', { ...success, schema_id: 'a\0b' }, '/schema_id'],
])('a report with %s is refused', async (_, body, path) => {
  const { serial } = await jobAfter(untilWaiting)
  const answer = await report(serial, body)
  expect([answer.status, answer.body['details']?.[0]?.['path']]).toEqual([400, path])
})

test('the token of a job is believed for its own job only, whether the body names it or not', async () => {
  const { jobId, serial } = await jobAfter(untilWaiting)
  const { jobId: other } = await jobAfter(untilWaiting)
  expect((await report(serial, success, bearer(other))).status).toBe(401)
  expect((await report(serial, { ...success, job_id: jobId }, bearer(other))).status).toBe(401)
  expect((await report(serial, { ...success, job_id: other }, bearer(other))).status).toBe(404)
  expect((await report(serial, { status: 'progress', step: 'x', job_id: jobId }, bearer(jobId))).status).toBe(200)
  expect((await report(serial, success, bearer(jobId))).status).toBe(200)
  expect((await historyOf(jobId)).at(-1)?.data).toMatchObject({ authenticated_by: 'job-token' })
})

test('during rotation both secrets are believed; a missing, wrong or empty one is 401, whatever the body is', async () => {
  const { serial } = await jobAfter(untilWaiting)
  const rotating = await siteOn(site.world, { webhook: { secrets: ['new', webhookSecret, ''], reportTokenKey } })
  const progress = { status: 'progress', step: 'x' }
  const path = `/api/v1/status-webhook/${serial}`
  for (const secret of ['new', webhookSecret])
    expect((await rotating.ask('POST', path, { body: progress, headers: { 'x-webhook-secret': secret } })).status).toBe(
      200,
    )
  const wrong: Record<string, string>[] = [
    {},
    { 'x-webhook-secret': '' },
    { 'x-webhook-secret': 'old' },
    { authorization: 'Bearer x' },
  ]
  for (const headers of wrong)
    for (const body of [progress, '{', {}]) {
      const answer = await rotating.ask('POST', path, { body, headers })
      expect([answer.status, answer.body['error']]).toEqual([401, 'unauthenticated'])
    }
  const counted = await rotating.registry.getSingleMetricAsString('webhook_auth_failures_total')
  expect(counted).toContain('webhook_auth_failures_total 12')
})

test('without any shared secret only job tokens are believed', async () => {
  const { jobId, serial } = await jobAfter(untilWaiting)
  const strict = await siteOn(site.world, { webhook: { secrets: [], reportTokenKey } })
  const path = `/api/v1/status-webhook/${serial}`
  expect((await strict.ask('POST', path, { body: success })).status).toBe(401)
  expect((await strict.ask('POST', path, { body: success, headers: { 'x-webhook-secret': '' } })).status).toBe(401)
  expect((await strict.ask('POST', path, { body: success, headers: bearer(jobId) })).status).toBe(200)
})

test('a source that keeps guessing is not listened to for a while, then again', async () => {
  const { serial } = await jobAfter(untilWaiting)
  const limited = await siteOn(site.world, { limits: { ...site.options.limits, authFailuresPerMinute: 3 } })
  const path = `/api/v1/status-webhook/${serial}`
  const guess = () => limited.ask('POST', path, { body: success, headers: { 'x-webhook-secret': 'guess' } })
  const statuses = [await guess(), await guess(), await guess(), await guess()].map(({ status }) => status)
  expect(statuses).toEqual([401, 401, 401, 429])
  const right = { body: success, headers: { 'x-webhook-secret': webhookSecret } }
  expect((await limited.ask('POST', path, right)).status).toBe(429)
  limited.clock.nowMs += 60_000
  expect((await limited.ask('POST', path, right)).status).toBe(200)
})

test('reports are counted by what they say', async () => {
  const { serial } = await jobAfter(untilWaiting)
  const counting = await siteOn(site.world)
  const headers = { 'x-webhook-secret': webhookSecret }
  for (const body of [{}, { status: 'progress', step: 'x' }, success, success])
    await counting.ask('POST', `/api/v1/status-webhook/${serial}`, { body, headers })
  const counted = await counting.registry.getSingleMetricAsString('webhook_received_total')
  for (const [status, count] of [
    ['invalid', 1],
    ['progress', 1],
    ['success', 2],
  ])
    expect(counted).toContain(`webhook_received_total{status="${status}"} ${count}\n`.trim())
})
