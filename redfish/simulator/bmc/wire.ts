/** A request as received, and the parsing that comes before any resource is asked. */

import type { Method } from '../resources/resource.ts'
import { refuse } from './messages.ts'
import { type Json, parseJson, type Reply } from './reply.ts'

export type WireRequest = {
  readonly method: string
  /** As it was sent, without the query. */
  readonly path: string
  readonly header: (name: string) => string | null
  readonly body: Buffer
}

/** The path without a trailing slash, which means the same resource (DSP0266, "URI syntax"). */
export function resourcePath({ path }: WireRequest): string {
  return path.length > 1 ? path.replace(/\/$/, '') : path
}

/** The JSON of the body, null without a body, or the refusal of a body that is not JSON. */
export function parseBody(wire: WireRequest): { readonly body: Json } | { readonly refusal: Reply } {
  if (wire.body.length === 0) return { body: null }
  if (!/^application\/json\b/i.test(wire.header('content-type') ?? ''))
    return { refusal: refuse(415, { key: 'HeaderInvalid', args: ['Content-Type'] }) }
  try {
    return { body: parseJson(wire.body.toString('utf8')) }
  } catch (error) {
    if (error instanceof SyntaxError) return { refusal: refuse(400, { key: 'MalformedJSON' }) }
    throw error
  }
}

/** True when a resource can have a handler for this method. */
export function isMethod(method: string): method is Method {
  return method === 'GET' || method === 'POST' || method === 'PATCH' || method === 'DELETE'
}
