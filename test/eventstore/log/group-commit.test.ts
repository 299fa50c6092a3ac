// Appends that go to Postgres together. What keeps them apart is tested where they are: each has its own end.
import { inArray } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRuntime } from '../../../actors/runtime.ts'
import { ConditionGone, ValueTaken } from '../../../eventstore/log/append.ts'
import { createGroupCommit } from '../../../eventstore/log/group-commit.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { appendingMax, connect } from '../../../eventstore/postgres/database.ts'
import { events } from '../../../eventstore/schema.ts'
import { verifyLog } from '../../../eventstore/upkeep/verify.ts'
import type { StreamId } from '../../../machines/kinds.ts'
import { openLine } from '../../rig/line.ts'
import { patience } from '../../rig/patience.ts'
import { nextOf } from '../rig/handmade.ts'
import { commit, jobAfter, openWorld, progress, registerServer, requestJob, sha256, type World } from '../rig/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

/** Lets `start` make commits while nobody can append, and lets them go once the first are on their way and wait. */
async function together<Result>(start: () => Result, whileWaiting?: (pids: readonly number[]) => Promise<unknown>) {
  return world.owner.raw.begin(async (holder) => {
    await holder`lock table events in share row exclusive mode`
    const result = start()
    const waiting = await waitingForTheLog(1)
    await whileWaiting?.(waiting)
    return { result }
  })
}

/** The sessions that wait for the log, once they are as many. */
async function waitingForTheLog(count: number): Promise<readonly number[]> {
  for (;;) {
    const waiting = await world.owner.raw<{ pid: number }[]>`
      select pid from pg_locks where relation = 'events'::regclass and not granted
        and database = (select oid from pg_database where datname = current_database())`
    if (waiting.length >= count) return waiting.map(({ pid }) => pid)
  }
}

const jobs = (count: number): Promise<StreamId[]> =>
  Promise.all(Array.from({ length: count }, () => jobAfter(world, 9)))

async function lengthsOf(streams: readonly StreamId[]): Promise<number[]> {
  return Promise.all(streams.map(async (stream) => (await readStream(world.db, stream)).length))
}

test('commits that come while others are under way are stored by one transaction', async () => {
  const streams = await jobs(20)
  const commits: ReturnType<typeof commit>[] = []
  const begin = (count: number) => {
    for (const stream of streams.splice(0, count)) commits.push(commit(world, stream, [progress(1)]))
  }
  await together(
    () => begin(1),
    async () => {
      for (let underWay = 2; underWay <= appendingMax; underWay += 1) {
        begin(1)
        await waitingForTheLog(underWay)
      }
      begin(streams.length)
    },
  )
  const ids = (await Promise.all(commits)).map(([event]) => event?.id ?? '')
  const rows = await world.db.select({ xid: events.xid }).from(events).where(inArray(events.id, ids))
  expect(rows).toHaveLength(20)
  expect(new Set(rows.map(({ xid }) => xid)).size).toBe(appendingMax + 1)
})

test('of a group, those that lost their lease or their key hear of it, and all others are stored', async () => {
  const streams = await jobs(10)
  const [late = 'job-', ...others] = streams
  await requestJob(world, await registerServer(world), { idempotencyKey: sha256(11) })
  const serial = await registerServer(world)
  const lease = { kind: 'lease', effectId: 'none', owner: 'a', epoch: 1, ends: true } as const
  const { result } = await together(() =>
    Promise.allSettled([
      ...others.map((stream) => commit(world, stream, [progress(1)])),
      commit(world, late, [progress(1)], lease),
      requestJob(world, serial, { idempotencyKey: sha256(11) }),
    ]),
  )
  const answers = await result
  expect(answers.slice(0, 9).map(({ status }) => status)).toEqual(others.map(() => 'fulfilled'))
  expect(answers.slice(9)).toMatchObject([
    { status: 'rejected', reason: expect.any(ConditionGone) },
    { status: 'rejected', reason: expect.any(ValueTaken) },
  ])
  expect(await lengthsOf(streams)).toEqual([10, ...others.map(() => 11)])
})

test('commits to one stream that come together follow each other, and those beside them lose nothing', async () => {
  const [busy = 'job-', ...others] = await jobs(6)
  const { result } = await together(() =>
    Promise.all(
      [busy, busy, busy, busy, ...others].map((stream, percent) => commit(world, stream, [progress(percent)])),
    ),
  )
  await result
  expect(await lengthsOf([busy, ...others])).toEqual([14, ...others.map(() => 11)])
})

test('whoever finds the queue full waits for room, and all are stored', async () => {
  const streams = await jobs(30)
  const { append } = createGroupCommit(world.db, { queueMax: 2 })
  const appends = await Promise.all(streams.map((stream) => nextOf(world.db, stream)))
  const { result } = await together(() => Promise.all(appends.map((one) => append([one]))))
  await result
  expect(await lengthsOf(streams)).toEqual(streams.map(() => 11))
})

test('a commit whose connection is lost before Postgres has it, or after, is stored once and succeeds', async () => {
  const streams = await jobs(8)
  for (const lost of ['by the server', 'by the client'] as const) {
    const line = await openLine(world.url)
    const controller = connect({ url: line.url, poolMax: 2 })
    let sent = 0
    const onSeam = () => {
      sent += 1
    }
    const runtime = createRuntime({ db: controller.db, nextId: uuidv7, onSeam })
    // A connection that has prepared the statement sends all of it at once.
    await Promise.all(streams.map((stream) => commit({ runtime }, stream, [progress(0)])))
    sent = 0
    const before = await lengthsOf(streams)
    const { result } = await together(
      () => Promise.all(streams.map((stream) => commit({ runtime }, stream, [progress(1)]))),
      async (pids) => {
        while (sent < streams.length) await world.owner.raw`select 1`
        // The client's side only: what Postgres was sent goes on there, and waits like what is sent again.
        if (lost === 'by the client') return line.breakForClients()
        for (const pid of pids) await world.owner.raw`select pg_terminate_backend(${pid})`
      },
    )
    await result
    expect(await lengthsOf(streams), lost).toEqual(before.map((length) => length + 1))
    await controller.close()
    await line.close()
  }
  const { faults } = await verifyLog(world.db, { signal: patience() })
  expect(faults).toEqual([])
})
