/**
 * Builds the task ISO: ISO 9660 with Joliet and Rock Ridge, data only, files in the root only (spec/media.md). Pure and
 * deterministic: the job's history has the digest, and a rebuild on another day and machine must give it again.
 *
 * Read in this order: `buildIso`, iso/names.ts, iso/tree.ts, iso/directory.ts, iso/rock-ridge.ts, iso/volume.ts,
 * iso/fields.ts.
 */
import { type Extent, pathTable } from './iso/directory.ts'
import { SECTOR_BYTES, sectorsOf } from './iso/fields.ts'
import { type FileNames, nameFiles } from './iso/names.ts'
import { continuation } from './iso/rock-ridge.ts'
import { jolietTree, type PlacedFile, plainTree } from './iso/tree.ts'
import { terminator, volumeDescriptor } from './iso/volume.ts'

export interface TaskFile {
  /** `/name`: all files are in the root. */
  readonly path: string
  readonly bytes: Uint8Array
}

export interface IsoInput {
  /** 1 to 32 of A-Z, 0-9 and underscore (the d-characters of ECMA-119 7.4.1). */
  readonly volumeId: string
  /** The timestamp of volume, directory and files. Fractions of a second are dropped. */
  readonly timestamp: Date
  /** Their order has no effect on the image. */
  readonly files: readonly TaskFile[]
  /** Empty sectors at the end, for BMCs that read ahead beyond the last file. */
  readonly paddingSectors?: number
}

/** The limit of all files together, and so of each (spec/media.md, "Deterministic"). */
export const CONTENT_BYTES_MAX = 10 * 1024 * 1024
export const FILES_MAX = 256
const PADDING_SECTORS_DEFAULT = 150
/** 32 MiB. */
const PADDING_SECTORS_MAX = 16_384

/** The sectors before the directories and files. The system area in front of them stays empty (ECMA-119 6.2.1). */
const SECTOR = {
  plain: { descriptor: 16, pathTables: { little: 19, big: 20 } },
  joliet: { descriptor: 17, pathTables: { little: 21, big: 22 } },
  terminator: 18,
  continuation: 23,
  directories: 24,
} as const

/**
 * The whole image, in memory: at most 10 MiB of contents, and the padding.
 * @throws RangeError for anything over a limit or not representable; see `IsoInput` and `nameFiles`.
 */
export function buildIso(input: IsoInput): Uint8Array {
  const { volumeId, timestamp, files, paddingSectors = PADDING_SECTORS_DEFAULT } = input
  checkVolume({ volumeId, timestamp, paddingSectors })
  checkContents(files)
  const named = nameFiles(files)

  // The length of a directory is independent of the extents in it, so placeholder extents are enough to measure it.
  const draft = { files: place(named, 0), timestamp, root: { sector: 0, bytes: 0 }, continuationSector: 0 }
  const plain = { sector: SECTOR.directories, bytes: plainTree(draft).length }
  const joliet = { sector: after(plain), bytes: jolietTree(draft).length }
  const placed = place(named, after(joliet))
  const sectors = placed.reduce((end, { extent }) => Math.max(end, after(extent)), after(joliet)) + paddingSectors

  const image = new Uint8Array(sectors * SECTOR_BYTES)
  const put = (sector: number, bytes: Uint8Array) => image.set(bytes, sector * SECTOR_BYTES)
  for (const [tree, root] of [['plain', plain] as const, ['joliet', joliet] as const]) {
    const { descriptor, pathTables } = SECTOR[tree]
    put(descriptor, volumeDescriptor({ tree, volumeId, timestamp, sectors, root, pathTables }))
    put(pathTables.little, pathTable(root.sector, 'little'))
    put(pathTables.big, pathTable(root.sector, 'big'))
  }
  put(SECTOR.terminator, terminator())
  put(SECTOR.continuation, continuation())
  put(plain.sector, plainTree({ files: placed, timestamp, root: plain, continuationSector: SECTOR.continuation }))
  put(joliet.sector, jolietTree({ files: placed, timestamp, root: joliet }))
  for (const { extent, bytes } of placed) put(extent.sector, bytes)
  return image
}

/** `TASK_` and the job id without dashes, upper case, cut to the 32 characters of a volume id (spec/media.md). */
export function taskVolumeId(jobId: string): string {
  return `TASK_${jobId.replaceAll('-', '').toUpperCase()}`.slice(0, 32)
}

/** Files one after the other, each from the start of a sector. An empty one has sector zero (ECMA-119 6.4.5). */
function place(files: readonly (TaskFile & FileNames)[], firstSector: number): readonly PlacedFile[] {
  let next = firstSector
  return files.map((file, index) => {
    const sector = file.bytes.length === 0 ? 0 : next
    next += sectorsOf(file.bytes.length)
    return { ...file, serial: index + 2, extent: { sector, bytes: file.bytes.length } }
  })
}

function after({ sector, bytes }: Extent): number {
  return sector + sectorsOf(bytes)
}

/** Checks the limits of a task's files on every kind of medium. @throws RangeError beyond a limit. */
export function checkContents(files: readonly TaskFile[]): void {
  if (files.length > FILES_MAX)
    throw new RangeError(`a task medium holds ${FILES_MAX} files at most, not ${files.length}`)
  let total = 0
  for (const { path, bytes } of files) {
    total += bytes.length
    if (total > CONTENT_BYTES_MAX) {
      throw new RangeError(
        `a task medium holds ${CONTENT_BYTES_MAX} bytes at most: ${path} has ${bytes.length} and brings it to ${total}`,
      )
    }
  }
}

function checkVolume({ volumeId, timestamp, paddingSectors }: Omit<Required<IsoInput>, 'files'>): void {
  if (!/^[A-Z0-9_]{1,32}$/.test(volumeId)) {
    throw new RangeError(`a volume id is 1 to 32 of A-Z 0-9 _, not ${JSON.stringify(volumeId)}`)
  }
  // A recording date counts years from 1900 in one byte (ECMA-119 9.1.5).
  const year = timestamp.getUTCFullYear()
  if (!(year >= 1900 && year <= 2155)) throw new RangeError(`an ISO 9660 date lies in 1900 to 2155, not in ${year}`)
  if (!Number.isInteger(paddingSectors) || paddingSectors < 0 || paddingSectors > PADDING_SECTORS_MAX) {
    throw new RangeError(`padding is 0 to ${PADDING_SECTORS_MAX} whole sectors, not ${paddingSectors}`)
  }
}
