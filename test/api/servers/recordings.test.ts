/** The routes of recordings: who may, what is answered, and what is refused. */
import { expect, test } from 'vitest'
import { bmcPassword, openSite } from '../site.ts'

const site = await openSite()
const { ask, register } = site
const pathOf = (serial: string) => `/api/v1/servers/${serial}/recording`

test('a server is recorded from the start on until the end, and the file names nothing of it', async () => {
  const serial = await register()
  const started = await ask('PUT', pathOf(serial))
  expect([started.status, started.body]).toEqual([200, { serial, started_at: expect.stringMatching(/^20\d\d-/) }])

  const { status, body, text } = await ask('POST', pathOf(serial), { body: {} })
  expect([status, body['format'], body['version']]).toEqual([200, 'provisioner-bmc-recording', 1])
  for (const mark of [serial, bmcPassword, '192.0.2.10']) expect(text).not.toContain(mark)
  expect(body['header']?.['missing']).toEqual(['no BMC is spoken to: there is no tree to read'])

  expect((await ask('DELETE', pathOf(serial))).status).toBe(204)
  const after = await ask('POST', pathOf(serial), { body: {} })
  expect(after.body['header']?.['missing']).toContainEqual(expect.stringContaining('no recording was started'))
})

test('who started a recording and how it ended is in the history of its server', async () => {
  const serial = await register()
  for (const method of ['PUT', 'PUT', 'DELETE', 'DELETE']) await ask(method, pathOf(serial))
  const { text } = await ask('GET', `/api/v1/servers/${serial}/events`)
  const answer = JSON.parse(text) as {
    events: { type: string; actor: string; data: { recording_id: string; reason?: string } }[]
  }
  const events = answer.events.filter(({ type }) => type.startsWith('server.recording.'))
  expect(events.map(({ type, data }) => [type, data.reason])).toEqual([
    ['server.recording.started', undefined],
    ['server.recording.ended', 'replaced'],
    ['server.recording.started', undefined],
    ['server.recording.ended', 'requested'],
  ])
  const [first, replaced, second, last] = events.map(({ data }) => data.recording_id)
  expect([first, second]).toEqual([replaced, last])
  expect(first).not.toBe(second)
  expect(new Set(events.map(({ actor }) => actor)).size).toBe(1)
  expect(events[0]?.actor).toMatch(/^principal:/)
})

test('a job of another server has no file here', async () => {
  const [serial, { jobId }] = [await register(), await site.jobAfter()]
  const answer = await ask('POST', pathOf(serial), { body: { job_id: jobId } })
  expect([answer.status, answer.body['error']]).toEqual([404, 'unknown_job'])
})

test.each(['PUT', 'POST'])('%s for a server that nobody registered is not found', async (method) => {
  const answer = await ask(method, pathOf('NOBODY'), method === 'POST' ? { body: {} } : {})
  expect([answer.status, answer.body['error']]).toEqual([404, 'unknown_server'])
})
