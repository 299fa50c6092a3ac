/** Reading a refusal for what it says about the request: which property it names, and by which message. */
import { BmcError, type BmcFailure } from '../failure.ts'
import { messageKey } from './error-body.ts'

export type Refusal = Extract<BmcFailure, { kind: 'refused' }>

export function refusalOf(error: unknown): Refusal | null {
  return error instanceof BmcError && error.failure.kind === 'refused' ? error.failure : null
}

/** Whether the refusal names a property: among the related ones, or in its text (AMI only says it there). */
export function namesProperty(refusal: Refusal, property: string): boolean {
  if (refusal.related.some((related) => related.split('/').includes(property))) return true
  return new RegExp(`(^|[^A-Za-z])${RegExp.escape(property)}($|[^A-Za-z])`).test(refusal.message ?? '')
}

/** The stable part of the refusal's message id; null when it has none. */
export function refusalKey(refusal: Refusal): string | null {
  return refusal.messageId === undefined ? null : messageKey(refusal.messageId)
}
