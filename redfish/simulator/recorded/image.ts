/** Finds the image that a write named, as a URL or in the parts that some BMCs take (quirks.md 5). */
import { isObject, type Json, type JsonObject } from '../bmc/reply.ts'
import type { Exchange } from './file.ts'
import { type Bindings, urlPlaceholders } from './placeholder.ts'

/** The image's URL; null where the write named none. `bound` is what its placeholders stand for. */
export function imageOf(body: Json, bound: Bindings): string | null {
  const parts = imageInParts(body)
  if (parts !== null) return parts
  for (const [placeholder, value] of bound) if (placeholder.startsWith('http') && URL.canParse(value)) return value
  return null
}

/** Supermicro's CfgCD takes an origin and a path; Fujitsu's iRMC a host, a folder and a file for each kind of drive. */
export function imageInParts(body: Json): string | null {
  if (!isObject(body)) return null
  const { Host: host, Path: path } = body
  if (typeof host === 'string' && typeof path === 'string')
    return `${host.replace(/\/$/, '')}/${path.replaceAll('\\', '/').replace(/^\/+/, '')}`
  for (const drive of Object.values(body)) {
    const url = isObject(drive) ? imageOnShare(drive) : null
    if (url !== null) return url
  }
  return null
}

function imageOnShare({
  Server: server,
  ShareName: folder,
  ImageName: file,
  ShareType: scheme,
}: JsonObject): string | null {
  if (typeof server !== 'string' || typeof folder !== 'string' || typeof file !== 'string' || server === '') return null
  const url = `${String(scheme).toLowerCase()}://${server}/${folder.replace(/^\/+/, '')}/${file}`
  return URL.canParse(url) ? url : null
}

/**
 * The placeholder of the URL that a BMC composed from an image's parts: the first new one in its answers after that
 * write. Null if they show no new one.
 */
export function shownAfter(exchanges: readonly Exchange[], write: number): string | null {
  const before = new Set(exchanges.slice(0, write + 1).flatMap(urlPlaceholders))
  for (const exchange of exchanges.slice(write + 1))
    for (const placeholder of urlPlaceholders(exchange.response.body)) if (!before.has(placeholder)) return placeholder
  return null
}
