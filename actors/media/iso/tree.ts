/** The two directories over the same files, as roots or as folders: plain ISO 9660 with Rock Ridge, and Joliet. */
import { directory, directoryRecord, type Extent, PARENT, SELF } from './directory.ts'
import { ascii, concat, type Encoding, ucs2 } from './fields.ts'
import { compareNames, type FileNames } from './names.ts'
import { attributes, continuedAt, indicator, MODE_DIRECTORY, MODE_FILE, trueName } from './rock-ridge.ts'

/** A file with its names, contents and extent. */
export interface PlacedFile extends FileNames {
  readonly bytes: Uint8Array
  /** The file serial number ("inode") that Rock Ridge shows; the root has 1. Null where the image has none. */
  readonly serial: number | null
  readonly extent: Extent
}

export interface Tree {
  readonly files: readonly PlacedFile[]
  readonly timestamp: Date
  /** The place of the directory itself. */
  readonly root: Extent
}

/** A directory below another one. */
export interface Folder extends Tree {
  readonly parent: Extent
}

/** The root directory of the primary volume. Its Rock Ridge continues in `continuationSector` (see `continuation`). */
export function plainTree({ continuationSector, ...tree }: Tree & { readonly continuationSector: number }): Uint8Array {
  const { timestamp } = tree
  const ofRoot = attributes({ mode: MODE_DIRECTORY, links: 2, serial: 1, timestamp })
  const ofSelf = concat(indicator(), ofRoot, continuedAt(continuationSector))
  return directoryOf(tree, { ...plainStyle(timestamp), ofSelf, ofParent: ofRoot })
}

/** A folder of the primary volume, directly below the root of its image. */
export function plainFolder({ serial, ...folder }: Folder & { readonly serial: number | null }): Uint8Array {
  const { timestamp } = folder
  const ofFolder = attributes({ mode: MODE_DIRECTORY, links: 2, serial, timestamp })
  return directoryOf(folder, { ...plainStyle(timestamp), ofSelf: ofFolder, ofParent: ofFolder })
}

function plainStyle(timestamp: Date): Pick<TreeStyle, 'nameOf' | 'encoding' | 'ofFile'> {
  return {
    nameOf: ({ isoName }) => isoName,
    encoding: ascii,
    ofFile: ({ name, serial }) => concat(attributes({ mode: MODE_FILE, links: 1, serial, timestamp }), trueName(name)),
  }
}

/** The root directory of the supplementary volume: true names in UCS-2, and empty system use areas. */
export function jolietTree(tree: Tree): Uint8Array {
  return directoryOf(tree, jolietStyle)
}

/** A folder of the supplementary volume. */
export function jolietFolder(folder: Folder): Uint8Array {
  return directoryOf(folder, jolietStyle)
}

const NOTHING = new Uint8Array(0)

/** The differences between the two trees: names, and the system use areas. */
interface TreeStyle {
  readonly nameOf: (file: PlacedFile) => string
  readonly encoding: Encoding
  readonly ofSelf: Uint8Array
  readonly ofParent: Uint8Array
  readonly ofFile: (file: PlacedFile) => Uint8Array
}

const jolietStyle: TreeStyle = {
  nameOf: ({ name }) => name,
  encoding: ucs2,
  ofSelf: NOTHING,
  ofParent: NOTHING,
  ofFile: () => NOTHING,
}

function directoryOf({ files, timestamp, root, parent = root }: Tree & Partial<Folder>, style: TreeStyle): Uint8Array {
  const self = { kind: 'directory', timestamp } as const
  return directory([
    directoryRecord({ ...self, extent: root, identifier: SELF, systemUse: style.ofSelf }),
    directoryRecord({ ...self, extent: parent, identifier: PARENT, systemUse: style.ofParent }),
    ...files
      .toSorted((left, right) => compareNames(style.nameOf(left), style.nameOf(right)))
      .map((file) =>
        directoryRecord({
          identifier: style.encoding(`${style.nameOf(file)};1`),
          extent: file.extent,
          kind: 'file',
          timestamp,
          systemUse: style.ofFile(file),
        }),
      ),
  ])
}
