/** One at a time per key, in the order of asking. */

export type KeyedMutex = {
  /**
   * Runs `work` when all earlier calls for any of the same keys have ended. A call takes its places in all lines at once, so
   * that no deadlock can arise.
   * @throws the signal's reason when it aborts while waiting; `work` is then never run.
   */
  readonly run: <Result>(
    keys: readonly string[],
    work: () => Promise<Result>,
    options?: { readonly signal: AbortSignal },
  ) => Promise<Result>
}

/** A mutex of this process; its keys are free when no call holds or awaits them. */
export function createKeyedMutex(): KeyedMutex {
  const tails = new Map<string, Promise<unknown>>()
  return {
    run: async (keys, work, { signal } = { signal: neverAborted }) => {
      const before = Promise.all(keys.map((key) => tails.get(key)))
      const { promise: done, resolve: release } = Promise.withResolvers<void>()
      const tail = before.then(() => done)
      for (const key of keys) tails.set(key, tail)
      try {
        await unlessAborted(signal, before)
        return await work()
      } finally {
        release()
        for (const key of keys) if (tails.get(key) === tail) tails.delete(key)
      }
    },
  }
}

const neverAborted = new AbortController().signal

/** Waits for `before`, or rejects with the signal's reason if that comes first. */
async function unlessAborted(signal: AbortSignal, before: Promise<unknown>): Promise<void> {
  signal.throwIfAborted()
  if (signal === neverAborted) return void (await before)
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    await Promise.race([before, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
