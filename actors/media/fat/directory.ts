/** The entries of the root directory (FATGEN "FAT Directory Structure" and "Long Directory Entries"). */
import { type ShortName, saysAll } from './names.ts'
import { ENTRY_BYTES } from './volume.ts'

const READ_ONLY = 0x01
const VOLUME_LABEL = 0x08
const LONG_NAME = 0x0f

export interface FileEntry {
  readonly name: string
  readonly shortName: ShortName
  readonly bytes: number
  /** Zero for an empty file. */
  readonly firstCluster: number
}

/** The root directory, in this order: the label, then each file's long entries and its short one. */
export function rootDirectory({
  label,
  timestamp,
  files,
}: {
  /** Eleven characters. */
  readonly label: string
  readonly timestamp: Date
  readonly files: readonly FileEntry[]
}): Uint8Array {
  const at = fatTime(timestamp)
  return Buffer.concat([
    entry({ shortName: label, attributes: VOLUME_LABEL, at, firstCluster: 0, bytes: 0 }),
    ...files.flatMap((file) => [
      ...(saysAll(file.name) ? [] : longEntries(file)),
      entry({ ...file, attributes: READ_ONLY, at }),
    ]),
  ])
}

/** A date and time in UTC, with a resolution of two seconds (FATGEN "Date and Time Formats"). */
interface FatTime {
  readonly date: number
  readonly time: number
  /** The part below the two seconds of `time`, in units of 10 ms. Only the time of creation has it. */
  readonly oddSecond: number
}

/** @throws RangeError for a year outside of 1980 to 2107. */
function fatTime(at: Date): FatTime {
  const year = at.getUTCFullYear()
  if (!(year >= 1980 && year <= 2107)) throw new RangeError(`a FAT date lies in 1980 to 2107, not in ${year}`)
  const seconds = at.getUTCSeconds()
  return {
    date: ((year - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (seconds >> 1),
    oddSecond: (seconds % 2) * 100,
  }
}

function entry(file: {
  readonly shortName: ShortName
  readonly attributes: number
  readonly at: FatTime
  readonly firstCluster: number
  readonly bytes: number
}): Uint8Array {
  const { date, time, oddSecond } = file.at
  const written = Buffer.alloc(ENTRY_BYTES)
  written.write(file.shortName, 0, 'latin1')
  written.writeUInt8(file.attributes, 11)
  // Created, read, written.
  written.writeUInt8(oddSecond, 13)
  written.writeUInt16LE(time, 14)
  written.writeUInt16LE(date, 16)
  written.writeUInt16LE(date, 18)
  written.writeUInt16LE(time, 22)
  written.writeUInt16LE(date, 24)
  written.writeUInt16LE(file.firstCluster, 26)
  written.writeUInt32LE(file.bytes, 28)
  return written
}

/** The offsets of the 13 characters of a long entry, two bytes each. */
const LONG_OFFSETS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const

/** The long entries in front of a file's short one, the last part first. A zero ends the name, then 0xffff pads it. */
function longEntries({ name, shortName }: FileEntry): readonly Uint8Array[] {
  const checksum = checksumOf(shortName)
  const parts = Math.ceil(name.length / LONG_OFFSETS.length)
  return Array.from({ length: parts }, (_, index) => {
    const part = parts - index
    const isLast = index === 0
    const written = Buffer.alloc(ENTRY_BYTES)
    written.writeUInt8(isLast ? part | 0x40 : part, 0)
    written.writeUInt8(LONG_NAME, 11)
    written.writeUInt8(checksum, 13)
    for (const [place, offset] of LONG_OFFSETS.entries()) {
      const at = (part - 1) * LONG_OFFSETS.length + place
      const unit = at < name.length ? name.charCodeAt(at) : at === name.length ? 0 : 0xffff
      written.writeUInt16LE(unit, offset)
    }
    return written
  })
}

/** Ties a long name to its short one: after an old driver has renamed the file, it no longer fits (FATGEN "ChkSum"). */
function checksumOf(shortName: ShortName): number {
  return Buffer.from(shortName, 'latin1').reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0)
}
