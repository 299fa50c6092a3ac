/** The Range header (RFC 9110 section 14.2), pure. */
import { combineRanges, parse } from 'range-parser'
import type { ByteRange } from '../../actors/media/files/stored-file.ts'

export type RequestedRanges =
  /** No range, or one that this server need not understand: send everything. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  /** At least one; none empty, none beyond the end, no two that overlap or touch. */
  | { readonly kind: 'partial'; readonly ranges: readonly ByteRange[] }

/** Asked for more than this, a server would mostly be writing part headers. */
export const RANGES_MAX = 16

/**
 * Reads a Range header for a representation of `sizeBytes`. Overlapping and touching ranges become one (section 15.3.7.2),
 * in the place of the first of them; what begins beyond the end is dropped. Nothing left, or more than `RANGES_MAX` asked
 * for, is unsatisfiable (section 15.5.17); a malformed header and an unknown unit are as good as none.
 */
export function requestedRanges({
  header,
  sizeBytes,
}: {
  readonly header: string | undefined
  readonly sizeBytes: number
}): RequestedRanges {
  const set = /^bytes=(.*)$/i.exec(header?.trim() ?? '')?.[1]
  if (set === undefined) return { kind: 'whole' }
  // A list may have empty elements (section 5.6.1.2).
  const specs = set
    .split(',')
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '')
  if (specs.length > RANGES_MAX) return { kind: 'unsatisfiable' }
  const { code, ranges } = parse(sizeBytes, `bytes=${specs.join()}`)
  if ((code & malformed) !== 0 || specs.some(isReversed)) return { kind: 'whole' }
  if (ranges.length === 0) return { kind: 'unsatisfiable' }
  const apart = combineRanges(ranges).map(({ start, end }) => ({ offset: start, lengthBytes: end - start + 1 }))
  return { kind: 'partial', ranges: apart }
}

/** The bit of range-parser's code that says that an element is malformed, or that there is none. */
const malformed = 1

/** range-parser compares positions as numbers: beyond 2^53 it does not see every range that ends before it begins. */
function isReversed(spec: string): boolean {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(spec) ?? []
  return first !== undefined && last !== undefined && BigInt(last) < BigInt(first)
}

/** `bytes 0-499/1234` (section 14.4). */
export function contentRange({ offset, lengthBytes }: ByteRange, sizeBytes: number): string {
  return `bytes ${offset}-${offset + lengthBytes - 1}/${sizeBytes}`
}
