/** A document as the BMC answered it. */
import type { Precondition } from '../answers/etag.ts'
import type { Doc } from '../documents/resource.ts'

/** An answer with a 2xx. `doc` is empty where the body was empty or no JSON object. */
export type Answer = {
  readonly path: string
  readonly status: number
  readonly doc: Doc
  readonly etag: Precondition
  readonly location: string | null
  readonly retryAfterMs: number | null
}
