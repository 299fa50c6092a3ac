/**
 * The boot sector, the geometry and the allocation table of a FAT16 volume. FATGEN is Microsoft's "FAT: General
 * Overview of On-Disk Format" 1.03, the specification that UEFI names.
 */

/** The only sector size that every firmware and driver reads, in bytes. */
const SECTOR_BYTES = 512

/** A directory entry, long or short (FATGEN "FAT Directory Structure"). */
export const ENTRY_BYTES = 32

/** Before the root directory: the boot sector, and two copies of the table. */
const RESERVED_SECTORS = 1
const TABLES = 2
/** Entries of 16 bits for 8192 clusters. */
const TABLE_SECTORS = 32
/** Room for 256 files whose names take five long entries and a short one each, and for the label. */
const ROOT_ENTRIES = 2048
const ROOT_SECTORS = (ROOT_ENTRIES * ENTRY_BYTES) / SECTOR_BYTES
const ROOT_SECTOR = RESERVED_SECTORS + TABLES * TABLE_SECTORS
const DATA_SECTOR = ROOT_SECTOR + ROOT_SECTORS

/** 8192 clusters, with the sectors before them: far from the 4085 and 65525 at which drivers see FAT12 and FAT32. */
const CLUSTERS_AND_ALL = 8192

export interface Geometry {
  readonly sectorsPerCluster: number
  readonly clusterBytes: number
  readonly clusters: number
  readonly sectors: number
  readonly bytes: number
  readonly tables: { readonly offsets: readonly number[]; readonly bytes: number }
  readonly root: { readonly offset: number; readonly bytes: number }
  /** The start of the clusters; they count from 2. */
  readonly dataOffset: number
}

/**
 * Volumes of 4, 8 and 16 MiB, in ascending order. All are FAT16, and only the size of a cluster differs.
 */
export const geometries: readonly Geometry[] = [1, 2, 4].map((sectorsPerCluster) => {
  const sectors = CLUSTERS_AND_ALL * sectorsPerCluster
  return {
    sectorsPerCluster,
    clusterBytes: sectorsPerCluster * SECTOR_BYTES,
    clusters: Math.floor((sectors - DATA_SECTOR) / sectorsPerCluster),
    sectors,
    bytes: sectors * SECTOR_BYTES,
    tables: {
      offsets: Array.from({ length: TABLES }, (_, copy) => (RESERVED_SECTORS + copy * TABLE_SECTORS) * SECTOR_BYTES),
      bytes: TABLE_SECTORS * SECTOR_BYTES,
    },
    root: { offset: ROOT_SECTOR * SECTOR_BYTES, bytes: ROOT_SECTORS * SECTOR_BYTES },
    dataOffset: DATA_SECTOR * SECTOR_BYTES,
  }
})

/** A disk that cannot be taken out of its drive, without partitions ("superfloppy"). */
const MEDIA = 0xf8

/** The boot sector (FATGEN "Boot Sector and BPB"). The label has 11 characters, padded with spaces. */
export function bootSector(
  { sectorsPerCluster, sectors }: Geometry,
  { label, serial }: { readonly label: string; readonly serial: number },
): Uint8Array {
  const sector = Buffer.alloc(SECTOR_BYTES)
  sector.set([0xeb, 0x3c, 0x90])
  sector.write('MSWIN4.1', 3, 'latin1')
  sector.writeUInt16LE(SECTOR_BYTES, 11)
  sector.writeUInt8(sectorsPerCluster, 13)
  sector.writeUInt16LE(RESERVED_SECTORS, 14)
  sector.writeUInt8(TABLES, 16)
  sector.writeUInt16LE(ROOT_ENTRIES, 17)
  sector.writeUInt16LE(sectors, 19)
  sector.writeUInt8(MEDIA, 21)
  sector.writeUInt16LE(TABLE_SECTORS, 22)
  // Sectors per track and heads. mtools refuses a volume that is no multiple of them.
  sector.writeUInt16LE(32, 24)
  sector.writeUInt16LE(64, 26)
  sector.writeUInt8(0x80, 36)
  sector.writeUInt8(0x29, 38)
  sector.writeUInt32LE(serial, 39)
  sector.write(label, 43, 'latin1')
  sector.write('FAT16   ', 54, 'latin1')
  // Code for a BIOS that boots from the volume: interrupt 18h makes it try the next device.
  sector.set([0xcd, 0x18, 0xf4, 0xeb, 0xfd], 62)
  sector.set([0x55, 0xaa], 510)
  return sector
}

/** A file's clusters: one run, because the builder deletes no files. */
export interface Run {
  readonly firstCluster: number
  readonly clusters: number
}

/** The allocation table (FATGEN "FAT Data Structure"): one chain per run, marked as cleanly unmounted. */
export function allocationTable({ tables }: Geometry, runs: readonly Run[]): Uint8Array {
  const endOfChain = 0xffff
  const table = Buffer.alloc(tables.bytes)
  table.writeUInt16LE(0xff00 | MEDIA, 0)
  table.writeUInt16LE(endOfChain, 2)
  for (const { firstCluster, clusters } of runs) {
    const last = firstCluster + clusters - 1
    for (let cluster = firstCluster; cluster <= last; cluster++)
      table.writeUInt16LE(cluster === last ? endOfChain : cluster + 1, cluster * 2)
  }
  return table
}
