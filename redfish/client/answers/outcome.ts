/** The outcome of one attempt, and the failure that the last one becomes. Pure. */
import type { BmcFailure } from '../../failure.ts'
import { type MessageRow, messageRow } from '../quirks/messages.ts'
import type { Fault } from '../wire/fault.ts'
import { type ErrorSummary, messageKey } from './error-body.ts'

export type Outcome =
  | { readonly kind: 'fault'; readonly fault: Fault }
  | {
      readonly kind: 'refusal'
      readonly status: number
      readonly error: ErrorSummary
      readonly retryAfterMs: number | null
    }

/**
 * - `final`: a retry changes nothing.
 * - `nothing-happened`: worth a retry, and the BMC provably did not act: there was no connection, or the BMC said that it
 *   is not ready, overloaded or locked.
 * - `ambiguous`: worth a retry, but the BMC may have acted (quirks.md 1.3).
 */
export type Retryability = 'final' | 'nothing-happened' | 'ambiguous'

/** 501 and 505 name a lack, not a state. */
const PERMANENT_5XX: ReadonlySet<number> = new Set([501, 505])

/** Classifies an outcome by fault, message id and status (spec/redfish.md "Retries", quirks.md 10 and 15). */
export function retryability(outcome: Outcome): Retryability {
  if (outcome.kind === 'fault') {
    if (!outcome.fault.failure.retry) return 'final'
    return outcome.fault.sent ? 'ambiguous' : 'nothing-happened'
  }
  const row = rowOf(outcome.error)
  if (row?.retry === 'never') return 'final'
  if (row?.retry === 'later') return 'nothing-happened'
  if (row?.retry === 'after-a-look') return 'ambiguous'
  if (outcome.status === 429 || outcome.status === 503) return 'nothing-happened'
  if (outcome.status === 408 || (outcome.status >= 500 && !PERMANENT_5XX.has(outcome.status))) return 'ambiguous'
  return 'final'
}

/** True for a state that passes by itself in minutes, so that it is worth more attempts than usual (quirks.md 8, 9). */
export function needsPatience(outcome: Outcome): boolean {
  return outcome.kind === 'refusal' && rowOf(outcome.error)?.patient === true
}

function rowOf(error: ErrorSummary): MessageRow | null {
  const ids = [error.messageId, ...error.messages.map(({ id }) => id)].filter((id) => id !== null)
  const texts = [error.message, ...error.messages.map(({ text }) => text)].filter((text) => text !== null)
  return messageRow({ keys: ids.map(messageKey), texts })
}

/** The failure that an operation reports after this outcome as its last. */
export function failureOf(outcome: Outcome): BmcFailure {
  if (outcome.kind === 'fault') return outcome.fault.failure
  const { status, error, retryAfterMs } = outcome
  const row = rowOf(error)
  const problem = row === null ? {} : { problem: row.problem }
  if (status === 401) return { kind: 'unauthorized', retry: false, status, ...problem }
  const messageId = error.messageId === null ? {} : { messageId: error.messageId }
  if (retryability(outcome) !== 'final') {
    return {
      kind: 'busy',
      retry: true,
      status,
      ...(retryAfterMs === null ? {} : { retryAfterMs }),
      ...messageId,
      ...problem,
    }
  }
  const message = error.message === null ? {} : { message: error.message }
  return { kind: 'refused', retry: false, status, ...messageId, ...message, related: error.related, ...problem }
}

/**
 * Milliseconds from a message text: XCC says only there how long a resource stays locked, "Retry in 5 seconds."
 * (quirks.md 15).
 */
export function retryAfterInWords(message: string | null): number | null {
  const seconds = /\bretry in (\d{1,6}) seconds?\b/i.exec(message ?? '')?.[1]
  return seconds === undefined ? null : Number(seconds) * 1_000
}

/**
 * `Retry-After` in milliseconds from now: delta seconds or an HTTP date (RFC 9110 section 10.2.3). Null when absent or
 * unreadable; a date in the past is 0.
 */
export function retryAfterOf(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  const value = header.trim()
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000
  const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} /.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? null : Math.max(0, date - now)
}
