/**
 * The partition tables of a hybrid ISO that has grown. An image that also boots as a disk has a GPT, with a second copy
 * at the very end of the disk (UEFI specification 2.10, 5.3). Without that copy, firmware and Linux report a damaged
 * disk.
 */
import { crc32 } from 'node:zlib'

/** The unit of both tables, in bytes. */
const BLOCK_BYTES = 512
const MBR_ENTRIES_OFFSET = 446
const MBR_ENTRY_BYTES = 16
const HEADER_BYTES = 92
const ENTRIES_BYTES_MAX = 64 * 1024

/** Bytes that replace those of the image. */
export interface Patch {
  readonly offset: number
  readonly bytes: Buffer
}

/** The size of a GPT's second copy at the end of the image, in bytes. Zero for an image without a GPT. */
export function backupBytes(start: Buffer): number {
  const gpt = readGpt(start)
  return gpt === null ? 0 : gpt.entries.length + BLOCK_BYTES
}

/** The bytes at an image's start that `backupBytes` and `grownTables` read. */
export const TABLES_BYTES = 16 * 2048

/**
 * The changes to an image that grew from one size to another, both whole blocks: the size of the MBR's partitions
 * that reached to its end; and a GPT's first header, and its second copy at the end of the image. A GPT that is
 * damaged, or has entries beyond the system area of an ISO, counts as none.
 */
export function grownTables(
  start: Buffer,
  { fromBytes, toBytes }: { readonly fromBytes: number; readonly toBytes: number },
): readonly Patch[] {
  const blocks = { from: fromBytes / BLOCK_BYTES, to: toBytes / BLOCK_BYTES }
  const patches = grownPartitions(start, blocks)
  const gpt = readGpt(start)
  if (gpt === null) return patches
  const { header, entries } = gpt
  const last = blocks.to - 1
  const backupEntries = last - entries.length / BLOCK_BYTES
  const first = Buffer.from(header)
  first.writeBigUInt64LE(BigInt(last), 32)
  first.writeBigUInt64LE(BigInt(backupEntries - 1), 48)
  const second = Buffer.from(first)
  second.writeBigUInt64LE(BigInt(last), 24)
  second.writeBigUInt64LE(1n, 32)
  second.writeBigUInt64LE(BigInt(backupEntries), 72)
  return [
    ...patches,
    { offset: BLOCK_BYTES, bytes: sealed(first) },
    { offset: backupEntries * BLOCK_BYTES, bytes: entries },
    { offset: last * BLOCK_BYTES, bytes: Buffer.concat([sealed(second), Buffer.alloc(BLOCK_BYTES - HEADER_BYTES)]) },
  ]
}

function grownPartitions(start: Buffer, blocks: { readonly from: number; readonly to: number }): readonly Patch[] {
  if (start.readUInt16LE(510) !== 0xaa55) return []
  return [0, 1, 2, 3].flatMap((index) => {
    const offset = MBR_ENTRIES_OFFSET + index * MBR_ENTRY_BYTES
    const first = start.readUInt32LE(offset + 8)
    const size = start.readUInt32LE(offset + 12)
    if (size === 0 || first + size !== blocks.from) return []
    const grown = Buffer.alloc(4)
    grown.writeUInt32LE(blocks.to - first)
    return [{ offset: offset + 12, bytes: grown }]
  })
}

/** The first header and its entries; null without a GPT, and for one with a wrong checksum. */
function readGpt(start: Buffer): { readonly header: Buffer; readonly entries: Buffer } | null {
  const header = start.subarray(BLOCK_BYTES, BLOCK_BYTES + HEADER_BYTES)
  if (header.toString('latin1', 0, 8) !== 'EFI PART' || header.readUInt32LE(12) !== HEADER_BYTES) return null
  if (!sealed(header).equals(header)) return null
  const offset = Number(header.readBigUInt64LE(72)) * BLOCK_BYTES
  const lengthBytes = Math.ceil((header.readUInt32LE(80) * header.readUInt32LE(84)) / BLOCK_BYTES) * BLOCK_BYTES
  if (lengthBytes > ENTRIES_BYTES_MAX || offset + lengthBytes > start.length) return null
  const entries = start.subarray(offset, offset + lengthBytes)
  const counted = entries.subarray(0, header.readUInt32LE(80) * header.readUInt32LE(84))
  return crc32(counted) === header.readUInt32LE(88) ? { header, entries } : null
}

/** A copy of a header with its checksum, which is computed over the header with a checksum of zero. */
function sealed(header: Buffer): Buffer {
  const copy = Buffer.from(header)
  copy.writeUInt32LE(0, 16)
  copy.writeUInt32LE(crc32(copy), 16)
  return copy
}
