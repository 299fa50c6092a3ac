/**
 * A reader for ISO 9660 images (ECMA-119) with Rock Ridge names (SUSP 1.12, RRIP 1.12). It reads byte ranges and keeps no
 * more than the caller asked for. It shares no code with the writer of the image.
 */

const sectorBytes = 2_048
const directoryBytesMax = 1_048_576
const entriesMax = 4_096
const fileBytesMax = 16 * 1_048_576
const descriptorsMax = 16
const continuationsMax = 16

/** Exactly `length` bytes from `offset`; rejects when the image has fewer. */
export type ReadAt = (range: { readonly offset: number; readonly length: number }) => Promise<Buffer>

/** The image violates ECMA-119 or exceeds a limit of this reader. */
export class IsoError extends Error {
  override readonly name = 'IsoError'
}

type Extent = { readonly offset: number; readonly length: number }
type IsoEntry = {
  /** Absolute, with slashes: `/user-data`. */
  readonly path: string
  readonly kind: 'file' | 'directory'
  readonly sizeBytes: number
  readonly extents: readonly Extent[]
}
export type IsoVolume = {
  readonly volumeId: string
  readonly sizeBytes: number
  /** The image has an El Torito boot record. */
  readonly bootable: boolean
  readonly blockBytes: number
  readonly root: Extent
}
export type Iso = {
  readonly volume: IsoVolume
  /** The entries of one directory, in the order of the image. @throws IsoError when the path is no directory. */
  list(path: string): Promise<readonly IsoEntry[]>
  /** Compares Rock Ridge names exactly and plain ISO 9660 names ignoring case; null when there is no such entry. */
  find(path: string): Promise<IsoEntry | null>
  /** @throws IsoError when the entry is no file or has more than 16 MiB. */
  readFile(entry: IsoEntry): Promise<Buffer>
}

/** Reads the volume descriptors (ECMA-119, 8). @throws IsoError when there is no primary one. */
export async function readVolume(readAt: ReadAt): Promise<IsoVolume> {
  let primary: Buffer | null = null
  let bootable = false
  for (let index = 0; index < descriptorsMax; index += 1) {
    const descriptor = await readAt({ offset: (16 + index) * sectorBytes, length: sectorBytes })
    if (descriptor.toString('latin1', 1, 6) !== 'CD001') throw new IsoError('no ISO 9660 volume descriptor')
    const type = descriptor.readUInt8(0)
    if (type === 255) break
    if (type === 0 && descriptor.toString('latin1', 7, 30).startsWith('EL TORITO')) bootable = true
    if (type === 1 && primary === null) primary = descriptor
  }
  if (primary === null) throw new IsoError('no primary volume descriptor')
  const blockBytes = primary.readUInt16LE(128)
  if (blockBytes === 0) throw new IsoError('the logical block size is zero')
  return {
    volumeId: primary.toString('latin1', 40, 72).trimEnd(),
    sizeBytes: primary.readUInt32LE(80) * blockBytes,
    bootable,
    blockBytes,
    root: { offset: primary.readUInt32LE(156 + 2) * blockBytes, length: primary.readUInt32LE(156 + 10) },
  }
}

/** Opens an image. Directories are read on demand. @throws IsoError */
export async function openIso(readAt: ReadAt): Promise<Iso> {
  const reader = new IsoReader(readAt, await readVolume(readAt))
  await reader.detectRockRidge()
  return reader
}

class IsoReader implements Iso {
  readonly volume: IsoVolume
  readonly #readAt: ReadAt
  /** Bytes at the start of each system use area that SUSP skips (SUSP 5.3, LEN_SKP); null: the image has no SUSP. */
  #skipBytes: number | null = null

  constructor(readAt: ReadAt, volume: IsoVolume) {
    this.#readAt = readAt
    this.volume = volume
  }

  /** SUSP 5.3: an SP field in the root's own record says that system use areas follow the protocol. */
  async detectRockRidge(): Promise<void> {
    for (const record of records(await this.#readAt({ offset: this.volume.root.offset, length: sectorBytes }))) {
      const area = systemUse(record)
      if (area.length >= 7 && area.toString('latin1', 0, 2) === 'SP' && area.readUInt16BE(4) === 0xbeef)
        this.#skipBytes = area.readUInt8(6)
      return
    }
  }

  async list(path: string): Promise<readonly IsoEntry[]> {
    const directory = await this.find(path)
    if (directory?.kind !== 'directory') throw new IsoError(`${path} is not a directory`)
    const entries: IsoEntry[] = []
    let unfinished: Extent[] = []
    for (const extent of directory.extents) {
      if (extent.length > directoryBytesMax) throw new IsoError(`the directory ${path} is too large`)
      for (const record of records(await this.#readAt(extent))) {
        if (isSelfOrParent(record)) continue
        // A file of several extents has a record for each; all but the last carry this flag (ECMA-119, 9.1.6).
        unfinished = [...unfinished, this.#extent(record)]
        const flags = record.readUInt8(25)
        if ((flags & 0x80) !== 0) continue
        if (entries.length >= entriesMax) throw new IsoError(`more than ${entriesMax} entries in ${path}`)
        entries.push({
          path: `${path === '/' ? '' : path}/${(await this.#rockRidgeName(record)) ?? plainName(record)}`,
          kind: (flags & 0x02) === 0 ? 'file' : 'directory',
          sizeBytes: unfinished.reduce((sum, { length }) => sum + length, 0),
          extents: unfinished,
        })
        unfinished = []
      }
    }
    return entries
  }

  async find(path: string): Promise<IsoEntry | null> {
    if (path === '/') {
      const { root } = this.volume
      return { path, kind: 'directory', sizeBytes: root.length, extents: [root] }
    }
    const parent = path.slice(0, path.lastIndexOf('/')) || '/'
    const directory = await this.find(parent)
    if (directory?.kind !== 'directory') return null
    const sameCase = (text: string) => (this.#skipBytes === null ? text.toLowerCase() : text)
    return (await this.list(directory.path)).find((entry) => sameCase(entry.path) === sameCase(path)) ?? null
  }

  async readFile(entry: IsoEntry): Promise<Buffer> {
    if (entry.kind !== 'file') throw new IsoError(`${entry.path} is not a file`)
    if (entry.sizeBytes > fileBytesMax) throw new IsoError(`${entry.path} has more than ${fileBytesMax} bytes`)
    const parts: Buffer[] = []
    for (const extent of entry.extents) if (extent.length > 0) parts.push(await this.#readAt(extent))
    return Buffer.concat(parts)
  }

  #extent(record: Buffer): Extent {
    const block = record.readUInt32LE(2) + record.readUInt8(1)
    return { offset: block * this.volume.blockBytes, length: record.readUInt32LE(10) }
  }

  /** RRIP 4.1.4: the name is in one or more NM fields, which may go on in a continuation area (SUSP 5.1, CE). */
  async #rockRidgeName(record: Buffer): Promise<string | null> {
    if (this.#skipBytes === null) return null
    const parts: Buffer[] = []
    let area = systemUse(record).subarray(this.#skipBytes)
    for (let hops = 0; hops < continuationsMax; hops += 1) {
      let next: Extent | null = null
      for (const field of fields(area)) {
        const signature = field.toString('latin1', 0, 2)
        if (signature === 'NM') parts.push(field.subarray(5))
        if (signature === 'CE') next = this.#continuation(field)
      }
      if (next === null) break
      area = await this.#readAt(next)
    }
    return parts.length === 0 ? null : Buffer.concat(parts).toString('utf8')
  }

  #continuation(field: Buffer): Extent {
    if (field.length < 28 || field.readUInt32LE(20) > directoryBytesMax) throw new IsoError('a continuation is broken')
    const offset = field.readUInt32LE(4) * this.volume.blockBytes + field.readUInt32LE(12)
    return { offset, length: field.readUInt32LE(20) }
  }
}

/** A name of one byte, 0 or 1, is the directory itself or its parent (ECMA-119, 6.8.2.2). */
function isSelfOrParent(record: Buffer): boolean {
  return record.readUInt8(32) === 1 && record.readUInt8(33) <= 1
}

/** Directory records do not cross sectors; the rest of a sector is filled with zeros (ECMA-119, 6.8.1.1). */
function* records(bytes: Buffer): Generator<Buffer> {
  let at = 0
  while (at < bytes.length) {
    const length = bytes.readUInt8(at)
    if (length === 0) {
      at = (Math.floor(at / sectorBytes) + 1) * sectorBytes
      continue
    }
    if (length < 34 || at + length > bytes.length) throw new IsoError('a directory record is broken')
    yield bytes.subarray(at, at + length)
    at += length
  }
}

/** The part of a directory record behind its name, which is padded to an even length (ECMA-119, 9.1.12 and 9.1.13). */
function systemUse(record: Buffer): Buffer {
  const nameBytes = record.readUInt8(32)
  return record.subarray(33 + nameBytes + (nameBytes % 2 === 0 ? 1 : 0))
}

function* fields(area: Buffer): Generator<Buffer> {
  let at = 0
  while (at + 4 <= area.length) {
    const length = area.readUInt8(at + 2)
    if (length < 4 || at + length > area.length) return
    const field = area.subarray(at, at + length)
    if (field.toString('latin1', 0, 2) === 'ST') return
    yield field
    at += length
  }
}

/** `RECIPE.JSON;1` is the file `RECIPE.JSON`; `README.;1` has no extension (ECMA-119, 7.5). */
function plainName(record: Buffer): string {
  const name = record.toString('latin1', 33, 33 + record.readUInt8(32))
  return name.replace(/;\d+$/, '').replace(/\.$/, '')
}
