/** The Range header (RFC 9110 section 14.2), pure. */
import { combineRanges, parse } from 'range-parser'
import type { ByteRange } from '../../actors/media/files/stored-file.ts'

export type RequestedRanges =
  /** No range, or one that a server may ignore: send everything. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  /** At least one range. All are non-empty, within the file, and apart from each other. */
  | { readonly kind: 'partial'; readonly ranges: readonly ByteRange[] }

/** Ceiling of the ranges in a request: beyond it, part headers would make up most of the answer. */
export const RANGES_MAX = 16

/**
 * Reads a Range header for a representation of `sizeBytes`. Overlapping and touching ranges become one (section
 * 15.3.7.2), in the place of the first of them; a range that begins beyond the end is dropped. A header that leaves no
 * range, or has more than `RANGES_MAX`, is unsatisfiable (section 15.5.17). A malformed header or an unknown unit is
 * ignored.
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

/** The bit of range-parser's code for a malformed element or an empty list. */
const malformed = 1

/** range-parser compares positions as numbers: beyond 2^53 it misses some ranges that end before they begin. */
function isReversed(spec: string): boolean {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(spec) ?? []
  return first !== undefined && last !== undefined && BigInt(last) < BigInt(first)
}

/** `bytes 0-499/1234` (section 14.4). */
export function contentRange({ offset, lengthBytes }: ByteRange, sizeBytes: number): string {
  return `bytes ${offset}-${offset + lengthBytes - 1}/${sizeBytes}`
}
