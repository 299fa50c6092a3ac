/** Retries: the pure decision if and when a request is repeated, and the loop around it. */

import type { RetryPolicy, Surroundings } from '../options.ts'
import { aborted } from '../wire/fault.ts'
import { needsPatience, type Outcome, retryability } from './outcome.ts'

/**
 * The condition for repeating a request:
 * - `always`: it is idempotent (reads, logins).
 * - `after-look`: it is idempotent, but the client first looks for the effect of the earlier attempt.
 * - `if-nothing-happened`: the failed attempt provably did nothing (a reset; spec/job.md).
 * - `never`: one attempt (a ping: its caller paces itself).
 */
export type Repeat = 'always' | 'after-look' | 'if-nothing-happened' | 'never'

export type RetryDecision =
  | { readonly kind: 'give-up' }
  | { readonly kind: 'again'; readonly delayMs: number }
  /** Look first; send again only if the look finds nothing and `again` holds. */
  | { readonly kind: 'look'; readonly delayMs: number; readonly again: boolean }

/**
 * Exponential back-off with full jitter, at least as long as `Retry-After` asks (up to the policy's bound), bounded
 * by attempts. The time budget is the caller's signal, which ends the pause.
 *
 * The look comes even after the last attempt: a BMC that timed out three times may well have done its work
 * (quirks.md 6).
 */
export function decideRetry(
  outcome: Outcome,
  attempt: {
    readonly number: number
    readonly repeat: Repeat
    readonly policy: RetryPolicy
    readonly random: () => number
  },
): RetryDecision {
  const { attemptsMax, patientAttemptsMax } = attempt.policy
  const left = attempt.number < (needsPatience(outcome) ? Math.max(attemptsMax, patientAttemptsMax) : attemptsMax)
  const kind = retryability(outcome)
  if (kind === 'final' || attempt.repeat === 'never') return { kind: 'give-up' }
  const delayMs = delayBefore(outcome, attempt)
  if (kind === 'ambiguous' && attempt.repeat === 'if-nothing-happened') return { kind: 'give-up' }
  // Also after "busy": the BMC may be busy with an earlier attempt.
  if (attempt.repeat === 'after-look' && wasReached(outcome)) return { kind: 'look', delayMs, again: left }
  return left ? { kind: 'again', delayMs } : { kind: 'give-up' }
}

/** True when the BMC got the request and did not drop it as one too many. */
function wasReached(outcome: Outcome): boolean {
  return outcome.kind === 'fault' ? outcome.fault.sent : outcome.status !== 429
}

function delayBefore(
  outcome: Outcome,
  attempt: { readonly number: number; readonly policy: RetryPolicy; readonly random: () => number },
): number {
  const { policy } = attempt
  const ceiling = Math.min(policy.delayMaxMs, policy.delayMinMs * 2 ** (attempt.number - 1))
  const jittered = Math.floor(attempt.random() * ceiling)
  const asked = outcome.kind === 'refusal' ? (outcome.retryAfterMs ?? 0) : 0
  return Math.max(jittered, Math.min(asked, policy.retryAfterMaxMs))
}

export type RetryResult<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'failed'; readonly outcome: Outcome; readonly attempts: number }

/**
 * Runs attempts until one is done or the policy gives up. `look` gives a value when an attempt had its effect although
 * its answer was lost or an error, else null. Rejects only with errors of `attempt`, `look` and the pause.
 */
export async function withRetries<T>(run: {
  readonly attempt: (number: number) => Promise<{ readonly kind: 'done'; readonly value: T } | Outcome>
  readonly look?: () => Promise<T | null>
  readonly repeat: Repeat
  readonly policy: RetryPolicy
  readonly surroundings: Surroundings
  readonly signal: AbortSignal
}): Promise<RetryResult<T>> {
  const { policy, surroundings, repeat, signal } = run
  for (let number = 1; ; number++) {
    const result = await run.attempt(number)
    if (result.kind === 'done') return result
    const decision = decideRetry(result, { number, repeat, policy, random: surroundings.random })
    if (decision.kind === 'give-up') return { kind: 'failed', outcome: result, attempts: number }
    await pause(surroundings, { delayMs: decision.delayMs, signal })
    if (decision.kind === 'look') {
      const value = run.look === undefined ? null : await run.look()
      if (value !== null) return { kind: 'done', value }
      if (!decision.again) return { kind: 'failed', outcome: result, attempts: number }
    }
  }
}

/** Sleeps; rejects with an `aborted` fault as soon as the signal does. */
export async function pause(
  surroundings: Pick<Surroundings, 'sleep'>,
  wait: { readonly delayMs: number; readonly signal: AbortSignal },
): Promise<void> {
  try {
    if (!wait.signal.aborted) await surroundings.sleep(wait.delayMs, wait.signal)
  } catch (error) {
    if (!wait.signal.aborted) throw error
  }
  if (wait.signal.aborted) throw aborted(wait.signal)
}
