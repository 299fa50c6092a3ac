/** Load, decide, append: against a real database, with races that are real ones. */

import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { type Commit, createRuntime, NotAccepted, proposalOf } from '../../actors/runtime.ts'
import { ConditionGone } from '../../eventstore/log/append.ts'
import { leaseEffects } from '../../eventstore/pending/effects.ts'
import { snapshots } from '../../eventstore/schema.ts'
import { verifyLog } from '../../eventstore/upkeep/verify.ts'
import type { DomainEvent } from '../../machines/event.ts'
import { InvalidEventError } from '../../machines/event.ts'
import { jobStream, type StreamId, serverStream } from '../../machines/kinds.ts'
import { happened, jobId } from '../machines/job/samples.ts'
import * as ofServer from '../machines/server/samples.ts'
import { patience } from '../rig/patience.ts'
import { controllerParts, databaseOfTest, type Parts } from './rig/controller.ts'
import { appendAtOnce } from './rig/held-appends.ts'

const cause = { actor: 'principal:alice', causationId: 'request-1', correlationId: null, trace: null }
const job = jobStream(jobId)
const server = serverStream('SN-0001')

async function setUp() {
  const url = await databaseOfTest()
  return { url, ...(await controllerParts(url)) }
}

const propose = ({ runtime }: Parts, stream: StreamId, events: readonly DomainEvent[], about: Partial<Commit> = {}) =>
  runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, ...events)], ...about })

test('a commit appends the event with its states, its cause and its place in the chain', async () => {
  const parts = await setUp()
  await propose(parts, job, [happened('job.requested')])
  await propose(parts, job, [happened('job.admission.succeeded')])
  const [first, second] = await parts.history(job)
  expect(first).toMatchObject({ version: 1, state_from: null, state_to: 'queued', prev_hash: null, machine: 'job' })
  expect(second).toMatchObject({
    version: 2,
    type: 'job.admission.succeeded',
    schema_version: 1,
    state_from: 'queued',
    state_to: 'provisioning.buildingIso',
    prev_hash: first?.hash,
    actor: 'principal:alice',
    causation_id: 'request-1',
  })
})

test('a decision that lost a race is taken again, on the new state', async () => {
  const parts = await setUp()
  await propose(parts, server, [ofServer.happened('server.registered')])
  const other = await controllerParts(parts.url)
  const holders: (string | null)[] = []
  const reserve = ({ runtime }: Parts, id: string) =>
    runtime.commit({
      reads: [server],
      cause,
      decide: ({ server: actor }) => {
        const holder = actor('SN-0001')?.snapshot.context.jobId ?? null
        holders.push(holder)
        if (holder !== null) return []
        return [{ stream: server, events: [ofServer.happened('server.reserved', { job_id: id })] }]
      },
    })
  const results = await appendAtOnce(parts.url, {
    waiting: 2,
    start: () => Promise.all([reserve(parts, ofServer.firstJob), reserve(other, ofServer.secondJob)]),
  })
  const winner = (await parts.history(server)).at(-1)?.data as { job_id: string }
  expect(holders).toEqual([null, null, winner.job_id])
  expect(results.map((appended) => appended.length).sort()).toEqual([0, 1])
})

test('ten appends at once all find their place, without gaps', async () => {
  const parts = await setUp()
  const other = await controllerParts(parts.url)
  await propose(parts, job, [happened('job.requested')])
  await appendAtOnce(parts.url, {
    waiting: 2,
    start: () =>
      Promise.all(
        Array.from({ length: 10 }, (_, read) =>
          propose(read % 2 === 0 ? parts : other, job, [happened('media.read.observed', { requests: read })]),
        ),
      ),
  })
  const history = await parts.history(job)
  expect(history.map(({ version }) => version)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1))
  expect(new Set(history.slice(1).map(({ data }) => (data as { requests: number }).requests)).size).toBe(10)
})

test('an event that the machine does not take in its state is refused, and says in which', async () => {
  const parts = await setUp()
  await propose(parts, job, [happened('job.requested')])
  const refused = propose(parts, job, [happened('report.received')])
  await expect(refused).rejects.toBeInstanceOf(NotAccepted)
  await expect(refused).rejects.toMatchObject({ stream: job, state: 'queued' })
  expect(await parts.history(job)).toHaveLength(1)
})

test('an unknown event and data of another shape are refused', async () => {
  const parts = await setUp()
  await propose(parts, job, [happened('job.requested')])
  for (const event of [
    { type: 'job.invented', data: {} },
    { type: 'cancel.requested', data: { reason: 7 } },
    { type: 'cancel.requested', data: {} },
  ])
    await expect(propose(parts, job, [event])).rejects.toBeInstanceOf(InvalidEventError)
  expect(await parts.history(job)).toHaveLength(1)
})

test('a stream begins with the event that creates its actor, and with no other', async () => {
  const parts = await setUp()
  await expect(propose(parts, job, [happened('cancel.requested')])).rejects.toBeInstanceOf(NotAccepted)
  await expect(propose(parts, server, [ofServer.happened('server.reserved')])).rejects.toBeInstanceOf(NotAccepted)
})

test('characters that Postgres cannot keep are replaced before they are hashed', async () => {
  const parts = await setUp()
  await propose(parts, job, [happened('job.requested')])
  await propose(parts, job, [happened('job.admission.failed', { message: 'nul \u0000 and half \ud83d' })])
  expect((await parts.history(job)).at(-1)?.data).toMatchObject({ message: 'nul \ufffd and half \ufffd' })
})

test('two streams are appended to together or not at all', async () => {
  const parts = await setUp()
  await propose(parts, server, [ofServer.happened('server.registered')])
  const other = await controllerParts(parts.url)
  const request = ({ runtime }: Parts, id: string) => {
    const created = happened('job.requested', { job_id: id, recipe_ref: `recipe/${id}` })
    const reserved = ofServer.happened('server.reserved', { job_id: id })
    return runtime.commit({
      reads: [jobStream(id), server],
      cause,
      decide: () => [
        { stream: jobStream(id), events: [created] },
        { stream: server, events: [reserved] },
      ],
    })
  }
  const results = await appendAtOnce(parts.url, {
    waiting: 2,
    start: () => Promise.allSettled([request(parts, ofServer.firstJob), request(other, ofServer.secondJob)]),
  })
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  const [winner, loser] =
    results[0]?.status === 'fulfilled'
      ? [ofServer.firstJob, ofServer.secondJob]
      : [ofServer.secondJob, ofServer.firstJob]
  expect(await parts.history(jobStream(winner))).toHaveLength(1)
  expect(await parts.history(jobStream(loser))).toHaveLength(0)
  expect((await parts.history(server)).map(({ type }) => type)).toEqual(['server.registered', 'server.reserved'])
})

test('a decision may append only to what it has read', async () => {
  const parts = await setUp()
  const blind = propose(parts, job, [happened('job.requested')], { reads: [server] })
  await expect(blind).rejects.toThrow(/did not read/)
})

test('a decision that proposes nothing appends nothing', async () => {
  const parts = await setUp()
  expect(await propose(parts, job, [])).toEqual([])
  expect(await parts.history(job)).toEqual([])
})

test('the time of a stream does not run backwards, whatever the clock does', async () => {
  const parts = await setUp()
  await propose(parts, job, [happened('job.requested')])
  // The log only takes inserts, so the clock that stepped back is one event of an hour ahead.
  await parts.raw`
    insert into events (id, stream, version, type, schema_version, data, state_from, state_to, machine, machine_version, at, actor, prev_hash, hash)
    select gen_random_uuid(), stream, 2, 'media.read.observed', 1, ${parts.raw.json(happened('media.read.observed').data as never)},
      'queued', 'queued', machine, machine_version, at + interval '1 hour', actor, hash, 'ahead' from events where stream = ${job}`
  await propose(parts, job, [happened('job.admission.succeeded')])
  const [, ahead, last] = await parts.history(job)
  expect(last?.version).toBe(3)
  expect(last?.at).toBe(ahead?.at)
})

test('a history that is longer than its snapshots goes on in the same words, and passes the audit', async () => {
  const parts = await setUp()
  await propose(parts, server, [...ofServer.reachable])
  const probe = [ofServer.happened('server.probe.requested'), ofServer.happened('server.probe.succeeded')]
  for (let rounds = 0; rounds < 5; rounds += 1)
    await propose(parts, server, Array.from({ length: 6 }, () => probe).flat())
  expect(await parts.db.select({ version: snapshots.version }).from(snapshots)).toEqual([{ version: 50 }])
  const { faults } = await verifyLog(parts.db, { signal: patience() })
  expect(faults).toEqual([])
})

test('listeners hear of what is durable, and only then', async () => {
  const parts = await setUp()
  const heard: (readonly [string, number])[] = []
  parts.runtime.onAppended((appended) => {
    for (const { event, withdrawn } of appended) heard.push([event.type, withdrawn.length])
  })
  await propose(parts, job, [happened('job.requested')])
  await expect(propose(parts, job, [happened('report.received')])).rejects.toBeInstanceOf(NotAccepted)
  await propose(parts, job, [happened('cancel.requested')])
  expect(heard).toEqual([
    ['job.requested', 0],
    ['cancel.requested', 1],
  ])
})

test('an outcome and a cancellation that race end with one of them, whichever comes first', async () => {
  const parts = await setUp()
  await propose(parts, job, [happened('job.requested')])
  const [effect] = await leaseEffects(parts.db, { owner: 'one', ttlMs: 30_000, limit: 1 })
  if (effect === undefined) throw new Error('the admission was not asked for')
  const condition = { kind: 'lease', effectId: effect.id, owner: 'one', epoch: effect.epoch, ends: true } as const
  const other = await controllerParts(parts.url)
  const [outcome, cancelled] = await appendAtOnce(parts.url, {
    waiting: 2,
    start: () =>
      Promise.allSettled([
        propose(parts, job, [happened('job.admission.failed')], { condition }),
        propose(other, job, [happened('cancel.requested')]),
      ]),
  })
  const states = (await parts.history(job)).map(({ type }) => type)
  expect(states).toHaveLength(2)
  if (cancelled.status === 'fulfilled') {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(NotAccepted) })
  } else {
    expect(outcome.status).toBe('fulfilled')
    expect(cancelled.reason).toBeInstanceOf(NotAccepted)
  }
})

test('an outcome without the lease is refused, and nothing of it is kept', async () => {
  const parts = await setUp()
  await propose(parts, job, [happened('job.requested')])
  const [effect] = await leaseEffects(parts.db, { owner: 'one', ttlMs: 30_000, limit: 1 })
  const condition = { kind: 'lease', effectId: effect?.id ?? '', ends: true } as const
  const succeeded = [happened('job.admission.succeeded')]
  for (const lease of [
    { owner: 'other', epoch: 1 },
    { owner: 'one', epoch: 2 },
  ])
    await expect(propose(parts, job, succeeded, { condition: { ...condition, ...lease } })).rejects.toBeInstanceOf(
      ConditionGone,
    )
  expect(await parts.history(job)).toHaveLength(1)
  await propose(parts, job, succeeded, { condition: { ...condition, owner: 'one', epoch: 1 } })
  expect(await parts.history(job)).toHaveLength(2)
})

test('commits to one stream go one after the other within a process, and none is tried twice', async () => {
  const { db, url, ...parts } = await setUp()
  await propose({ db, ...parts }, job, [happened('job.requested')])
  const tried: string[] = []
  const runtime = createRuntime({ db, nextId: uuidv7, onSeam: (seam) => void tried.push(seam) })
  const percents = Array.from({ length: 8 }, (_, percent) => percent)
  await Promise.all(
    percents.map((requests) =>
      propose({ db, ...parts, runtime }, job, [happened('media.read.observed', { requests })]),
    ),
  )
  expect(tried.filter((seam) => seam.startsWith('append.before'))).toHaveLength(percents.length)
  const stored = (await parts.history(job)).slice(1).map(({ data }) => (data as { requests: number }).requests)
  expect(stored).toEqual(percents)
})

test('an actor is read as it is stored, whoever stored it', async () => {
  const parts = await setUp()
  const other = await controllerParts(parts.url)
  expect(await parts.runtime.read('job', jobId)).toBeNull()
  await propose(parts, job, [happened('job.requested')])
  await propose(other, job, [happened('job.admission.succeeded')])
  const seen = await parts.runtime.read('job', jobId)
  expect(seen?.version).toBe(2)
  expect(seen?.snapshot.matches({ provisioning: 'buildingIso' })).toBe(true)
})
