/**
 * The place of something in a recipe, as a JSON Pointer that may be shown and logged. Names below a payload or inside a
 * value of `env` or `metadata` are content: a pointer ends above them.
 */

/** A longer name is certainly no field of a recipe, and would only fill the log. */
const nameCharactersMax = 64

/** The number of names that may be shown below a field; a pointer ends at every other field. */
const shownBelow: Readonly<Record<string, number>> = { partition_layout: 2, env: 1, metadata: 1 }

export type PointerSegment = string | number

/**
 * The JSON Pointer (RFC 6901) to the deepest place on the way to `segments` that may be shown. The recipe itself is
 * the empty string. The pointer can be stored as text even if a name holds U+0000 or half a surrogate pair.
 */
export function safePointer(segments: readonly PointerSegment[]): string {
  let pointer = ''
  for (const segment of shownSegments(segments)) {
    const name = String(segment).toWellFormed().replaceAll('\0', '\uFFFD')
    if (name.length > nameCharactersMax) break
    pointer += `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
  }
  return pointer
}

function shownSegments(segments: readonly PointerSegment[]): readonly PointerSegment[] {
  const [field] = segments
  if (field === undefined) return segments
  const below = Object.hasOwn(shownBelow, field) ? (shownBelow[field] ?? 0) : 0
  return segments.slice(0, 1 + below)
}

/** The segments of a JSON Pointer, unescaped: the inverse of joining them. */
export function pointerSegments(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}
