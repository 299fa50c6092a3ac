/** One at a time per key, in the order of asking. */

export type KeyedMutex = {
  /**
   * Runs `work` when everybody who asked before for the same key is done.
   * @throws the signal's reason when it aborts while waiting; `work` is then never run.
   */
  readonly run: <Result>(key: string, signal: AbortSignal, work: () => Promise<Result>) => Promise<Result>
}

export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<void>>()
  return {
    run: async (key, signal, work) => {
      const before = tails.get(key) ?? Promise.resolve()
      const { promise: done, resolve: release } = Promise.withResolvers<void>()
      const tail = before.then(() => done)
      tails.set(key, tail)
      try {
        await aborted(signal, before)
        return await work()
      } finally {
        release()
        if (tails.get(key) === tail) tails.delete(key)
      }
    },
  }
}

/** Waits for `before`, or rejects with the signal's reason if that comes first. */
async function aborted(signal: AbortSignal, before: Promise<void>): Promise<void> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([before, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
