/** Time as services see it: handed in, so that tests decide how long a second is. */
import { setTimeout as timer } from 'node:timers/promises'

export type Timing = {
  /** A monotonic clock in milliseconds. */
  readonly now: () => number
  /** @throws the signal's reason when it aborts. */
  readonly delay: (delayMs: number, signal: AbortSignal) => Promise<void>
}

export const realTiming: Timing = {
  now: () => performance.now(),
  delay: async (delayMs, signal) => {
    try {
      await timer(delayMs, undefined, { signal })
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  },
}

/** Runs `work` and says how long it took, in whole milliseconds. */
export async function timed<Result>(
  timing: Timing,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly elapsed_ms: number }> {
  const startedAt = timing.now()
  const result = await work()
  return { result, elapsed_ms: Math.round(timing.now() - startedAt) }
}
