import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createVault } from '../../../eventstore/ledgers/vault.ts'
import { loadActor } from '../../../eventstore/log/actors.ts'
import { readStream, stateAt } from '../../../eventstore/log/read.ts'
import { beginning, readCheckpoint, readTail, saveCheckpoint } from '../../../eventstore/log/tail.ts'
import { leaseEffects } from '../../../eventstore/pending/effects.ts'
import { rebuild } from '../../../eventstore/upkeep/rebuild.ts'
import { pathOf } from '../../../machines/evolve.ts'
import { kinds, type StreamId, serverStream } from '../../../machines/kinds.ts'
import {
  commit,
  jobAfter,
  openWorld,
  progress,
  registerServer,
  registration,
  successfulRun,
  type World,
} from '../rig/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

const failure = { kind: 'unreachable', message: 'no answer' }

/** Jobs after every number of steps, servers in various states, one of them long enough for snapshots. */
async function variousHistories(): Promise<void> {
  await Promise.all([...successfulRun.keys(), successfulRun.length].map((steps) => jobAfter(world, steps)))
  const cancelled = await jobAfter(world, 8)
  await commit(world, cancelled, [{ type: 'cancel.requested', data: { reason: 'wrong disk' } }])
  await commit(world, cancelled, [{ type: 'cleanup.power-off.failed', data: failure }])
  await longJob()
  const probed = serverStream(await registerServer(world))
  await commit(world, probed, [
    { type: 'server.probe.failed', data: failure },
    { type: 'server.power.requested', data: { action: 'off' } },
    { type: 'server.changed', data: { ...registration(probed.slice(7)), labels: { rack: 'r2' } } },
  ])
  const removed = serverStream(await registerServer(world))
  await commit(world, removed, [{ type: 'server.removed', data: {} }])
}

async function longJob(): Promise<StreamId<'job'>> {
  const stream = await jobAfter(world, 9)
  for (let percent = 0; percent < 60; percent += 15) {
    await commit(
      world,
      stream,
      Array.from({ length: 15 }, () => progress(percent)),
    )
  }
  return stream
}

/** All rows of the tables that can be rebuilt, but for the leases. */
async function derived(): Promise<Record<string, unknown[]>> {
  const content: Record<string, unknown[]> = {}
  for (const table of ['effects', 'deadlines', 'snapshots', 'jobs', 'job_requests', 'servers']) {
    const rows = await world.owner.raw.unsafe<{ row: object }[]>(
      `select to_jsonb(t) - '{owner,epoch,expires_at,available_at}'::text[] as row from ${table} t order by 1`,
    )
    content[table] = rows.map(({ row }) => row)
  }
  return content
}

test('the derived tables come out of the log with the same content, after they were emptied or filled with nonsense', async () => {
  await variousHistories()
  const before = await derived()
  for (const table of Object.keys(before)) expect(before[table]).not.toEqual([])
  const [log] = await world.owner
    .raw`select count(*)::int as events, count(distinct stream)::int as streams from events`
  await world.owner.raw`truncate effects, deadlines, snapshots, jobs, job_requests, servers`
  expect(await rebuild(world.owner.db)).toEqual(log)
  expect(await derived()).toEqual(before)
  await world.owner.raw`update jobs set view = jsonb_set(view, '{status}', '"queued"'), version = 0`
  await world.owner.raw`update snapshots set state = '{}'`
  await world.owner.raw`delete from deadlines where name = 'job'`
  await world.owner.raw`insert into deadlines values ('job-x', 'y', now())`
  await rebuild(world.owner.db)
  expect(await derived()).toEqual(before)
})

test('leases end with a rebuild, and who performs next is told that somebody else may have begun', async () => {
  await jobAfter(world, 0)
  const lease = { owner: 'one', ttlMs: 60_000, limit: 10 }
  const leased = await leaseEffects(world.db, lease)
  expect(leased.map(({ epoch }) => epoch)).toEqual([1, 1])
  await jobAfter(world, 0)
  await rebuild(world.owner.db)
  const again = await leaseEffects(world.db, { ...lease, owner: 'two' })
  expect(again.map(({ id, epoch }) => [leased.some((one) => one.id === id), epoch]).toSorted()).toEqual([
    [false, 1],
    [false, 1],
    [true, 2],
    [true, 2],
  ])
  await world.owner.raw`truncate effects`
  await rebuild(world.owner.db)
  expect((await leaseEffects(world.db, lease)).map(({ epoch }) => epoch)).toEqual([2, 2, 2, 2])
})

test('what is not derived from the log survives a rebuild: checkpoints and the vault', async () => {
  await jobAfter(world, 1)
  const [last] = (await readTail(world.db, beginning, 100)).slice(-1)
  const checkpoint = last?.checkpoint ?? { xid: '7', position: '7' }
  await saveCheckpoint(world.db, 'nats/TEST', checkpoint)
  const vault = createVault(world.db, new Uint8Array(32))
  await vault.put('recipe/1', Buffer.from('kept'))
  await rebuild(world.owner.db)
  expect(await readCheckpoint(world.db, 'nats/TEST')).toEqual(checkpoint)
  expect(Buffer.from(await vault.get('recipe/1')).toString()).toBe('kept')
})

test('the application’s role cannot rebuild', async () => {
  await expect(rebuild(world.db)).rejects.toMatchObject({ cause: { code: '42501' } })
})

test('a stream with a snapshot loads to the same state as its full replay', async () => {
  const stream = await longJob()
  const history = await readStream(world.db, stream)
  const [snapshot] = await world.owner.raw`select version from snapshots where stream = ${stream}`
  expect(snapshot).toEqual({ version: 50 })
  const loaded = await loadActor(world.db, stream)
  const replayed = await stateAt(world.db, 'job', stream, history.length)
  if (loaded === null || replayed === null) throw new Error('the job is not there')
  const { dehydrate, pending } = kinds.job.evolve
  expect(dehydrate(loaded.snapshot)).toEqual(dehydrate(replayed))
  expect(pending(loaded.snapshot)).toEqual(pending(replayed))
  expect(loaded).toMatchObject({ version: history.length, hash: history.at(-1)?.hash })
  expect(loaded.firstEvent).toMatchObject({ type: 'job.requested', at: history[0]?.at })
  expect(loaded.lastEvent).toMatchObject({ at: history.at(-1)?.at })
  // It goes on from there as it would have without.
  await commit(world, stream, successfulRun.slice(10))
  const ended = await loadActor(world.db, stream)
  expect(pathOf(ended?.snapshot.value ?? {})).toBe('complete')
})

test('a snapshot is used when its machine has this version, and ignored when it has another', async () => {
  const stream = await longJob()
  const forged = { value: 'complete', context: { jobId: 'forged' } }
  const replace = (machineVersion: string) =>
    world.owner.db.execute(sql`
      update snapshots set machine_version = ${machineVersion}, state = ${JSON.stringify(forged)}::jsonb
      where stream = ${stream}`)
  await replace(`${kinds.job.machineVersion}-next`)
  expect((await loadActor(world.db, stream))?.snapshot.context.jobId).toBe(stream.slice(4))
  await replace(kinds.job.machineVersion)
  expect((await loadActor(world.db, stream))?.snapshot.context.jobId).toBe('forged')
})
