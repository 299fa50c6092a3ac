// The audit of what is derived from the log or reads it in another version: snapshots, machines of a release to come.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadActor } from '../../../eventstore/log/actors.ts'
import { hashEvent } from '../../../eventstore/log/event.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { verifyLog } from '../../../eventstore/upkeep/verify.ts'
import { kinds, type StreamId } from '../../../machines/kinds.ts'
import { nextKinds } from '../../machines/next-release.ts'
import { patience } from '../../rig/patience.ts'
import { commit, jobAfter, openWorld, progress, successfulRun, type World } from '../rig/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

const verify = (registry = kinds) => verifyLog(world.db, { signal: patience(), registry })

/** A job under way with that many events. */
async function jobOf(events: number): Promise<StreamId> {
  const stream = await jobAfter(world, 9)
  await report(stream, events - 10)
  return stream
}

async function report(stream: StreamId, times: number): Promise<void> {
  await commit(
    world,
    stream,
    Array.from({ length: times }, (_, index) => progress(index % 100)),
  )
}

async function keptOf(stream: StreamId) {
  const [row] = await world.owner.raw`select version, machine_version from snapshots where stream = ${stream}`
  return row
}

describe('a kept snapshot', () => {
  test('that is what the events give is compared and passes', async () => {
    await jobOf(60)
    await jobAfter(world, 3)
    expect(await verify()).toMatchObject({ snapshots: 1, faults: [] })
  })

  test('that differs is named with the first difference, and the events are still checked to the end', async () => {
    const stream = await jobOf(60)
    const { raw } = world.owner
    await raw`update snapshots set state = jsonb_set(jsonb_set(state, '{context,serverSerial}', '"SN-9"'), '{context,resets}', '7')`
    expect((await verify()).faults).toEqual([
      {
        stream,
        version: 50,
        reason: 'its snapshot differs from the replay at /context/resets: kept 7, replay gives 1',
      },
    ])
    await raw`update snapshots set state = '{}'`
    expect((await verify()).faults).toMatchObject([
      { stream, version: 50, reason: expect.stringContaining('at /context: kept nothing, replay gives {') },
    ])
  })

  test('that is moved to another event is compared with what that event gives', async () => {
    const stream = await jobOf(60)
    await world.owner.raw`update snapshots set version = 55`
    expect((await verify()).faults).toMatchObject([
      { stream, version: 55, reason: expect.stringContaining('/context/progress/percent') },
    ])
  })

  test('of an event that does not exist is named', async () => {
    const stream = await jobOf(60)
    await world.owner.raw`update snapshots set version = 100`
    expect((await verify()).faults).toEqual([
      { stream, version: 100, reason: 'its snapshot is of an event that does not exist' },
    ])
  })

  test('of an older machine version is not compared, not used, and replaced on the next multiple', async () => {
    const stream = await jobOf(60)
    const forged = JSON.stringify({ value: 'complete', context: { jobId: 'forged' } })
    await world.owner.raw.unsafe(`update snapshots set machine_version = '0', state = '${forged}'`)
    expect(await verify()).toMatchObject({ snapshots: 0, faults: [] })
    expect((await loadActor(world.db, stream))?.snapshot.context.jobId).toBe(stream.slice(4))
    await report(stream, 39)
    expect(await keptOf(stream)).toEqual({ version: 50, machine_version: '0' })
    await report(stream, 1)
    expect(await keptOf(stream)).toEqual({ version: 100, machine_version: kinds.job.machineVersion })
    expect(await verify()).toMatchObject({ snapshots: 1, faults: [] })
  })
})

describe('a release to come, which knows an event in a later version', () => {
  const cancel = { type: 'cancel.requested', data: { reason: 'wrong disk' } }

  test('finds the log intact: hashes are those of what is stored, states those of what it means', async () => {
    const stream = await jobAfter(world, 9)
    await commit(world, stream, [cancel])
    await commit(world, stream, successfulRun.slice(11))
    const history = await readStream(world.db, stream)
    expect(history.find(({ type }) => type === cancel.type)).toMatchObject({ ...cancel, schema_version: 1 })
    expect((await verify(nextKinds)).faults).toEqual([])
    expect((await verify()).faults).toEqual([])
  })

  test('records what this one says that it cannot read, instead of misreading it', async () => {
    const stream = await jobAfter(world, 9)
    await commit(world, stream, [cancel])
    const last = (await readStream(world.db, stream)).at(-1)
    if (last === undefined) throw new Error('the job has no events')
    const { position: _position, hash: _hash, ...event } = last
    const data = { note: 'wrong disk', urgency: 'at once' }
    const hash = hashEvent({ ...event, data, schema_version: 3 })
    await world.owner.raw.begin(async (tx) => {
      await tx`set local session_replication_role = replica`
      await tx.unsafe(
        `update events set data = '${JSON.stringify(data)}', schema_version = 3, hash = '${hash}' where id = '${last.id}'`,
      )
    })
    expect((await verify(nextKinds)).faults).toEqual([])
    const reason = 'cancel.requested was recorded in version 3; this program reads it up to version 1'
    expect((await verify()).faults).toEqual([{ stream, version: last.version, reason }])
  })
})
