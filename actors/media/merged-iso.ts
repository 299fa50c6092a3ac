/**
 * Adds a job's files to the maintenance ISO, as `/task`, for a server with a single slot (spec/media.md, layout 3). The
 * base stays uncopied: `mergeIso` makes an overlay, a list of the bytes that replace or follow the base's. Pure but for
 * reading the base, and deterministic: same base, files and time, same overlay.
 *
 * Everything that boots stays in its place: the El Torito record and its catalog, the EFI image, the names and dates of
 * the volume, by which boot loaders search. Added behind the base's end, in both trees, are the root directory with its
 * new entry, path tables, the folder and its files. Changed in place are the two volume descriptors, the `..` records
 * of the directories below the root, and the partition tables of a base that boots from disks as well.
 *
 * Read in this order: `mergeIso`, merge/base.ts, merge/directory-records.ts, merge/path-table.ts,
 * merge/partition-table.ts.
 */
import { directoryRecord, type Extent } from './iso/directory.ts'
import { ascii, concat, SECTOR_BYTES, sectorsOf, ucs2 } from './iso/fields.ts'
import { compareNames, nameFiles } from './iso/names.ts'
import { attributes, MODE_DIRECTORY, trueName } from './iso/rock-ridge.ts'
import { type Folder, jolietFolder, type PlacedFile, plainFolder } from './iso/tree.ts'
import { type BaseImage, type BaseIso, type BaseVolume, readBase } from './merge/base.ts'
import { backupBytes, grownTables, type Patch, TABLES_BYTES } from './merge/partition-table.ts'
import { withFolder } from './merge/path-table.ts'
import { Tail } from './merge/tail.ts'
import { changedDescriptor, changedParents, type Decode, extendedRoot } from './merge/volume.ts'
import { checkContents, type TaskFile } from './task-iso.ts'

export interface MergeInput {
  readonly base: BaseImage
  /** The timestamp of the folder and of all its files. */
  readonly timestamp: Date
  /** Their order has no effect on the overlay. */
  readonly files: readonly TaskFile[]
  /** Empty sectors behind the files. */
  readonly paddingSectors: number
}

export interface Overlay {
  /** The size of the merged image. */
  readonly sizeBytes: number
  /** In order and apart from each other. The last one goes from the end of the base to the end of the merged image. */
  readonly pieces: readonly Patch[]
}

/** The dispatcher looks in this folder of its boot medium for a task (spec/maintenance-os.md). */
const FOLDER = 'task'

/**
 * @throws BaseIsoError for an unsuitable base.
 * @throws RangeError for files over a limit or not representable; see `nameFiles`.
 */
export async function mergeIso({ base, timestamp, files, paddingSectors }: MergeInput): Promise<Overlay> {
  checkContents(files)
  const iso = await readBase(base)
  const start = await base.readAt(0, TABLES_BYTES)
  const tail = new Tail(base.sizeBytes)
  const serialOf = serialNumbers(iso, base)
  const folder = { files: placeFiles(files, tail, serialOf), timestamp, tail }
  const grown = [
    grow(iso.plain, plainStyle({ timestamp, serial: serialOf(0) }), folder),
    ...(iso.joliet === null ? [] : [grow(iso.joliet, jolietStyle, folder)]),
  ]
  tail.reserve(paddingSectors * SECTOR_BYTES)
  tail.reserve(backupBytes(start))

  const { sectors } = tail
  const sizeBytes = sectors * SECTOR_BYTES
  const patches = [...grownTables(start, { fromBytes: base.sizeBytes, toBytes: sizeBytes })]
  for (const { volume, root, tables } of grown) {
    patches.push(changedDescriptor(volume, { root, tables, sectors }), ...(await changedParents(base, volume, root)))
  }
  const isBehind = ({ offset }: Patch) => offset >= base.sizeBytes
  const over = patches.filter((patch) => !isBehind(patch)).toSorted((left, right) => left.offset - right.offset)
  return { sizeBytes, pieces: [...over, tail.piece(patches.filter(isBehind))] }
}

/** The files' contents, which both trees share. */
function placeFiles(files: readonly TaskFile[], tail: Tail, serialOf: SerialOf): readonly PlacedFile[] {
  return nameFiles(files).map((file, index) => ({
    ...file,
    serial: serialOf(index + 1),
    extent: tail.append(file.bytes),
  }))
}

/** Serial numbers of the folder (0) and its files. The base's count its files, so they are below its sector count. */
type SerialOf = (index: number) => number | null

function serialNumbers({ hasSerials }: BaseIso, base: BaseImage): SerialOf {
  return (index) => (hasSerials ? sectorsOf(base.sizeBytes) + index : null)
}

/** The differences between the two trees. */
interface Style {
  readonly identifier: Uint8Array
  readonly decode: Decode
  /** The system use area of the folder's record in the root. */
  readonly systemUse: Uint8Array
  readonly folder: (folder: Folder) => Uint8Array
}

function plainStyle({ timestamp, serial }: { readonly timestamp: Date; readonly serial: number | null }): Style {
  return {
    identifier: ascii(FOLDER.toUpperCase()),
    decode: (identifier) => unversioned(identifier.toString('latin1')),
    systemUse: concat(attributes({ mode: MODE_DIRECTORY, links: 2, serial, timestamp }), trueName(FOLDER)),
    folder: (folder) => plainFolder({ ...folder, serial }),
  }
}

const jolietStyle: Style = {
  identifier: ucs2(FOLDER),
  decode: (identifier) =>
    unversioned(new TextDecoder('utf-16be').decode(identifier.subarray(0, identifier.length & ~1))),
  systemUse: new Uint8Array(0),
  folder: jolietFolder,
}

function unversioned(identifier: string): string {
  return identifier.replace(/;\d+$/, '').replace(/\.$/, '')
}

/** Puts a volume's new root, folder and path tables behind the base. */
function grow(
  volume: BaseVolume,
  style: Style,
  { files, timestamp, tail }: { readonly files: readonly PlacedFile[]; readonly timestamp: Date; readonly tail: Tail },
) {
  const record = (extent: Extent) => Buffer.from(directoryRecord({ ...style, extent, kind: 'directory', timestamp }))
  // The length of a directory is independent of the extents in it, so a placeholder is enough to measure it.
  const nowhere = { sector: 0, bytes: 0 }
  const root = tail.reserve(extendedRoot(volume, record(nowhere), nowhere, style.decode).length)
  const extent = tail.reserve(style.folder({ files, timestamp, root: nowhere, parent: root }).length)
  tail.put(extent, style.folder({ files, timestamp, root: extent, parent: root }))
  tail.put(root, extendedRoot(volume, record(extent), root, style.decode))
  const { little, big } = withFolder(
    volume.pathTable,
    { root, extent, identifier: Buffer.from(style.identifier) },
    (left, right) => compareNames(style.decode(left), style.decode(right)) < 0,
  )
  const tables = { little: tail.append(little).sector, big: tail.append(big).sector, bytes: little.length }
  return { volume, root, tables }
}
