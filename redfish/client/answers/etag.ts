/**
 * The precondition of a PATCH. XCC, AMI, iRMC and some iDRAC resources demand `If-Match`, others refuse a weak or
 * quoted-twice tag (quirks.md 10): the ladder goes from the tag as given to none. Pure.
 */

import { type Doc, textAt } from '../documents/resource.ts'
import { PRECONDITION_FAILED_MESSAGES, PRECONDITION_MISSING_MESSAGES } from '../quirks/match.ts'
import { type ErrorSummary, hasMessage } from './error-body.ts'

/** The header's value, or null to send none. */
export type Precondition = string | null

/** Visible ASCII only, because a tag of the BMC goes into a header. */
const SENDABLE = /^[\x21-\x7e]{1,256}$/

/** The tag of a document: its ETag header, else `@odata.etag`. An empty tag counts as none (iDRAC answers 412 to `""`). */
export function etagOf(answer: { readonly header: string | undefined; readonly doc: Doc }): Precondition {
  const tag = (answer.header ?? textAt(answer.doc, '@odata.etag') ?? '').trim()
  const single = tag.replace(/^(W\/)?""(.+)""$/, '$1"$2"')
  return single === '""' || single === 'W/""' || !SENDABLE.test(single) ? null : single
}

/** The status of a refusal as in RFC 9110 and 6585: iDRAC says 428 and 412 by message, with another status. */
export function preconditionStatus(refusal: { readonly status: number; readonly error: ErrorSummary }): number {
  if (refusal.status < 400) return refusal.status
  if (hasMessage(refusal.error, PRECONDITION_MISSING_MESSAGES)) return 428
  return hasMessage(refusal.error, PRECONDITION_FAILED_MESSAGES) ? 412 : refusal.status
}

/**
 * The next precondition after a refusal; null when none is left. The first was the tag of the document; `refresh` asks
 * for another read of the document before the next try, because another writer may have changed it. `*` remains for a
 * BMC that demands a tag and gives none (428 of AMI, 412 of XCC).
 */
export function nextPrecondition(
  refusal: { readonly status: number },
  tried: { readonly tag: Precondition; readonly preconditions: readonly Precondition[] },
): { readonly kind: 'refresh' } | { readonly kind: 'use'; readonly precondition: Precondition } | null {
  const untried = (candidates: readonly Precondition[]) => {
    const next = candidates.find((candidate) => !tried.preconditions.includes(candidate))
    return next === undefined ? null : ({ kind: 'use', precondition: next } as const)
  }
  if (refusal.status === 428) return untried(['*'])
  if (refusal.status !== 412) return null
  if (tried.preconditions.length === 1 && tried.tag !== null) return { kind: 'refresh' }
  if (tried.tag === null) return untried(['*'])
  const strong = tried.tag?.startsWith('W/') === true ? [tried.tag.slice(2)] : []
  return untried([...strong, null])
}
