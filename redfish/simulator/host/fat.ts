/**
 * A reader for FAT12 and FAT16 volumes that fill a whole disk (Microsoft's "FAT: General Overview of On-Disk Format",
 * 1.03), root directory only, with long names. It shares no code with the writer of the volume.
 */
import type { ReadAt } from './iso9660.ts'

const entryBytes = 32
const rootEntriesMax = 4_096
const tableBytesMax = 131_072
const fileBytesMax = 16 * 1_048_576
const longNameOffsets = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const

/** The volume violates the specification or exceeds a limit of this reader. */
export class FatError extends Error {
  override readonly name = 'FatError'
}

type FatEntry = {
  /** `/user-data`. */
  readonly path: string
  readonly kind: 'file'
  readonly sizeBytes: number
  readonly firstCluster: number
}

export type Fat = {
  /** Finds a file by its long or short name, ignoring case; null when the root has no such file. */
  find(path: string): Promise<FatEntry | null>
  /** @throws FatError when the chain of clusters does not fit the file's size. */
  readFile(entry: FatEntry): Promise<Buffer>
}

/** Opens a volume: reads its boot sector, one allocation table and the root directory. @throws FatError */
export async function openFat(readAt: ReadAt): Promise<Fat> {
  const boot = await readAt({ offset: 0, length: 512 })
  if (boot.readUInt16LE(510) !== 0xaa55) throw new FatError('no boot sector')
  const sectorBytes = boot.readUInt16LE(11)
  const clusterBytes = boot.readUInt8(13) * sectorBytes
  const rootEntries = boot.readUInt16LE(17)
  const tableSectors = boot.readUInt16LE(22)
  if (![512, 1024, 2048, 4096].includes(sectorBytes) || clusterBytes === 0 || rootEntries === 0 || tableSectors === 0)
    throw new FatError('no FAT12 or FAT16 volume')
  const tableOffset = boot.readUInt16LE(14) * sectorBytes
  const tableBytes = tableSectors * sectorBytes
  const rootOffset = tableOffset + boot.readUInt8(16) * tableBytes
  if (rootEntries > rootEntriesMax || tableBytes > tableBytesMax) throw new FatError('the volume is too large')
  const dataOffset = rootOffset + Math.ceil((rootEntries * entryBytes) / sectorBytes) * sectorBytes
  const sectors = boot.readUInt16LE(19) || boot.readUInt32LE(32)
  const clusters = Math.floor((sectors * sectorBytes - dataOffset) / clusterBytes)
  const nextOf = chain(await readAt({ offset: tableOffset, length: tableBytes }), clusters)
  const entries = rootFiles(await readAt({ offset: rootOffset, length: rootEntries * entryBytes }))

  return {
    async find(path) {
      const name = path.slice(1).toLowerCase()
      return entries.find(({ names }) => names.includes(name)) ?? null
    },
    async readFile({ path, sizeBytes, firstCluster }) {
      if (sizeBytes > fileBytesMax) throw new FatError(`${path} has more than ${fileBytesMax} bytes`)
      const parts: Buffer[] = []
      let cluster = firstCluster
      for (let left = sizeBytes; left > 0; left -= clusterBytes) {
        if (cluster < 2 || cluster >= clusters + 2) throw new FatError(`${path} ends before its size`)
        const offset = dataOffset + (cluster - 2) * clusterBytes
        parts.push(await readAt({ offset, length: Math.min(clusterBytes, left) }))
        cluster = nextOf(cluster)
      }
      return Buffer.concat(parts)
    },
  }
}

/** The table's entry for a cluster: the next one. The number of clusters decides between the two widths of an entry. */
function chain(table: Buffer, clusters: number): (cluster: number) => number {
  if (clusters >= 65_525) throw new FatError('FAT32 is not read')
  const isWide = clusters >= 4_085
  if (table.length < (clusters + 2) * (isWide ? 2 : 1.5)) throw new FatError('the allocation table is too small')
  if (isWide) return (cluster) => table.readUInt16LE(cluster * 2)
  return (cluster) => {
    const at = cluster + (cluster >> 1)
    const pair = table.readUInt8(at) | ((table[at + 1] ?? 0) << 8)
    return cluster % 2 === 0 ? pair & 0xfff : pair >> 4
  }
}

const noLongName = { name: '', checksum: 0 }

/** Files by long and short name, both in lower case. */
function rootFiles(directory: Buffer): (FatEntry & { readonly names: readonly string[] })[] {
  const files: (FatEntry & { readonly names: readonly string[] })[] = []
  let long = noLongName
  for (let at = 0; at < directory.length; at += entryBytes) {
    const entry = directory.subarray(at, at + entryBytes)
    const first = entry.readUInt8(0)
    if (first === 0) break
    const attributes = entry.readUInt8(11)
    if (first !== 0xe5 && attributes === 0x0f) {
      // The parts of a long name come in reverse order.
      const begins = (first & 0x40) !== 0
      long = { name: longPart(entry) + (begins ? '' : long.name), checksum: entry.readUInt8(13) }
      continue
    }
    const isFile = first !== 0xe5 && (attributes & 0x18) === 0
    if (isFile) {
      const short = shortName(entry)
      // A long name counts only beside the short one that it was made for.
      const name = long.name !== '' && long.checksum === checksum(entry) ? long.name : short
      files.push({
        path: `/${name}`,
        kind: 'file',
        sizeBytes: entry.readUInt32LE(28),
        firstCluster: entry.readUInt16LE(26),
        names: [name.toLowerCase(), short.toLowerCase()],
      })
    }
    long = noLongName
  }
  return files
}

function longPart(entry: Buffer): string {
  const units = longNameOffsets.map((offset) => entry.readUInt16LE(offset))
  const end = units.indexOf(0)
  return String.fromCharCode(...(end === -1 ? units : units.slice(0, end)))
}

function shortName(entry: Buffer): string {
  const stem = entry.toString('latin1', 0, 8).trimEnd()
  const extension = entry.toString('latin1', 8, 11).trimEnd()
  return extension === '' ? stem : `${stem}.${extension}`
}

function checksum(entry: Buffer): number {
  return entry.subarray(0, 11).reduce((sum, byte) => (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff, 0)
}
