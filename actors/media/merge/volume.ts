/** The changes to a base's volume when its root directory moves and gets an entry more. */
import { directory, type Extent } from '../iso/directory.ts'
import { SECTOR_BYTES } from '../iso/fields.ts'
import { compareNames } from '../iso/names.ts'
import { type BaseImage, type BaseVolume, readExtent } from './base.ts'
import { BaseIsoError } from './base-error.ts'
import { extentOf, identifierOf, isDirectory, pointedTo, recordsOf, writeBoth32 } from './directory-records.ts'
import type { Patch } from './partition-table.ts'

/** A tree's way to write names, read back. */
export type Decode = (identifier: Buffer) => string

/** Directories directly below the root: each costs a sector of overlay. */
const FOLDERS_MAX = 512

/**
 * The root directory in its new place, with the new folder's record among the others in their order (ECMA-119 9.3).
 * @throws BaseIsoError when there is something of that name already.
 */
export function extendedRoot(volume: BaseVolume, added: Buffer, root: Extent, decode: Decode): Uint8Array {
  const [self, parent, ...others] = recordsOf(volume.directory).map(({ record }) => record)
  if (self === undefined || parent === undefined) throw new BaseIsoError('its root directory is empty')
  const name = decode(identifierOf(added))
  if (others.some((record) => decode(identifierOf(record)).toUpperCase() === name.toUpperCase()))
    throw new BaseIsoError(`it has a /${name.toLowerCase()} already`)
  const later = others.findIndex((record) => compareNames(name, decode(identifierOf(record))) < 0)
  return directory([
    pointedTo(self, root),
    pointedTo(parent, root),
    ...others.toSpliced(later === -1 ? others.length : later, 0, added),
  ])
}

/** The directories below the root know the way back to it (`..`): the first sector of each, pointing to the new place. */
export async function changedParents(base: BaseImage, volume: BaseVolume, root: Extent): Promise<readonly Patch[]> {
  const [, , ...others] = recordsOf(volume.directory).map(({ record }) => record)
  const folders = others.filter(isDirectory).map(extentOf)
  if (folders.length > FOLDERS_MAX) throw new BaseIsoError(`more than ${FOLDERS_MAX} directories are in its root`)
  const patches: Patch[] = []
  for (const { sector } of folders) {
    const parent = recordsOf(await readExtent(base, { sector, bytes: SECTOR_BYTES }))[1]
    if (parent === undefined) throw new BaseIsoError(`the directory in sector ${sector} is empty`)
    // A directory that was moved up from the depths has its true way back elsewhere (RRIP 4.1.5), and none is to the root.
    patches.push({ offset: sector * SECTOR_BYTES + parent.offset, bytes: pointedTo(parent.record, root) })
  }
  return patches
}

/** The volume descriptor (8.4) for a volume of so many sectors. All else in it stays: boot loaders search by name and date. */
export function changedDescriptor(
  { descriptor }: BaseVolume,
  {
    root,
    tables,
    sectors,
  }: {
    readonly root: Extent
    /** The sectors of the path table in its two orders, and the length of each. */
    readonly tables: { readonly little: number; readonly big: number; readonly bytes: number }
    readonly sectors: number
  },
): Patch {
  const bytes = Buffer.from(descriptor.bytes)
  writeBoth32(bytes, 80, sectors)
  writeBoth32(bytes, 132, tables.bytes)
  bytes.writeUInt32LE(tables.little, 140)
  // The optional second copies would be the old ones.
  bytes.writeUInt32LE(0, 144)
  bytes.writeUInt32BE(tables.big, 148)
  bytes.writeUInt32BE(0, 152)
  writeBoth32(bytes, 158, root.sector)
  writeBoth32(bytes, 166, root.bytes)
  return { offset: descriptor.sector * SECTOR_BYTES, bytes }
}
