/** One at a time per key. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createKeyedMutex } from '../../actors/keyed-mutex.ts'

test('work of one key is done one after the other, in the order of asking', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), fails: fc.boolean() }), { maxLength: 12 }),
      fc.scheduler(),
      async (jobs, scheduler) => {
        const { run } = createKeyedMutex()
        const inside = new Map<string, number>()
        const done = new Map<string, number[]>()
        const all = jobs.map(({ key, fails }, index) =>
          run([key], async () => {
            expect(inside.get(key) ?? 0).toBe(0)
            inside.set(key, 1)
            await scheduler.schedule(Promise.resolve())
            inside.set(key, 0)
            done.set(key, [...(done.get(key) ?? []), index])
            if (fails) throw new Error('the work failed')
          }).catch((error: Error) => expect(error.message).toBe('the work failed')),
        )
        await scheduler.waitFor(Promise.all(all))
        for (const order of done.values()) expect(order).toEqual(order.toSorted((one, other) => one - other))
        expect([...done.values()].flat()).toHaveLength(jobs.length)
      },
    ),
    { numRuns: 60 },
  )
})

test('another key does not wait', async () => {
  const { run } = createKeyedMutex()
  const held = Promise.withResolvers<void>()
  const first = run(['a'], () => held.promise)
  expect(await run(['b'], async () => 'done')).toBe('done')
  held.resolve()
  await first
})

test('who asks for several keys waits for all who have any of them, and nobody waits in a circle', async () => {
  const { run } = createKeyedMutex()
  const held = Promise.withResolvers<void>()
  const ran: string[] = []
  const first = run(['a'], () => held.promise)
  const both = run(['b', 'a'], async () => void ran.push('b and a'))
  const turned = run(['a', 'b'], async () => void ran.push('a and b'))
  const one = run(['b'], async () => void ran.push('b'))
  expect(await run(['c'], async () => ran.length)).toBe(0)
  held.resolve()
  await Promise.all([first, both, turned, one])
  expect(ran).toEqual(['b and a', 'a and b', 'b'])
})

test('who gives up while waiting is never run, and those behind wait for those before', async () => {
  const { run } = createKeyedMutex()
  const held = Promise.withResolvers<void>()
  const ran: string[] = []
  const first = run(['a'], async () => {
    await held.promise
    ran.push('first')
  })
  const giveUp = new AbortController()
  const second = run(['a'], async () => void ran.push('second'), { signal: giveUp.signal })
  const third = run(['a'], async () => void ran.push('third'))
  giveUp.abort(new Error('withdrawn'))
  await expect(second).rejects.toThrow('withdrawn')
  expect(ran).toEqual([])
  held.resolve()
  await Promise.all([first, third])
  expect(ran).toEqual(['first', 'third'])
})

test('a signal that has aborted before is not waited with', async () => {
  const { run } = createKeyedMutex()
  const ran: string[] = []
  const aborted = AbortSignal.abort(new Error('too late'))
  await expect(run(['a'], async () => void ran.push('work'), { signal: aborted })).rejects.toThrow('too late')
  expect(ran).toEqual([])
  expect(await run(['a'], async () => 'free')).toBe('free')
})
