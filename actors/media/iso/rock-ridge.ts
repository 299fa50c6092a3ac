/**
 * Rock Ridge: true names, modes, owners and times of the plain tree, for readers that know POSIX. RRIP is "Rock Ridge
 * Interchange Protocol" 1.12 (IEEE P1282), SUSP the "System Use Sharing Protocol" 1.12 (IEEE P1281) that carries it.
 */
import { ascii, concat, Fields, recordingDate, SECTOR_BYTES } from './fields.ts'

/** The POSIX attributes of a file or the directory, except its name. Owner and group are always root. */
export interface PosixAttributes {
  readonly mode: number
  readonly links: number
  /** The file serial number ("inode"), unique in the image; null as in RRIP 1.09 and 1.10, which had none. */
  readonly serial: number | null
  readonly timestamp: Date
}

/** A directory, `r-xr-xr-x` (the mode bits are those of RRIP 4.1.1). */
export const MODE_DIRECTORY = 0o040555
/** A regular file, `r--r--r--`. */
export const MODE_FILE = 0o100444

/** PX (RRIP 4.1.1) and TF (RRIP 4.1.6), which every directory record has. */
export function attributes({ mode, links, serial, timestamp }: PosixAttributes): Uint8Array {
  const owner = 0
  const px = entry('PX', serial === null ? 36 : 44)
    .both32(4, mode)
    .both32(12, links)
    .both32(20, owner)
    .both32(28, owner)
  if (serial !== null) px.both32(36, serial)
  const modify = 1 << 1
  const access = 1 << 2
  const change = 1 << 3
  const date = recordingDate(timestamp)
  const tf = entry('TF', 26)
    .byte(4, modify | access | change)
    .put(5, date)
    .put(12, date)
    .put(19, date)
  return concat(px.bytes, tf.bytes)
}

/** NM (RRIP 4.1.4): the true name, which fits into one entry. */
export function trueName(name: string): Uint8Array {
  return entry('NM', 5 + name.length).put(5, ascii(name)).bytes
}

/** SP (SUSP 5.3) must come first in the root's own record: it tells readers to read the system use areas. */
export function indicator(): Uint8Array {
  return entry('SP', 7).byte(4, 0xbe).byte(5, 0xef).bytes
}

/** CE (SUSP 5.1): the root's system use area goes on in another sector, as ER does not fit into a directory record. */
export function continuedAt(sector: number): Uint8Array {
  return entry('CE', 28).both32(4, sector).both32(12, 0).both32(20, extensionReference.length).bytes
}

/** The sector that `continuedAt` points to. */
export function continuation(): Uint8Array {
  return new Fields(SECTOR_BYTES).put(0, extensionReference).bytes
}

/** ER (SUSP 5.5) with the words that RRIP 4.3 prescribes: readers recognise RRIP 1.12 (44 bytes of PX) by them. */
const extensionReference = (() => {
  const id = ascii('IEEE_P1282')
  const description = ascii('THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS')
  const source = ascii('PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA FOR THE P1282 SPECIFICATION')
  return entry('ER', 8 + id.length + description.length + source.length)
    .byte(4, id.length)
    .byte(5, description.length)
    .byte(6, source.length)
    .byte(7, 1)
    .put(8, concat(id, description, source)).bytes
})()

/** A system use entry: signature, length, version 1 (SUSP 4). The caller fills in the rest. */
function entry(signature: string, lengthBytes: number): Fields {
  return new Fields(lengthBytes).put(0, ascii(signature)).byte(2, lengthBytes).byte(3, 1)
}
