import { afterAll, beforeAll, expect, test } from 'vitest'
import { getJob } from '../../../eventstore/read-models/jobs.ts'
import { renewOutdatedViews, startViewRenewal } from '../../../eventstore/upkeep/outdated-views.ts'
import { jobViewVersion } from '../../../machines/job/view.ts'
import type { StreamId } from '../../../machines/kinds.ts'
import { commit, jobAfter, openWorld, progress, type World } from '../rig/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const idOf = (stream: StreamId) => stream.slice('job-'.length)
const never = new AbortController().signal
const failing = (stream: StreamId | null, error: unknown) => expect.fail(`${stream}: ${error}`)

/** As a version that knew less of a job left its row. */
async function outdate(stream: StreamId): Promise<void> {
  await world.raw`update jobs set view = view - 'step' - 'media', view_version = 0 where id = ${idOf(stream)}`
}

async function viewVersion(stream: StreamId): Promise<unknown> {
  const [row] = await world.raw`select view_version from jobs where id = ${idOf(stream)}`
  return row?.['view_version']
}

test('an append that comes between the replay and the write is not overwritten', async () => {
  const stream = await jobAfter(world, 9)
  await outdate(stream)
  // The row is locked by an append that is not committed yet, so that the renewal has replayed and waits for it.
  const [locked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const appending = world.owner.raw.begin(async (tx) => {
    await tx`update jobs set view = '{"status": "x", "server_serial": "x", "task_target": "x"}', version = version + 1, view_version = ${jobViewVersion}
      where id = ${idOf(stream)}`
    locked.resolve()
    await held.promise
  })
  await locked.promise
  const renewing = renewOutdatedViews({ db: world.db, onFailure: failing }, never)
  await lockAwaited()
  held.resolve()
  await appending
  expect(await renewing).toBe(0)
  const [row] = await world.raw`select status, view_version from jobs where id = ${idOf(stream)}`
  expect(row).toEqual({ status: 'x', view_version: jobViewVersion })
  await world.raw`delete from jobs where id = ${idOf(stream)}`
})

/** Resolves when a statement of this database waits for a row that another transaction has written. */
async function lockAwaited(): Promise<void> {
  for (;;) {
    const waiting = await world.owner.raw`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    if (waiting.length > 0) return
  }
}

test('a run that was stopped is resumed by the next one, and an event in between renews its own row', async () => {
  const streams = await Promise.all(Array.from({ length: 6 }, () => jobAfter(world, 4)))
  const before = await Promise.all(streams.map((stream) => getJob(world.db, idOf(stream))))
  for (const stream of streams) await outdate(stream)
  expect(await Promise.all(streams.map((stream) => getJob(world.db, idOf(stream))))).toEqual(before)

  const stopped = new AbortController()
  stopped.abort(new Error('stopped'))
  await expect(renewOutdatedViews({ db: world.db, onFailure: failing }, stopped.signal)).rejects.toThrow('stopped')
  const [first] = streams
  if (first === undefined) throw new Error('there is no job')
  await commit(world, first, [progress(3)])
  expect(await viewVersion(first)).toBe(jobViewVersion)
  expect(await renewOutdatedViews({ db: world.db, onFailure: failing }, never)).toBe(5)
  expect(await Promise.all(streams.slice(1).map((stream) => getJob(world.db, idOf(stream))))).toEqual(before.slice(1))
})

test('a view of a newer version stays, and is read by replay', async () => {
  const stream = await jobAfter(world, 2)
  const before = await getJob(world.db, idOf(stream))
  await world.raw`update jobs set view = view || '{"state": "unheard of"}', view_version = 99 where id = ${idOf(stream)}`
  expect(await renewOutdatedViews({ db: world.db, onFailure: failing }, never)).toBe(0)
  expect(await getJob(world.db, idOf(stream))).toEqual(before)
  expect(await viewVersion(stream)).toBe(99)
})

test('a row without a history is told of and keeps no other from being renewed', async () => {
  const stream = await jobAfter(world, 1)
  await outdate(stream)
  await world.owner.raw`insert into jobs (id, created_at, updated_at, version, view, view_version)
    select '00000000-0000-7000-8000-000000000000', created_at, updated_at, version, view, 0 from jobs where id = ${idOf(stream)}`
  const failed: (StreamId | null)[] = []
  const renewed = Promise.withResolvers<number>()
  const renewal = startViewRenewal({
    db: world.db,
    onFailure: (one) => failed.push(one),
    onRenewed: renewed.resolve,
  })
  expect(await renewed.promise).toBe(1)
  await renewal.stop()
  expect(failed).toEqual(['job-00000000-0000-7000-8000-000000000000'])
  expect(await viewVersion(stream)).toBe(jobViewVersion)
})
