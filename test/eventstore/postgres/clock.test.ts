// The database's time without asking each time. The process's clocks are given by the test, the database is real.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDatabaseClock, databaseNow } from '../../../eventstore/postgres/clock.ts'
import { openWorld, type World } from '../rig/world.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

function clockWith(counted: number, set: number) {
  const local = { counted, set }
  const now = createDatabaseClock(world.db, { counted: () => local.counted, set: () => local.set })
  return { local, now: async () => Date.parse(await now()) }
}

test('between two answers of the database, time passes as it is counted', async () => {
  const { local, now } = clockWith(5000, 70_000)
  const first = await now()
  local.counted += 999
  local.set += 999
  expect(await now()).toBe(first + 999)
})

test.each([
  ['the machine was set an hour ahead', { counted: 500, set: 3_600_500 }],
  ['the machine was set an hour back', { counted: 500, set: -3_599_500 }],
  ['the machine was suspended', { counted: 0, set: 60_000 }],
  ['the answer is old', { counted: 100_000, set: 100_000 }],
])('the database is asked again when %s', async (_reason, passed) => {
  const { local, now } = clockWith(0, 0)
  const first = await now()
  local.counted += passed.counted
  local.set += passed.set
  const asked = await now()
  expect(asked).toBeGreaterThanOrEqual(first)
  expect(asked).toBeLessThanOrEqual(Date.parse(await databaseNow(world.db)))
})

test('a question that fails is no answer: the next one asks', async () => {
  const { now } = clockWith(0, 0)
  await world.owner.raw`select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and datname = current_database()`
  await now().catch((error: unknown) => expect(error).toBeInstanceOf(Error))
  expect(await now()).toBeGreaterThan(0)
})
