/** The two root directories over the same files: plain ISO 9660 with Rock Ridge, and Joliet. */
import { directory, directoryRecord, type Extent, PARENT, SELF } from './directory.ts'
import { ascii, concat, type Encoding, ucs2 } from './fields.ts'
import { compareNames, type FileNames } from './names.ts'
import { attributes, continuedAt, indicator, MODE_DIRECTORY, MODE_FILE, trueName } from './rock-ridge.ts'

/** A file with its names and contents, in its place. */
export interface PlacedFile extends FileNames {
  readonly bytes: Uint8Array
  /** The file serial number ("inode") that Rock Ridge shows; the root has 1. */
  readonly serial: number
  readonly extent: Extent
}

export interface Tree {
  readonly files: readonly PlacedFile[]
  readonly timestamp: Date
  /** Where the directory itself lies. */
  readonly root: Extent
}

/** The root directory of the primary volume. Its Rock Ridge goes on in the sector named (see `continuation`). */
export function plainTree({ continuationSector, ...tree }: Tree & { readonly continuationSector: number }): Uint8Array {
  const { timestamp } = tree
  const ofRoot = attributes({ mode: MODE_DIRECTORY, links: 2, serial: 1, timestamp })
  return rootDirectory(tree, {
    nameOf: ({ isoName }) => isoName,
    encoding: ascii,
    ofSelf: concat(indicator(), ofRoot, continuedAt(continuationSector)),
    ofParent: ofRoot,
    ofFile: ({ name, serial }) => concat(attributes({ mode: MODE_FILE, links: 1, serial, timestamp }), trueName(name)),
  })
}

/** The root directory of the supplementary volume: true names in UCS-2, and nothing in the system use areas. */
export function jolietTree(tree: Tree): Uint8Array {
  return rootDirectory(tree, {
    nameOf: ({ name }) => name,
    encoding: ucs2,
    ofSelf: NOTHING,
    ofParent: NOTHING,
    ofFile: () => NOTHING,
  })
}

const NOTHING = new Uint8Array(0)

/** What tells one tree from the other: names, and what stands in the system use areas. */
interface TreeStyle {
  readonly nameOf: (file: PlacedFile) => string
  readonly encoding: Encoding
  readonly ofSelf: Uint8Array
  readonly ofParent: Uint8Array
  readonly ofFile: (file: PlacedFile) => Uint8Array
}

function rootDirectory({ files, timestamp, root }: Tree, style: TreeStyle): Uint8Array {
  const self = { extent: root, kind: 'directory', timestamp } as const
  return directory([
    directoryRecord({ ...self, identifier: SELF, systemUse: style.ofSelf }),
    directoryRecord({ ...self, identifier: PARENT, systemUse: style.ofParent }),
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
