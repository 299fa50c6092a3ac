/** Adds a directory below the root to the path table of an image (ECMA-119 6.9, 9.4). */
import type { Extent } from '../iso/directory.ts'
import { BaseIsoError } from './base-error.ts'

interface PathRecord {
  readonly identifier: Buffer
  readonly sector: number
  /** The number of the parent; the root is number one, and its own parent. */
  readonly parent: number
}

/** A table in both byte orders. */
export interface PathTables {
  readonly little: Buffer
  readonly big: Buffer
}

/**
 * The table with the root in its new place and a directory added, in its order among those below the root (6.9.1). The
 * numbers of all later directories grow by one.
 * @throws BaseIsoError for a broken or full table.
 */
export function withFolder(
  table: Buffer,
  folder: { readonly root: Extent; readonly extent: Extent; readonly identifier: Buffer },
  isBefore: (left: Buffer, right: Buffer) => boolean,
): PathTables {
  const [root, ...others] = parse(table)
  if (root === undefined || others.length > 65_000) throw new BaseIsoError('its path table is empty or full')
  const below = others.findLastIndex(({ parent }) => parent === 1) + 1
  const later = others.findIndex(({ identifier, parent }) => parent === 1 && isBefore(folder.identifier, identifier))
  const place = later === -1 ? below : later
  // The root is number one, so the first of the others is number two.
  const number = place + 2
  const moved = others.map((record) => ({
    ...record,
    parent: record.parent >= number ? record.parent + 1 : record.parent,
  }))
  const added = { identifier: folder.identifier, sector: folder.extent.sector, parent: 1 }
  const records = [{ ...root, sector: folder.root.sector }, ...moved.toSpliced(place, 0, added)]
  return {
    little: Buffer.concat(records.map((record) => written(record, 'little'))),
    big: Buffer.concat(records.map((record) => written(record, 'big'))),
  }
}

function parse(table: Buffer): readonly PathRecord[] {
  const records: PathRecord[] = []
  for (let offset = 0; offset + 8 <= table.length; ) {
    const length = table.readUInt8(offset)
    if (length === 0 || offset + 8 + length > table.length) throw new BaseIsoError('its path table is broken')
    records.push({
      identifier: table.subarray(offset + 8, offset + 8 + length),
      sector: table.readUInt32LE(offset + 2),
      parent: table.readUInt16LE(offset + 6),
    })
    offset += 8 + length + (length % 2)
  }
  return records
}

function written({ identifier, sector, parent }: PathRecord, order: 'little' | 'big'): Buffer {
  const record = Buffer.alloc(8 + identifier.length + (identifier.length % 2))
  record.writeUInt8(identifier.length, 0)
  if (order === 'little') {
    record.writeUInt32LE(sector, 2)
    record.writeUInt16LE(parent, 6)
  } else {
    record.writeUInt32BE(sector, 2)
    record.writeUInt16BE(parent, 6)
  }
  record.set(identifier, 8)
  return record
}
