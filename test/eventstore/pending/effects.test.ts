import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ConditionGone } from '../../../eventstore/log/append.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { deadlinesOf, dueDeadlines, nextDeadlineInMs } from '../../../eventstore/pending/deadlines.ts'
import {
  type LeasedEffect,
  leaseEffects,
  lostEffects,
  renewLeases,
  returnEffect,
} from '../../../eventstore/pending/effects.ts'
import type { StreamId } from '../../../machines/kinds.ts'
import { commit, jobAfter, openWorld, registerServer, successfulRun, type World } from '../rig/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())
// Both lists are shared by all streams, so each test starts with empty ones.
beforeEach(() => world.owner.raw`truncate effects, deadlines`)

const ttlMs = 60_000
const admitted = successfulRun.slice(0, 1)

function lease(owner: string, limit = 100): Promise<LeasedEffect[]> {
  return leaseEffects(world.db, { owner, ttlMs, limit })
}

function held({ id, owner, epoch }: LeasedEffect, ends: boolean) {
  return { kind: 'lease', effectId: id, owner, epoch, ends } as const
}

/** The one effect of a new job, leased; its server's probe is leased by somebody who does nothing. */
async function admission(owner: string): Promise<{ stream: StreamId; effect: LeasedEffect }> {
  const stream = await jobAfter(world, 0)
  const effect = (await lease(owner)).find((leased) => leased.stream === stream)
  if (effect === undefined) throw new Error('the job’s effect was not leased')
  return { stream, effect }
}

async function expireLeases(): Promise<void> {
  await world.owner.raw`update effects set expires_at = clock_timestamp() - interval '1 ms' where owner is not null`
}

describe('effects', () => {
  test('are each leased by one of many owners that ask at once, and by as many as asked for', async () => {
    await Promise.all(Array.from({ length: 40 }, () => registerServer(world)))
    const leased = await Promise.all(Array.from({ length: 12 }, (_, index) => lease(`owner-${index}`, 5)))
    for (const batch of leased) expect(batch.length).toBeLessThanOrEqual(5)
    const rest: LeasedEffect[] = []
    for (let batch = await lease('rest', 7); batch.length > 0; batch = await lease('rest', 7)) rest.push(...batch)
    const ids = [...leased.flat(), ...rest].map(({ id }) => id)
    expect(new Set(ids).size).toBe(40)
    expect(ids).toHaveLength(40)
  })

  test('carry what the machine asked for', async () => {
    const { stream, effect } = await admission('one')
    const [requested] = await readStream(world.db, stream)
    expect(effect).toEqual({
      id: `${requested?.id}/job.admission`,
      stream,
      version: 1,
      key: 'job.admission',
      src: 'admitJob',
      input: { jobId: stream.slice(4), serial: expect.any(String) },
      owner: 'one',
      epoch: 1,
    })
  })

  test('whose lease expired are taken over, and only the new owner’s outcome is taken', async () => {
    const { stream, effect } = await admission('one')
    expect(await lease('two')).toEqual([])
    await expireLeases()
    const stolen = (await lease('two')).find(({ id }) => id === effect.id)
    expect(stolen).toEqual({ ...effect, owner: 'two', epoch: 2 })
    if (stolen === undefined) throw new Error('the effect was not taken over')
    for (const ends of [true, false]) {
      await expect(commit(world, stream, admitted, held(effect, ends))).rejects.toThrow(ConditionGone)
    }
    // The same owner in an earlier epoch is somebody else, too.
    await expect(commit(world, stream, admitted, held({ ...stolen, epoch: 1 }, true))).rejects.toThrow(ConditionGone)
    await commit(world, stream, admitted, held(stolen, true))
    await expect(commit(world, stream, admitted, held(stolen, true))).rejects.toThrow()
    expect((await readStream(world.db, stream)).map(({ type }) => type)).toEqual([
      'job.requested',
      'job.admission.succeeded',
    ])
  })

  test('whose lease expired but was not taken over still end by their owner', async () => {
    const { stream, effect } = await admission('one')
    await expireLeases()
    await commit(world, stream, admitted, held(effect, true))
    expect(await readStream(world.db, stream)).toHaveLength(2)
  })

  test('are renewed by their owner, who is told which ones it has lost', async () => {
    const { stream, effect } = await admission('one')
    await expireLeases()
    expect(await renewLeases(world.db, { owner: 'two', ttlMs, ids: [effect.id] })).toEqual(new Set())
    expect(await renewLeases(world.db, { owner: 'one', ttlMs, ids: [effect.id, 'gone'] })).toEqual(new Set([effect.id]))
    expect((await lease('two')).map(({ id }) => id)).not.toContain(effect.id)
    await commit(world, stream, [{ type: 'cancel.requested', data: { reason: null } }])
    expect(await renewLeases(world.db, { owner: 'one', ttlMs, ids: [effect.id] })).toEqual(new Set())
  })

  test('that were withdrawn or taken over are lost to their owner', async () => {
    const { stream, effect } = await admission('one')
    const ids = [effect.id, 'gone']
    expect(await lostEffects(world.db, { owner: 'one', ids })).toEqual(new Set(['gone']))
    expect(await lostEffects(world.db, { owner: 'two', ids })).toEqual(new Set(ids))
    await commit(world, stream, [{ type: 'cancel.requested', data: { reason: null } }])
    expect(await lostEffects(world.db, { owner: 'one', ids })).toEqual(new Set(ids))
  })

  test('that are given back are leased again at once or after their delay, by whoever asks', async () => {
    const { effect } = await admission('one')
    await returnEffect(world.db, { ...effect, epoch: 7 }, { delayMs: 0 })
    expect(await lease('two')).toEqual([])
    await returnEffect(world.db, effect, { delayMs: 3_600_000 })
    expect(await lease('two')).toEqual([])
    await world.owner.raw`update effects set available_at = available_at - interval '1 hour' where id = ${effect.id}`
    const [again] = await lease('two')
    expect(again).toEqual({ ...effect, owner: 'two', epoch: 2 })
    if (again === undefined) throw new Error('the effect was not leased again')
    await returnEffect(world.db, again, { delayMs: 0 })
    expect(await lease('three')).toEqual([{ ...effect, owner: 'three', epoch: 3 }])
  })
})

describe('deadlines', () => {
  async function pass(stream: StreamId, name: string): Promise<void> {
    await world.owner.raw`
      update deadlines set due_at = clock_timestamp() - interval '1 ms' where stream = ${stream} and name = ${name}`
  }

  test('are due a budget after the event that armed them', async () => {
    const stream = await jobAfter(world, 1)
    const event = (await readStream(world.db, stream)).at(-1)
    const at = Date.parse(event?.at ?? '')
    expect(await deadlinesOf(world.db, stream)).toEqual([
      { name: 'iso.build', due_at: new Date(at + 60_000).toISOString() },
      { name: 'job', due_at: new Date(at + 600_000).toISOString() },
    ])
    const inMs = await nextDeadlineInMs(world.db)
    expect(inMs).toBeGreaterThan(30_000)
    expect(inMs).toBeLessThanOrEqual(60_000)
    expect(await dueDeadlines(world.db, 10)).toEqual([])
  })

  test('that have passed are listed, the longest overdue first, as many as asked for', async () => {
    const streams = [await jobAfter(world, 1), await jobAfter(world, 1), await jobAfter(world, 1)] as const
    for (const stream of [streams[2], streams[0], streams[1]]) await pass(stream, 'iso.build')
    const due = (stream: StreamId) => ({ stream, name: 'iso.build' })
    expect(await dueDeadlines(world.db, 10)).toEqual([due(streams[2]), due(streams[0]), due(streams[1])])
    expect(await dueDeadlines(world.db, 2)).toEqual([due(streams[2]), due(streams[0])])
    expect(await nextDeadlineInMs(world.db)).toBeLessThan(0)
  })

  test('fire once, however many controllers try', async () => {
    const stream = await jobAfter(world, 1)
    await pass(stream, 'iso.build')
    const fire = () =>
      commit(world, stream, [{ type: 'iso.build.elapsed', data: {} }], { kind: 'deadline', stream, name: 'iso.build' })
    const answers = await Promise.allSettled([fire(), fire(), fire()])
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    const types = (await readStream(world.db, stream)).map(({ type }) => type)
    expect(types.filter((type) => type === 'iso.build.elapsed')).toHaveLength(1)
    expect(await dueDeadlines(world.db, 10)).toEqual([])
  })

  test('go with the state that armed them', async () => {
    const stream = await jobAfter(world, 1)
    await commit(world, stream, [{ type: 'cancel.requested', data: { reason: null } }])
    expect(await deadlinesOf(world.db, stream)).toEqual([])
    expect(await nextDeadlineInMs(world.db)).toBeNull()
  })
})
