/** ETags of resources that can be changed. */
import { createHash } from 'node:crypto'
import { refuse } from '../messages.ts'
import type { BmcRequest, Json, Reply } from '../reply.ts'

/**
 * A strong tag of what a client can change. What changes by itself, such as BootProgress, is left out: otherwise no
 * client could ever get a PATCH through while the host boots.
 */
export function etagOf(changeable: Json): string {
  return `"${createHash('sha256').update(JSON.stringify(changeable)).digest('hex').slice(0, 16)}"`
}

/** The refusal of a request whose If-Match names another state (RFC 9110, 13.1.1), or null. */
export function checkIfMatch(request: BmcRequest, etag: string): Reply | null {
  if (request.ifMatch === null) return null
  const wanted = request.ifMatch.split(',').map((candidate) => candidate.trim())
  return wanted.includes('*') || wanted.includes(etag) ? null : refuse(412, { key: 'PreconditionFailed' })
}
