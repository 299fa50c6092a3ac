/** Directory records, and the path table of a tree with only a root (ECMA-119 6.8, 6.9, 9). */
import { Fields, recordingDate, SECTOR_BYTES, sectorsOf } from './fields.ts'

/** A place in the image. */
export interface Extent {
  readonly sector: number
  readonly bytes: number
}

export interface DirectoryRecord {
  /** In the tree's own character set. */
  readonly identifier: Uint8Array
  readonly extent: Extent
  readonly kind: 'directory' | 'file'
  readonly timestamp: Date
  /** Rock Ridge entries, or nothing. */
  readonly systemUse: Uint8Array
}

/**
 * A directory's name for itself: one zero byte in either character set (ECMA-119 6.8.2.2; Joliet, "Special Directory
 * Identifiers").
 */
export const SELF = Uint8Array.of(0)
/** A directory's name for its parent; a root is its own parent. */
export const PARENT = Uint8Array.of(1)

/** One directory record (9.1), padded to an even length (9.1.12, 9.1.13). */
export function directoryRecord({ identifier, extent, kind, timestamp, systemUse }: DirectoryRecord): Uint8Array {
  const systemUseOffset = even(33 + identifier.length)
  const length = even(systemUseOffset + systemUse.length)
  const directoryFlag = 1 << 1
  return new Fields(length)
    .byte(0, length)
    .both32(2, extent.sector)
    .both32(10, extent.bytes)
    .put(18, recordingDate(timestamp))
    .byte(25, kind === 'directory' ? directoryFlag : 0)
    .both16(28, 1)
    .byte(32, identifier.length)
    .put(33, identifier)
    .put(systemUseOffset, systemUse).bytes
}

/** Records one after the other in whole sectors; none crosses the end of a sector (6.8.1.1). */
export function directory(records: readonly Uint8Array[]): Uint8Array {
  const offsets: number[] = []
  let end = 0
  for (const { length } of records) {
    const left = SECTOR_BYTES - (end % SECTOR_BYTES)
    const offset = length > left ? end + left : end
    offsets.push(offset)
    end = offset + length
  }
  const fields = new Fields(sectorsOf(end) * SECTOR_BYTES)
  for (const [index, record] of records.entries()) fields.put(offsets[index] ?? 0, record)
  return fields.bytes
}

/** Bytes of a path table with only the root's record (9.4). */
export const PATH_TABLE_BYTES = 10

/** The path table in one of its two byte orders (6.9), filling a sector: only the root, number one, its own parent. */
export function pathTable(rootSector: number, order: 'little' | 'big'): Uint8Array {
  const fields = new Fields(SECTOR_BYTES).byte(0, SELF.length)
  return order === 'little'
    ? fields.little32(2, rootSector).byte(6, 1).bytes
    : fields.big32(2, rootSector).byte(7, 1).bytes
}

function even(length: number): number {
  return length + (length % 2)
}
