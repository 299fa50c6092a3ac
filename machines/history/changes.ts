/** Differences between two values of plain JSON: two states of an actor, or a stored state and the one it should be. */

/** One place that differs. A side without a value at that place has no member. */
export type Change = {
  /** JSON Pointer (RFC 6901). */
  readonly path: string
  readonly before?: unknown
  readonly after?: unknown
}

/**
 * The deepest places that differ, those of an object sorted by name. The order of an object's members does not count.
 */
export function changesBetween(before: unknown, after: unknown, path = ''): readonly Change[] {
  if (before === after) return []
  if (isObject(before) && isObject(after) && Array.isArray(before) === Array.isArray(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    if (!Array.isArray(before)) names.sort()
    return names.flatMap((name) =>
      changesBetween(memberOf(before, name), memberOf(after, name), `${path}/${escaped(name)}`),
    )
  }
  return [{ path, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }]
}

type Members = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

function memberOf(value: Members, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
