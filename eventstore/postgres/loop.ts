/**
 * The one loop of a controller's background work: look, wait, look again, until it is stopped. It stands here because
 * the publisher needs it as well as the actors do, and `eventstore/` imports nothing of `actors/`; it waits for the
 * notifications beside it.
 */
import type { Waiter } from './notifications.ts'
import { pause } from './pause.ts'

export type LoopOptions = {
  /** From the end of one look to the beginning of the next. */
  readonly everyMs: number
  /** Its notifications end a wait early. The loop closes it. */
  readonly waiter?: Waiter
  /** The shortest wait, however much is announced. */
  readonly restMs?: number
  /** One look. The signal aborts when the loop is stopped. A number is this look's own `everyMs`. */
  readonly work: (signal: AbortSignal) => Promise<number | undefined>
  /**
   * Called with every error of a look before stop(); must not throw. A number is the wait before the next look in ms.
   */
  readonly onError: (error: unknown) => Promise<number> | number | undefined
}

export type Loop = {
  /** Aborts the signal; resolves when the look under way has ended. No further look begins. */
  readonly stop: () => Promise<void>
}

/** Looks at once and then again and again, also after a look that failed. */
export function startLoop({ everyMs, waiter, restMs = 0, work, onError }: LoopOptions): Loop {
  const stopping = new AbortController()
  const { signal } = stopping

  const look = async (): Promise<number> => {
    try {
      return (await work(signal)) ?? everyMs
    } catch (error) {
      return (signal.aborted ? undefined : await onError(error)) ?? everyMs
    }
  }

  const looking = (async () => {
    while (!signal.aborted) {
      const waitMs = await look()
      await (waiter?.wait({ timeoutMs: waitMs, restMs, signal }) ?? pause(waitMs, signal))
    }
    waiter?.close()
  })()

  return {
    stop: async () => {
      stopping.abort(new Error('the controller is stopping'))
      await looking
    },
  }
}
