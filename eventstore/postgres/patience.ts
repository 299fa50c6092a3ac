/** Retries of a query for callers that cannot retry themselves, as a BMC that fetches an image cannot. */
import { setTimeout as delay } from 'node:timers/promises'
import { isOutage } from './sql-error.ts'

const askEveryMs = 250

/**
 * Retries until the database answers, for a limited time and until the signal aborts.
 * @throws the last error after that time, and any error that is not the database's at once.
 */
export async function throughOutage<Answer>(
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const giveUpAt = performance.now() + patienceMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (!isOutage(error) || signal.aborted || performance.now() + askEveryMs > giveUpAt) throw error
      await delay(askEveryMs, undefined, { signal })
    }
  }
}
