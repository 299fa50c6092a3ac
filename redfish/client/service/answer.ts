/** A document as the BMC answered it. */
import { etagOf, type Precondition } from '../answers/etag.ts'
import { retryAfterOf } from '../answers/outcome.ts'
import { type Doc, isDoc } from '../documents/resource.ts'
import type { WireAnswer } from '../wire/transport.ts'

/** An answer with a 2xx. `doc` is empty where the body was empty or no JSON object. */
export type Answer = {
  readonly path: string
  readonly status: number
  readonly doc: Doc
  readonly etag: Precondition
  readonly location: string | null
  readonly retryAfterMs: number | null
}

/** @param now milliseconds since the epoch: `Retry-After` may be a date. */
export function readAnswer(answer: WireAnswer, now: number): Answer {
  const doc = answer.body.kind === 'json' && isDoc(answer.body.value) ? answer.body.value : {}
  return {
    path: answer.path,
    status: answer.status,
    doc,
    etag: etagOf({ header: answer.headers['etag'], doc }),
    location: answer.headers['location'] ?? null,
    retryAfterMs: retryAfterOf(answer.headers['retry-after'], now),
  }
}
