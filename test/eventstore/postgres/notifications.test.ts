import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../../eventstore/postgres/database.ts'
import { type Notifications, startNotifications } from '../../../eventstore/postgres/notifications.ts'
import { openWorld, type World } from '../rig/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

const never = new AbortController().signal
/** Longer than a test may take: a wait that ends in time was woken. */
const timeoutMs = 120_000

test('an announcement wakes every waiter of the process', async () => {
  const waiters = [world.notifications.waiter(), world.notifications.waiter()]
  const waits = waiters.map((waiter) => waiter.wait({ timeoutMs, signal: never }))
  world.notifications.announce()
  await Promise.all(waits)
})

test('an announcement between looking and waiting is not lost', async () => {
  const theirs = await quietNotifications()
  const [early, late] = [theirs.waiter(), theirs.waiter()]
  const woken = early.wait({ timeoutMs, signal: never })
  world.notifications.announce()
  await woken
  // The one announcement has come and gone.
  await late.wait({ timeoutMs, signal: never })
  await theirs.close()
})

test('an announcement wakes once: the next wait is for the next one', async () => {
  const alone = await quietNotifications()
  const waiter = alone.waiter()
  waiter.wake()
  waiter.wake()
  await waiter.wait({ timeoutMs, signal: never })
  const startedAt = performance.now()
  await waiter.wait({ timeoutMs: 50, signal: never })
  expect(performance.now() - startedAt).toBeGreaterThan(40)
  await alone.close()
})

test('a rest outlasts announcements, which are one look afterwards; an end does not wait for it', async () => {
  const quiet = await quietNotifications()
  const waiter = quiet.waiter()
  waiter.wake()
  const startedAt = performance.now()
  await waiter.wait({ timeoutMs, restMs: 50, signal: never })
  expect(performance.now() - startedAt).toBeGreaterThan(40)
  await waiter.wait({ timeoutMs, restMs: timeoutMs, signal: AbortSignal.timeout(10) })
  await quiet.close()
})

test('an announcement of another process arrives', async () => {
  const other = connect({ url: world.url })
  const theirs = await startNotifications(other.raw, (error) => {
    throw error
  })
  const waiter = theirs.waiter()
  // LISTEN itself wakes once, because what came before it was missed.
  await waiter.wait({ timeoutMs: 0, signal: never })
  const woken = waiter.wait({ timeoutMs, signal: never })
  world.notifications.announce()
  await woken
  await theirs.close()
  await other.close()
})

test('a wait ends when its signal aborts, at once when it already has', async () => {
  const alone = await quietNotifications()
  const waiter = alone.waiter()
  const stopping = new AbortController()
  const waiting = waiter.wait({ timeoutMs, signal: stopping.signal })
  stopping.abort()
  await waiting
  await waiter.wait({ timeoutMs, signal: stopping.signal })
  await alone.close()
})

test('a waiter can be woken alone', async () => {
  const alone = await quietNotifications()
  const [one, other] = [alone.waiter(), alone.waiter()]
  const woken = one.wait({ timeoutMs, signal: never })
  let otherWoke = false
  const stopping = new AbortController()
  const waiting = other.wait({ timeoutMs, signal: stopping.signal }).then(() => {
    otherWoke = true
  })
  one.wake()
  await woken
  expect(otherWoke).toBe(false)
  stopping.abort()
  await waiting
  await alone.close()
})

test('a listener whose connection was ended listens again, and looks for what it missed', async () => {
  const waiter = world.notifications.waiter()
  await waiter.wait({ timeoutMs: 0, signal: never })
  const woken = waiter.wait({ timeoutMs, signal: never })
  const ended = await world.owner.raw`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()`
  expect(ended).toHaveLength(1)
  await woken
})

/** Notifications that nobody else in this file announces on, past the announcement of their own start. */
async function quietNotifications(): Promise<Notifications> {
  return startNotifications(world.raw, (error) => {
    throw error
  })
}
