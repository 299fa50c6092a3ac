/**
 * Batches small queries: items that callers ask for while as many batches as allowed are under way are queued and go
 * together in the next one. A single item does not wait. With a fleet under way, the number of statements determines
 * the cost of reading, not the number of rows.
 */

export type BatchOptions<Item, Answer> = {
  /** Answers all items, in their order. An error rejects every item. */
  readonly answerAll: (items: readonly Item[]) => Promise<readonly Answer[]>
  readonly itemsMax: number
  readonly underWayMax: number
}

type Waiting<Item, Answer> = { readonly item: Item } & Pick<PromiseWithResolvers<Answer>, 'resolve' | 'reject'>

/** The queue is unbounded; callers must bound their own concurrency. */
export function createBatch<Item, Answer>(options: BatchOptions<Item, Answer>): (item: Item) => Promise<Answer> {
  const { answerAll, itemsMax, underWayMax } = options
  const queue: Waiting<Item, Answer>[] = []
  let underWay = 0

  const send = async (group: readonly Waiting<Item, Answer>[]): Promise<void> => {
    try {
      const answers = await answerAll(group.map(({ item }) => item))
      if (answers.length !== group.length) throw new Error(`${answers.length} answers to ${group.length} questions`)
      for (const [index, { resolve }] of group.entries()) resolve(answers[index] as Answer)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
  const pump = () => {
    while (underWay < underWayMax && queue.length > 0) {
      underWay += 1
      void send(queue.splice(0, itemsMax)).finally(() => {
        underWay -= 1
        pump()
      })
    }
  }

  return (item) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    queue.push({ item, resolve, reject })
    // In a microtask, so that all items that a caller asks for in this turn are sent together.
    if (queue.length === 1) queueMicrotask(pump)
    return promise
  }
}
