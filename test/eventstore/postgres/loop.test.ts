import { once } from 'node:events'
import { expect, test } from 'vitest'
import { startLoop } from '../../../eventstore/postgres/loop.ts'
import type { Waiter } from '../../../eventstore/postgres/notifications.ts'

/** Longer than a test may take: a look that follows was not waited for so long. */
const everyMs = 120_000
const nothing = () => undefined

/** Ends every wait at once, or when it is told to, and remembers what was asked of it. */
function handWaiter(wait: Waiter['wait']): Waiter & { readonly waits: number[]; readonly isClosed: () => boolean } {
  const waits: number[] = []
  let closed = false
  return {
    waits,
    isClosed: () => closed,
    wait: async (options) => {
      waits.push(options.timeoutMs)
      await wait(options)
    },
    wake: () => {},
    close: () => {
      closed = true
    },
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

test('a look that fails is told of, and the loop goes on', async () => {
  const heard: unknown[] = []
  const again = Promise.withResolvers<void>()
  const broken = new Error('no answer')
  const loop = startLoop({
    everyMs: 0,
    work: async () => {
      if (heard.length === 0) throw broken
      again.resolve()
    },
    onError: (error) => {
      heard.push(error)
    },
  })
  await again.promise
  await loop.stop()
  expect(heard).toEqual([broken])
})

test('stop aborts the signal of the look under way and waits for its end; no other look begins', async () => {
  const begun = Promise.withResolvers<void>()
  const mayEnd = Promise.withResolvers<void>()
  const said: string[] = []
  const loop = startLoop({
    everyMs: 0,
    work: async (signal) => {
      said.push('look')
      begun.resolve()
      await untilAborted(signal)
      said.push('aborted')
      await mayEnd.promise
      said.push('end')
    },
    onError: nothing,
  })
  await begun.promise
  const stopped = loop.stop().then(() => said.push('stopped'))
  mayEnd.resolve()
  await stopped
  expect(said).toEqual(['look', 'aborted', 'end', 'stopped'])
})

test('a look that fails because the loop was stopped is no error', async () => {
  const heard: unknown[] = []
  const begun = Promise.withResolvers<void>()
  const loop = startLoop({
    everyMs,
    work: async (signal) => {
      begun.resolve()
      await untilAborted(signal)
      signal.throwIfAborted()
    },
    onError: (error) => {
      heard.push(error)
    },
  })
  await begun.promise
  await loop.stop()
  expect(heard).toEqual([])
})

test('stop ends a wait', async () => {
  const looked = Promise.withResolvers<void>()
  const loop = startLoop({
    everyMs,
    work: async () => {
      looked.resolve()
    },
    onError: nothing,
  })
  await looked.promise
  await loop.stop()
})

test('a waiter ends waits early, and is closed at the end', async () => {
  let looks = 0
  const waiter = handWaiter(async ({ signal }) => {
    if (looks === 3) await untilAborted(signal)
  })
  const third = Promise.withResolvers<void>()
  const loop = startLoop({
    everyMs,
    waiter,
    work: async () => {
      looks += 1
      if (looks === 3) third.resolve()
    },
    onError: nothing,
  })
  await third.promise
  expect(waiter.isClosed()).toBe(false)
  await loop.stop()
  expect(waiter.isClosed()).toBe(true)
})

test('a look, and what hears of its failure, may say how long the next wait is', async () => {
  const outcomes = [async () => 7, async () => nothing(), () => Promise.reject(new Error('busy'))]
  const all = Promise.withResolvers<void>()
  const waiter = handWaiter(async ({ signal }) => {
    if (outcomes.length > 0) return
    all.resolve()
    await untilAborted(signal)
  })
  const loop = startLoop({ everyMs, waiter, work: async () => outcomes.shift()?.(), onError: () => 11 })
  await all.promise
  await loop.stop()
  expect(waiter.waits).toEqual([7, everyMs, 11])
})
