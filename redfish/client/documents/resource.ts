/**
 * Careful reading of a BMC's documents. No property is trusted to have the type that its schema promises: a reader gives
 * null where a property is absent, null or of another type, and the caller decides on the meaning.
 */

/** One JSON object of a BMC, unchecked. */
export type Doc = { readonly [key: string]: unknown }

/** Bound on a string from a BMC; identifiers, models and messages are far below it. */
const TEXT_CHARS_MAX = 1024

export function isDoc(value: unknown): value is Doc {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The string at `key`, cut at 1024 characters; null for anything else and for the empty string. */
export function textAt(doc: Doc, key: string): string | null {
  const value = doc[key]
  return typeof value === 'string' && value !== '' ? value.slice(0, TEXT_CHARS_MAX) : null
}

export function flagAt(doc: Doc, key: string): boolean | null {
  const value = doc[key]
  return typeof value === 'boolean' ? value : null
}

/** The object at `key`, or an empty one, because callers treat an absent object like an empty one. */
export function docAt(doc: Doc, key: string): Doc {
  const value = doc[key]
  return isDoc(value) ? value : {}
}

export function listAt(doc: Doc, key: string): readonly unknown[] {
  const value = doc[key]
  return Array.isArray(value) ? value : []
}

export function textsAt(doc: Doc, key: string): readonly string[] {
  return listAt(doc, key).filter((item) => typeof item === 'string')
}

/**
 * The target of a reference: `{"@odata.id": …}`, the old `{"href": …}` of iLO 4, or the bare string that XCC uses for
 * `@Redfish.ActionInfo` (quirks.md 2). Null when it is none of these.
 */
export function linkOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (!isDoc(value)) return null
  return textAt(value, '@odata.id') ?? textAt(value, 'href')
}

/** `Links`, or the lower-case `links` that iLO 4 sends to clients without `OData-Version` (quirks.md 2). */
export function linksOf(doc: Doc): Doc {
  return isDoc(doc['Links']) ? doc['Links'] : docAt(doc, 'links')
}

/** Last segment of a resource's path, with or without a trailing slash. */
export function lastSegment(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) ?? ''
}
