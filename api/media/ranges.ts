/** The Range header (RFC 9110 section 14.2), pure. */
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
  const parsed = specs.map((spec) => parseSpec(spec, sizeBytes))
  if (parsed.length === 0 || parsed.includes('malformed')) return { kind: 'whole' }
  const ranges = parsed.filter((range) => typeof range === 'object').reduce<readonly ByteRange[]>(coalesce, [])
  return ranges.length === 0 ? { kind: 'unsatisfiable' } : { kind: 'partial', ranges }
}

/** `bytes 0-499/1234` (section 14.4). */
export function contentRange({ offset, lengthBytes }: ByteRange, sizeBytes: number): string {
  return `bytes ${offset}-${offset + lengthBytes - 1}/${sizeBytes}`
}

function parseSpec(spec: string, sizeBytes: number): ByteRange | 'beyond the end' | 'malformed' {
  const { first = '', last = '' } = /^(?<first>\d*)-(?<last>\d*)$/.exec(spec)?.groups ?? {}
  if (first === '' && last === '') return 'malformed'
  if (first === '') return suffix(Number(last), sizeBytes)
  if (last !== '' && BigInt(last) < BigInt(first)) return 'malformed'
  const offset = Number(first)
  if (offset >= sizeBytes) return 'beyond the end'
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes)
  return { offset, lengthBytes: end - offset }
}

/** The last bytes: all there are when fewer than asked for. */
function suffix(lengthBytes: number, sizeBytes: number): ByteRange | 'beyond the end' {
  const length = Math.min(lengthBytes, sizeBytes)
  return length === 0 ? 'beyond the end' : { offset: sizeBytes - length, lengthBytes: length }
}

/** Adds a range to ranges that do not touch each other, and keeps it that way. */
function coalesce(ranges: readonly ByteRange[], added: ByteRange): readonly ByteRange[] {
  const touched = ranges.filter((range) => touches(range, added))
  const [first] = touched
  if (first === undefined) return [...ranges, added]
  const offset = Math.min(added.offset, ...touched.map((range) => range.offset))
  const end = Math.max(endOf(added), ...touched.map(endOf))
  const merged = { offset, lengthBytes: end - offset }
  return ranges
    .filter((range) => range === first || !touched.includes(range))
    .map((range) => (range === first ? merged : range))
}

function touches(left: ByteRange, right: ByteRange): boolean {
  return left.offset <= endOf(right) && right.offset <= endOf(left)
}

function endOf({ offset, lengthBytes }: ByteRange): number {
  return offset + lengthBytes
}
