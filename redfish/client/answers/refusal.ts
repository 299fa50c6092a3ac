/** Reads a refusal for its statements about the request: the property and the message that it names. */

import type { Problem } from '../../failure.ts'
import { BmcError, type BmcFailure } from '../../failure.ts'
import { messageRow } from '../quirks/messages.ts'
import { messageKey } from './error-body.ts'

export type Refusal = Extract<BmcFailure, { kind: 'refused' }>

export function refusalOf(error: unknown): Refusal | null {
  return error instanceof BmcError && error.failure.kind === 'refused' ? error.failure : null
}

/** True when the refusal names the property: among the related ones, or in its text (AMI names it only there). */
export function namesProperty(refusal: Refusal, property: string): boolean {
  if (refusal.related.some((related) => related.split('/').includes(property))) return true
  return new RegExp(`(^|[^A-Za-z])${RegExp.escape(property)}($|[^A-Za-z])`).test(refusal.message ?? '')
}

/** Problems that another form of the request may solve; the others are final for every form. */
const ABOUT_THE_REQUEST: ReadonlySet<Problem> = new Set([
  'parameter-missing',
  'parameter-unknown',
  'value-not-accepted',
  'read-only',
  'request-malformed',
])

/** True when the BMC objects to the form of the request, or names no known problem. */
export function mindsTheRequest(refusal: Refusal): boolean {
  return refusal.problem === undefined || ABOUT_THE_REQUEST.has(refusal.problem)
}

/** The stable part of the refusal's message id; null when it has none. */
export function refusalKey(refusal: Refusal): string | null {
  return refusal.messageId === undefined ? null : messageKey(refusal.messageId)
}

/** True when the BMC may carry out the refused request a while later (quirks.md 6 "late attach"). */
export function mayStillHappen(refusal: Refusal): boolean {
  const key = refusalKey(refusal)
  return key !== null && messageRow({ keys: [key], texts: [] })?.late === true
}
