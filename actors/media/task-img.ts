/**
 * Builds the task image: the files of the task ISO in a FAT volume, for a slot that takes a USB stick or a floppy
 * (spec/media.md, "Deterministic"). Pure: same inputs, same bytes, on any machine.
 *
 * The volume fills the whole disk, without a partition table. BMCs take that as `.img` for either kind of slot (a
 * floppy never has partitions), mkfs.fat and mtools make it of a plain file, and Linux, Windows and the ESXi installer
 * (`ks=usb:/ks.cfg`) all read it. FAT16, because firmware reads it and it needs only 4 MiB.
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
  /** 1 to 11 of A-Z, 0-9 and underscore. It is for humans; readers recognise the medium by its contents. */
  readonly label: string
  /** The volume's serial number, 32 bits. */
  readonly serial: number
  /** The timestamp of the label and of all files, in UTC. Fractions of a second are dropped. */
  readonly timestamp: Date
  /** Their order has no effect on the image. */
  readonly files: readonly TaskFile[]
}

/** The label of every job's image: a host sees one image at a time. */
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

/** The serial number of a job's image: a hash of the job's id. */
export function taskVolumeSerial(jobId: string): number {
  return createHash('sha256').update(jobId).digest().readUInt32BE(0)
}

/** The smallest geometry that holds the files. Contents within the limits of `checkContents` fit into the largest. */
function smallestFor(files: readonly TaskFile[]): Geometry {
  const clustersIn = ({ clusterBytes }: Geometry) =>
    files.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / clusterBytes), 0)
  const geometry = geometries.find((candidate) => clustersIn(candidate) <= candidate.clusters)
  if (geometry === undefined) throw new RangeError('the contents do not fit into the largest FAT volume')
  return geometry
}
