/** Reads directory records of an image from another program (ECMA-119 9.1), and points them to other extents. */
import type { Extent } from '../iso/directory.ts'
import { SECTOR_BYTES } from '../iso/fields.ts'
import { BaseIsoError } from './base-error.ts'

const RECORD_BYTES_MIN = 34

/** The records of a directory in order, each with its offset. @throws BaseIsoError for a broken record. */
export function recordsOf(directory: Buffer): readonly { readonly offset: number; readonly record: Buffer }[] {
  const records: { offset: number; record: Buffer }[] = []
  for (let offset = 0; offset < directory.length; ) {
    const length = directory.readUInt8(offset)
    if (length === 0) {
      // No record crosses the end of a sector; the rest of it stays empty (6.8.1.1).
      offset = (Math.floor(offset / SECTOR_BYTES) + 1) * SECTOR_BYTES
      continue
    }
    if (length < RECORD_BYTES_MIN || offset + length > directory.length)
      throw new BaseIsoError('a directory record is broken')
    records.push({ offset, record: directory.subarray(offset, offset + length) })
    offset += length
  }
  return records
}

export function identifierOf(record: Buffer): Buffer {
  return record.subarray(33, 33 + record.readUInt8(32))
}

export function extentOf(record: Buffer): Extent {
  return { sector: record.readUInt32LE(2), bytes: record.readUInt32LE(10) }
}

export function isDirectory(record: Buffer): boolean {
  return (record.readUInt8(25) & 0x02) !== 0
}

/** The system use area behind the identifier, which is padded to an even length (9.1.12, 9.1.13). */
export function systemUseOf(record: Buffer): Buffer {
  const identifierBytes = record.readUInt8(32)
  return record.subarray(33 + identifierBytes + (identifierBytes % 2 === 0 ? 1 : 0))
}

/** A copy of the record that points to another extent and, with Rock Ridge, has one more link. */
export function pointedTo(record: Buffer, { sector, bytes }: Extent): Buffer {
  const copy = Buffer.from(record)
  writeBoth32(copy, 2, sector)
  writeBoth32(copy, 10, bytes)
  const px = posixEntry(copy)
  if (px !== null) writeBoth32(px, 12, px.readUInt32LE(12) + 1)
  return copy
}

/** Rock Ridge's PX in the record's own system use area, where all writers put it; null without one. */
export function posixEntry(record: Buffer): Buffer | null {
  const area = systemUseOf(record)
  for (let at = 0; at + 4 <= area.length; ) {
    const length = area.readUInt8(at + 2)
    if (length < 4 || at + length > area.length) return null
    if (area.toString('latin1', at, at + 2) === 'PX' && length >= 36) return area.subarray(at, at + length)
    at += length
  }
  return null
}

/** 32 bits in both byte orders (7.3.3). */
export function writeBoth32(bytes: Buffer, offset: number, value: number): void {
  bytes.writeUInt32LE(value, offset)
  bytes.writeUInt32BE(value, offset + 4)
}
