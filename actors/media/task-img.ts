/**
 * Builds the task image: the files of the task ISO in a FAT volume, for a slot that takes a USB stick or a floppy
 * (spec/media.md, "Deterministic"). Pure: same inputs, same bytes, on any machine.
 *
 * The volume fills the whole disk, without a partition table: that is what BMCs take as `.img` for either kind of slot (a
 * floppy never has partitions), what mkfs.fat and mtools make of a plain file, and what Linux, Windows and the ESXi
 * installer (`ks=usb:/ks.cfg`) all read. FAT16, because firmware knows it and 4 MiB is enough for it.
 *
 * Read in this order: `buildImg`, fat/volume.ts, fat/directory.ts, fat/names.ts.
 */
import { createHash } from 'node:crypto'
import { type FileEntry, rootDirectory } from './fat/directory.ts'
import { shortNames } from './fat/names.ts'
import { allocationTable, bootSector, type Geometry, geometries, type Run } from './fat/volume.ts'
import { nameFiles } from './iso/names.ts'
import { checkContents, type TaskFile } from './task-iso.ts'

export interface ImgInput {
  /** 1 to 11 of A-Z, 0-9 and underscore: by it a human knows the medium; readers go by its contents. */
  readonly label: string
  /** The volume's serial number, 32 bits. */
  readonly serial: number
  /** The one time of label and files, read as UTC. Fractions of a second are dropped. */
  readonly timestamp: Date
  /** In any order: the image is the same. */
  readonly files: readonly TaskFile[]
}

/** The same for every job: a host sees one at a time. */
export const TASK_LABEL = 'TASK'

/**
 * The whole image, in memory: 4 MiB at least, 16 at most.
 * @throws RangeError for anything over a limit or not representable; see `ImgInput` and `nameFiles`.
 */
export function buildImg({ label, serial, timestamp, files }: ImgInput): Uint8Array {
  if (!/^[A-Z0-9_]{1,11}$/.test(label)) {
    throw new RangeError(`a FAT label is 1 to 11 of A-Z 0-9 _, not ${JSON.stringify(label)}`)
  }
  if (!Number.isInteger(serial) || serial < 0 || serial > 0xffff_ffff) throw new RangeError('a FAT serial has 32 bits')
  checkContents(files)
  const named = nameFiles(files)
  const geometry = smallestFor(files)
  const padded = label.padEnd(11)

  const image = new Uint8Array(geometry.bytes)
  const short = shortNames(named.map(({ name }) => name))
  const entries: FileEntry[] = []
  const runs: Run[] = []
  let next = 2
  for (const [index, { name, bytes }] of named.entries()) {
    const clusters = Math.ceil(bytes.length / geometry.clusterBytes)
    const firstCluster = clusters === 0 ? 0 : next
    if (clusters > 0) runs.push({ firstCluster, clusters })
    image.set(bytes, geometry.dataOffset + (next - 2) * geometry.clusterBytes)
    entries.push({ name, shortName: short[index] ?? '', bytes: bytes.length, firstCluster })
    next += clusters
  }
  image.set(bootSector(geometry, { label: padded, serial }))
  const table = allocationTable(geometry, runs)
  for (const offset of geometry.tables.offsets) image.set(table, offset)
  image.set(rootDirectory({ label: padded, timestamp, files: entries }), geometry.root.offset)
  return image
}

/** A serial number of its own for each job's image, as a hash of the job's id. */
export function taskVolumeSerial(jobId: string): number {
  return createHash('sha256').update(jobId).digest().readUInt32BE(0)
}

/** Whatever `checkContents` lets through fits into the largest. */
function smallestFor(files: readonly TaskFile[]): Geometry {
  const clustersIn = ({ clusterBytes }: Geometry) =>
    files.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / clusterBytes), 0)
  const geometry = geometries.find((candidate) => clustersIn(candidate) <= candidate.clusters)
  if (geometry === undefined) throw new RangeError('the contents do not fit into the largest FAT volume')
  return geometry
}
