// One writer per BMC, within a process and over several.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createBmcWriters, WriterLost } from '../../../actors/bmcs/writers.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { bmcWriters } from '../../../eventstore/schema.ts'
import { freshDatabase } from '../../rig/postgres.ts'

const serial = 'SN-0001'
const never = new AbortController().signal
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

async function controllers({ ttlMs = 60_000 } = {}) {
  const { url } = await freshDatabase()
  const { db } = connect({ url, poolMax: 4 })
  const controller = (owner: string) => createBmcWriters({ db, owner, ttlMs, log })
  return { db, a: controller('a'), b: controller('b') }
}

/** Work that is under way until it is told to end. */
function work() {
  const begun = Promise.withResolvers<AbortSignal>()
  const end = Promise.withResolvers<string>()
  return {
    begun: begun.promise,
    end: end.resolve,
    run: async (signal: AbortSignal) => {
      begun.resolve(signal)
      signal.addEventListener('abort', () => end.resolve('aborted'))
      return end.promise
    },
  }
}

test('a second controller writes when the first has ended, not before', async () => {
  const { a, b } = await controllers()
  const first = work()
  const order: string[] = []
  const one = a.run(serial, never, first.run).then(() => order.push('a'))
  await first.begun
  const two = b.run(serial, never, async () => order.push('b'))
  first.end('done')
  await Promise.all([one, two])
  expect(order).toEqual(['a', 'b'])
})

test('work on another BMC waits for nobody', async () => {
  const { a, b } = await controllers()
  const first = work()
  const one = a.run(serial, never, first.run)
  await first.begun
  expect(await b.run('SN-0002', never, async () => 'done')).toBe('done')
  first.end('done')
  await one
})

test('the right is given back also when the work fails', async () => {
  const { a, b } = await controllers()
  await expect(a.run(serial, never, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(await b.run(serial, never, async () => 'done')).toBe('done')
})

test('who waits for the right stops waiting when its effect is withdrawn, and its work is never run', async () => {
  const { a, b } = await controllers()
  const first = work()
  const one = a.run(serial, never, first.run)
  await first.begun
  const withdrawn = new AbortController()
  const two = b.run(serial, withdrawn.signal, () => Promise.reject(new Error('must not run')))
  withdrawn.abort(new Error('withdrawn'))
  await expect(two).rejects.toThrow('withdrawn')
  first.end('done')
  await one
})

test('who has the right is told whether anybody else has had it since', async () => {
  const { a, b } = await controllers()
  const aloneIn = (writers: typeof a, server = serial) =>
    writers.run(server, never, async (_signal, { alone }) => alone)
  // Nobody was there before the first.
  expect(await aloneIn(a)).toBe(true)
  expect(await aloneIn(a)).toBe(true)
  expect(await aloneIn(b)).toBe(false)
  expect(await aloneIn(b, 'SN-0002')).toBe(true)
  expect(await aloneIn(a)).toBe(false)
  expect(await aloneIn(a)).toBe(true)
})

test('a right that ran out is taken over, and who had it is told to stop', async () => {
  const { a, b, db } = await controllers({ ttlMs: 300 })
  const first = work()
  const one = a.run(serial, never, first.run)
  const signal = await first.begun
  // As if the first process had stood still: somebody else has the right now.
  await db.update(bmcWriters).set({ owner: 'b' })
  await expect(one).rejects.toThrow(WriterLost)
  expect(signal.aborted).toBe(true)
  expect(await b.run(serial, never, async () => 'done')).toBe('done')
})

test('a process that stood still until its right ran out writes nothing more, before any timer tells it so', async () => {
  const ttlMs = 1000
  const { a } = await controllers({ ttlMs })
  const one = a.run(serial, never, async (signal) => {
    expect(a.mayWrite(serial)).toBe(true)
    // Nothing of this process runs meanwhile, as while it is stopped.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ttlMs + 100)
    expect(signal.aborted).toBe(false)
    expect(a.mayWrite(serial)).toBe(false)
    expect(signal.reason).toBeInstanceOf(WriterLost)
    return 'whatever it did'
  })
  await expect(one).rejects.toThrow(WriterLost)
  // The right is free again, or has run out: it is to be had anew.
  expect(await a.run(serial, never, async () => a.mayWrite(serial))).toBe(true)
})

test('a right that is renewed lasts as long as the work', async () => {
  const ttlMs = 2000
  const { a } = await controllers({ ttlMs })
  const first = work()
  const one = a.run(serial, never, first.run)
  await first.begun
  // Without a renewal it would have run out by then.
  await delay(1.5 * ttlMs)
  expect(a.mayWrite(serial)).toBe(true)
  first.end('done')
  expect(await one).toBe('done')
})
