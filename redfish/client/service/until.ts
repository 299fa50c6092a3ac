/** Waits for a state to show: look, pause, look again, within a bound. */
import { BmcError } from '../../failure.ts'
import type { Call } from '../call.ts'
import type { Service } from './service.ts'

export type Wait = {
  readonly timeoutMs: number
  readonly pollMs: number
  /** The pauses grow by half up to this; all are `pollMs` by default. */
  readonly pollMsMax?: number
  /** True for a state that never shows at once: the first look comes after the first pause. */
  readonly startsWithPause?: boolean
}

/**
 * Calls `look` until it gives a value or the time is over (null then). The pauses count as well as the clock, so that
 * the wait ends even when the clock stands still. Rejects with errors of `look`, and when the call's signal aborts.
 */
export async function until<T>(
  service: Service,
  call: Call,
  wait: Wait,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const startedMs = service.now()
  let pauseMs = wait.pollMs
  let pausedMs = 0
  for (let looks = wait.startsWithPause === true && wait.pollMs <= wait.timeoutMs ? 0 : 1; ; looks += 1) {
    const found = looks === 0 ? null : await look()
    if (found !== null) return found
    if (Math.max(pausedMs, service.now() - startedMs) + pauseMs > wait.timeoutMs) return null
    await service.pause(call, pauseMs)
    pausedMs += pauseMs
    pauseMs = Math.min(pauseMs * 1.5, wait.pollMsMax ?? wait.pollMs)
  }
}

/** Runs a look at a BMC that may be restarting: a retriable failure gives null, other failures are rethrown. */
export async function ifAnswering<T>(look: () => Promise<T>): Promise<T | null> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof BmcError && error.failure.retry) return null
    throw error
  }
}
