import type { TransactionSql } from 'postgres'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readStream } from '../../../eventstore/log/read.ts'
import {
  beginning,
  type Checkpoint,
  readCheckpoint,
  readLag,
  readTail,
  saveCheckpoint,
  type TailedEvent,
} from '../../../eventstore/log/tail.ts'
import type { StreamId } from '../../../machines/kinds.ts'
import { commit, jobAfter, openWorld, progress, type World } from '../rig/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

test('an event is not read before one that was given an earlier place and commits later', async () => {
  const first = await jobAfter(world, 9)
  const second = await jobAfter(world, 9)
  await everythingFrom(beginning)
  const read = await endOfTail()
  // What an append does, up to the moment before its commit.
  const slow = Promise.withResolvers<void>()
  const inserted = Promise.withResolvers<void>()
  const committing = world.owner.raw.begin(async (tx) => {
    await insertNext(tx, first)
    inserted.resolve()
    await slow.promise
  })
  await inserted.promise
  await commit(world, second, [progress(2)])
  expect(await readTail(world.db, read, 100)).toEqual([])
  expect(await readLag(world.db, read)).toMatchObject({ events: 1 })
  slow.resolve()
  await committing
  const late = await everythingFrom(read, 2)
  expect(late.map(({ event }) => event.stream)).toEqual([first, second])
})

test('a reader that keeps up with many writers gets every event once, each stream in the order of its versions', async () => {
  const streams = await Promise.all(Array.from({ length: 6 }, () => jobAfter(world, 9)))
  const idle = await jobAfter(world, 0)
  const writing = Promise.all([
    ...streams.flatMap((stream, index) =>
      [0, 1].map(async () => {
        for (let percent = 0; percent < 8; percent += 1) await commit(world, stream, [progress(percent + index)])
      }),
    ),
    // Two streams in one commit, and transactions that are rolled back: their positions stay empty.
    (async () => {
      for (let round = 0; round < 5; round += 1) await jobAfter(world, round)
    })(),
    (async () => {
      for (let round = 0; round < 10; round += 1) await expect(rolledBack(idle)).rejects.toThrow('never mind')
    })(),
  ])
  let written = false
  void writing.then(() => {
    written = true
  })
  const read: TailedEvent[] = []
  let at = beginning
  for (;;) {
    const last = written
    const page = await readTail(world.db, at, 7)
    read.push(...page)
    at = page.at(-1)?.checkpoint ?? at
    const { events } = await readLag(world.db, at)
    if (last && events === 0) break
  }
  await writing
  const stored = await world.owner.raw<{ id: string }[]>`select id from events`
  expect(read.map(({ event }) => event.id).toSorted()).toEqual(stored.map(({ id }) => id).toSorted())
  for (const stream of new Set(read.map(({ event }) => event.stream))) {
    const versions = read.filter(({ event }) => event.stream === stream).map(({ event }) => event.version)
    expect(versions).toEqual((await readStream(world.db, stream)).map(({ version }) => version))
  }
  const places = read.map(({ checkpoint }) => [BigInt(checkpoint.xid), BigInt(checkpoint.position)] as const)
  for (const [index, [xid, position]] of places.entries()) {
    const before = places[index - 1]
    if (before) expect(before[0] < xid || (before[0] === xid && before[1] < position)).toBe(true)
  }
})

test('reading goes on behind any event of a commit, with the rest of that commit', async () => {
  await jobAfter(world, 3)
  const all = await everythingFrom(beginning)
  for (const [index, { checkpoint }] of all.entries()) {
    expect(await readTail(world.db, checkpoint, 100)).toEqual(all.slice(index + 1))
  }
})

test('a checkpoint is the beginning until it is saved, and then what was saved last', async () => {
  expect(await readCheckpoint(world.db, 'reader')).toEqual(beginning)
  const far = { xid: '18446744073709551615', position: '9223372036854775807' }
  for (const checkpoint of [far, { xid: '12', position: '3' }]) {
    await saveCheckpoint(world.db, 'reader', checkpoint)
    expect(await readCheckpoint(world.db, 'reader')).toEqual(checkpoint)
  }
  expect(await readCheckpoint(world.db, 'another')).toEqual(beginning)
})

test('the lag counts what is behind a checkpoint and says how long the oldest waits', async () => {
  expect(await readLag(world.db, beginning)).toEqual({ events: 0, seconds: 0 })
  await jobAfter(world, 0)
  const lag = await readLag(world.db, beginning)
  expect(lag.events).toBe(3)
  expect(lag.seconds).toBeGreaterThan(0)
  expect(lag.seconds).toBeLessThan(20)
  expect(await readLag(world.db, await endOfTail())).toEqual({ events: 0, seconds: 0 })
})

/** Reads until `count` events came, or until nothing is left; transactions of other databases delay what is visible. */
async function everythingFrom(after: Checkpoint, count?: number): Promise<TailedEvent[]> {
  for (;;) {
    const page = await readTail(world.db, after, 1000)
    const { events } = await readLag(world.db, after)
    if (count === undefined ? page.length === events : page.length >= count) return page
  }
}

async function endOfTail(): Promise<Checkpoint> {
  return (await everythingFrom(beginning)).at(-1)?.checkpoint ?? beginning
}

/** What an append does first, without its consequences. */
async function insertNext(tx: TransactionSql, stream: StreamId): Promise<void> {
  await tx`
    insert into events (id, stream, version, type, schema_version, data, state_to, machine, machine_version, at, actor, hash)
    select gen_random_uuid(), stream, version + 1, 'progress.reported', 1, data, state_to, machine, machine_version, at, actor, hash
    from events where stream = ${stream} order by version desc limit 1`
}

function rolledBack(stream: StreamId): Promise<unknown> {
  return world.owner.raw.begin(async (tx) => {
    await insertNext(tx, stream)
    throw new Error('never mind')
  })
}
