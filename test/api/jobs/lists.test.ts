// Lists of jobs: filters, and pages that stay right while jobs are created.
import { expect, test } from 'vitest'
import { openSite, untilComplete } from '../site.ts'

const { ask, jobAfter } = await openSite()
const jobs = '/api/v1/jobs'

type Page = { jobs: { job_id: string; status: string }[]; next_cursor: string | null }
const page = async (query: string) => (await ask('GET', `${jobs}?${query}`)).body as unknown as Page
const idsOf = ({ jobs }: Page) => jobs.map(({ job_id }) => job_id)

test('pages hold every job once, newest first, although jobs are created between them', async () => {
  const created: string[] = []
  for (let count = 0; count < 5; count += 1) created.unshift((await jobAfter()).jobId)
  const first = await page('limit=2')
  const between = (await jobAfter()).jobId
  const second = await page(`limit=2&cursor=${first.next_cursor}`)
  const third = await page(`limit=2&cursor=${second.next_cursor}`)
  expect([first, second, third].flatMap(idsOf)).toEqual(created)
  expect(third.next_cursor).toBeNull()
  expect(idsOf(await page('limit=1'))).toEqual([between])
})

test('filters pick by status, outcome, server, target and time of creation', async () => {
  const { jobId, serial } = await jobAfter(untilComplete)
  const { body } = await ask('GET', `${jobs}/${jobId}`)
  for (const query of [
    'status=complete',
    'outcome=succeeded',
    `server=${serial}`,
    `server=${serial}&target=install-linux.target&status=complete`,
    `since=${body['created_at']}`,
  ])
    expect([query, idsOf(await page(query))]).toEqual([query, [jobId]])
  expect(idsOf(await page('status=failed'))).toEqual([])
  expect(idsOf(await page(`server=${serial}&status=queued`))).toEqual([])
  expect(idsOf(await page('since=2999-01-01T00:00:00Z'))).toEqual([])
})

test.each([
  ['limit=0', '/query/limit'],
  ['limit=1000000', '/query/limit'],
  ['status=broken', '/query/status'],
  ['since=yesterday', '/query/since'],
  ['server=a%00b', '/query/server'],
  ['target=a%00b', '/query/target'],
])('the query %s is refused', async (query, path) => {
  const answer = await ask('GET', `${jobs}?${query}`)
  expect([answer.status, answer.body['details']?.[0]?.['path']]).toEqual([400, path])
})

test.each([
  'x',
  'bm9uZQ',
  Buffer.from('["2026-01-01","\'; drop"]').toString('base64url'),
  Buffer.from('["a\\u0000","b"]').toString('base64url'),
])('the cursor %s, which was never handed out, is refused', async (cursor) => {
  const answer = await ask('GET', `${jobs}?cursor=${cursor}`)
  expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_cursor'])
})
