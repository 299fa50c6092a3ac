/** Deadlines fire once, late rather than lost, and a restart does not give anybody more time. */

import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { proposalOf } from '../../actors/runtime.ts'
import { deadlinesOf } from '../../eventstore/pending/deadlines.ts'
import { deadlines } from '../../eventstore/schema.ts'
import { jobStream } from '../../machines/kinds.ts'
import { happened } from '../machines/job/samples.ts'
import { controllerParts, databaseOfTest, fireDeadlines, type Parts, requester } from './rig/controller.ts'
import { appendAtOnce } from './rig/held-appends.ts'

const cause = { actor: 'controller:one', causationId: null, correlationId: null, trace: null }

async function setUp(isoBuildMs = 3_600_000) {
  const url = await databaseOfTest()
  const parts = await controllerParts(url, { budgets: { iso_build_ms: isoBuildMs } })
  await parts.register('SN-0001')
  return { url, parts }
}

/** A job that builds its ISO and will not come to its end. */
async function buildingJob(parts: Parts) {
  const stream = jobStream(await parts.requestJob('SN-0001'))
  const events = [happened('job.admission.succeeded')]
  await parts.runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, ...events)] })
  return stream
}

const letItPass = ({ db }: Parts, name: string) =>
  db.update(deadlines).set({ due_at: sql`clock_timestamp() - interval '1 hour'` }).where(eq(deadlines.name, name))

test('a deadline fires at its time, not before', async () => {
  const { parts } = await setUp(400)
  fireDeadlines(parts)
  const job = await buildingJob(parts)
  const elapsed = await parts.eventOf(job, 'iso.build.elapsed')
  const armed = (await parts.history(job)).find(({ type }) => type === 'job.admission.succeeded')
  expect(Date.parse(elapsed.at) - Date.parse(armed?.at ?? '')).toBeGreaterThanOrEqual(400)
  expect(elapsed).toMatchObject({ actor: 'system:deadline', causation_id: `${job}/iso.build`, data: {} })
})

test('a deadline that passed while nobody was there fires late', async () => {
  const { parts } = await setUp()
  const job = await buildingJob(parts)
  await letItPass(parts, 'iso.build')
  fireDeadlines(parts)
  await parts.eventOf(job, 'iso.build.elapsed')
})

test('with two controllers each deadline fires once', async () => {
  const { url, parts } = await setUp()
  const other = await controllerParts(url)
  const job = await buildingJob(parts)
  await letItPass(parts, 'iso.build')
  await appendAtOnce(url, {
    waiting: 2,
    start: async () => {
      const both = [fireDeadlines(parts), fireDeadlines(other)]
      await parts.eventOf(job, 'iso.build.elapsed')
      await Promise.all(both.map(({ stop }) => stop()))
    },
  })
  const history = await parts.history(job)
  expect(history.filter(({ type }) => type === 'iso.build.elapsed')).toHaveLength(1)
  expect([...parts.logged, ...other.logged].filter(({ level }) => level === 'error')).toEqual([])
})

test('a restart keeps what is left of the time', async () => {
  const { url, parts } = await setUp(600)
  const job = await buildingJob(parts)
  const before = await deadlinesOf(parts.db, job)
  await fireDeadlines(parts).stop()
  const restarted = await controllerParts(url)
  fireDeadlines(restarted)
  expect(await deadlinesOf(restarted.db, job)).toEqual(before)
  const elapsed = await restarted.eventOf(job, 'iso.build.elapsed')
  const due = before.find(({ name }) => name === 'iso.build')?.due_at ?? ''
  expect(Date.parse(elapsed.at)).toBeGreaterThanOrEqual(Date.parse(due))
})

test('a deadline of a state that was left is gone', async () => {
  const { parts } = await setUp()
  const job = await buildingJob(parts)
  const names = async () => (await deadlinesOf(parts.db, job)).map(({ name }) => name).sort()
  expect(await names()).toEqual(['iso.build', 'job'])
  const events = [happened('iso.build.succeeded')]
  await parts.runtime.commit({ reads: [job], cause, decide: () => [proposalOf(job, ...events)] })
  expect(await names()).toEqual(['job', 'redfish'])
})

test('a job that is cancelled before it touched anything leaves no deadline behind', async () => {
  const { parts } = await setUp()
  const id = await parts.requestJob('SN-0001')
  await parts.jobs.cancel(id, null, requester)
  expect(await deadlinesOf(parts.db, jobStream(id))).toEqual([])
})

test('a deadline that cannot be fired does not keep the others, and is reported', async () => {
  const { parts } = await setUp()
  const job = await buildingJob(parts)
  await letItPass(parts, 'iso.build')
  await parts.raw`insert into deadlines (stream, name, due_at) values ('rack-7', 'broken', now() - interval '1 day')`
  fireDeadlines(parts)
  await parts.eventOf(job, 'iso.build.elapsed')
  expect(parts.logged.filter(({ level }) => level === 'error')[0]).toMatchObject({ stream: 'rack-7', name: 'broken' })
})

test('many deadlines at once all fire, and those that are not due stay', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  const queuedJob = async (serial: string) => {
    await parts.register(serial)
    return jobStream(await parts.requestJob(serial))
  }
  const jobs = await Promise.all(Array.from({ length: 12 }, (_, index) => queuedJob(`SN-2${index}`)))
  await letItPass(parts, 'job.admission')
  fireDeadlines(parts)
  for (const job of jobs) await parts.eventOf(job, 'job.admission.elapsed')
  expect((await parts.history(stream)).at(-1)?.type).toBe('job.admission.succeeded')
})
