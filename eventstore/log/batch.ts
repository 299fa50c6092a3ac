/**
 * Many small questions as few large ones: what is asked while answers are under way waits for them and then goes together.
 * A single question waits for nothing. With a fleet under way the statements, not the rows, are what reading costs.
 */

export type BatchOptions<Item, Answer> = {
  /** Answers all items, in their order. An error is every item's. */
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
    // At the end of this turn, so that who asks several at once has them sent together.
    if (queue.length === 1) queueMicrotask(pump)
    return promise
  }
}
