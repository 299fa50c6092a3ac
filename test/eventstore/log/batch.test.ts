/** Questions that arrive while others are under way go together. */
import { expect, test } from 'vitest'
import { createBatch } from '../../../eventstore/log/batch.ts'

/** Answers only when told to, and remembers what was asked together. */
function slowly(options: { readonly itemsMax: number; readonly underWayMax: number }) {
  const groups: (readonly number[])[] = []
  const open: PromiseWithResolvers<void>[] = []
  const ask = createBatch<number, string>({
    ...options,
    answerAll: async (items) => {
      groups.push(items)
      const gate = Promise.withResolvers<void>()
      open.push(gate)
      await gate.promise
      return items.map((item) => `answer ${item}`)
    },
  })
  return { ask, groups, open }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a question alone goes at once, those that come meanwhile go together, and each has its own answer', async () => {
  const { ask, groups, open } = slowly({ itemsMax: 3, underWayMax: 1 })
  const first = ask(1)
  await settled()
  const later = [2, 3, 4, 5].map(ask)
  await settled()
  expect(groups).toEqual([[1]])
  open[0]?.resolve()
  expect(await first).toBe('answer 1')
  await settled()
  expect(groups).toEqual([[1], [2, 3, 4]])
  open[1]?.resolve()
  await settled()
  open[2]?.resolve()
  expect(await Promise.all(later)).toEqual(['answer 2', 'answer 3', 'answer 4', 'answer 5'])
  expect(groups).toEqual([[1], [2, 3, 4], [5]])
})

test('as many groups are under way as may be', async () => {
  const { ask, groups, open } = slowly({ itemsMax: 1, underWayMax: 2 })
  const answers = [1, 2, 3].map(ask)
  await settled()
  expect(groups).toEqual([[1], [2]])
  open[1]?.resolve()
  await settled()
  expect(groups).toEqual([[1], [2], [3]])
  for (const { resolve } of open) resolve()
  expect(await Promise.all(answers)).toHaveLength(3)
})

test('a group that fails, or is answered in part, fails for all of it, and the next is asked all the same', async () => {
  const answers: (() => Promise<readonly string[]>)[] = [
    async () => {
      throw new Error('the connection was lost')
    },
    async () => ['one'],
    async () => ['one', 'two'],
  ]
  const ask = createBatch<number, string>({
    itemsMax: 2,
    underWayMax: 1,
    answerAll: () => answers.shift()?.() ?? Promise.resolve([]),
  })
  const results = await Promise.allSettled([1, 2, 3, 4, 5, 6].map(ask))
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message))).toEqual([
    'the connection was lost',
    'the connection was lost',
    '1 answers to 2 questions',
    '1 answers to 2 questions',
    'one',
    'two',
  ])
})
