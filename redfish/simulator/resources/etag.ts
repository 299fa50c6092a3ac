/** ETags of resources that can be changed. */
import { createHash } from 'node:crypto'
import { refuse } from '../bmc/messages.ts'
import { type BmcRequest, isObject, type Json, type JsonObject, type Reply } from '../bmc/reply.ts'
import type { EtagProfile } from '../bmc/traits.ts'
import { ok } from './resource.ts'

/**
 * The tag of the properties that a client can change, in the form of the profile, or null if it has none. Properties
 * that change by themselves, such as BootProgress, are left out: otherwise every PATCH would fail while the host boots.
 */
export function etagOf(etags: EtagProfile, changeable: Json): string | null {
  const digest = createHash('sha256').update(JSON.stringify(changeable)).digest('hex')
  return etags.format?.(digest) ?? null
}

/** A document with its tag in the body and in the header. */
export function tagged(document: JsonObject, etag: string | null): Reply {
  return etag === null ? ok(document) : ok({ ...document, '@odata.etag': etag }, { etag })
}

/** The reply to a GET with a tag, where every document has one and this has none yet. */
export function withTag(etags: EtagProfile, reply: Reply, method: string): Reply {
  const { body } = reply
  if (!etags.everywhere || method !== 'GET' || reply.status !== 200) return reply
  if (!isObject(body) || '@odata.etag' in body || !('@odata.id' in body)) return reply
  const etag = etagOf(etags, body)
  return etag === null ? reply : { ...reply, ...tagged(body, etag), headers: { ...reply.headers, etag } }
}

/** The refusal of a request whose If-Match is missing or names another state (RFC 9110, 13.1.1), or null. */
export function checkIfMatch(etags: EtagProfile, request: BmcRequest, changeable: Json): Reply | null {
  if (request.ifMatch === null) return etags.missing?.() ?? null
  const etag = etagOf(etags, changeable)
  const wanted = request.ifMatch.split(',').map((candidate) => candidate.trim())
  if (etag === null || wanted.includes('*') || wanted.includes(etag)) return null
  return refuse(412, { key: 'PreconditionFailed' })
}
