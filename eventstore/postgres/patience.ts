/** For who cannot ask again, as a BMC that fetches an image cannot: a question waits until the database is back. */
import { setTimeout as delay } from 'node:timers/promises'
import { isOutage } from './sql-error.ts'

const askEveryMs = 250

/**
 * Asks until the database answers, for at most so long and not after the signal; then, or when anything else is wrong, throws
 * what was said last.
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
