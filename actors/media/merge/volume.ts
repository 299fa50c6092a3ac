/** The changes to a base's volume when its root directory moves and gets one more entry. */
import { directory, type Extent } from '../iso/directory.ts'
import { SECTOR_BYTES } from '../iso/fields.ts'
import { compareNames } from '../iso/names.ts'
import { type BaseImage, type BaseVolume, readExtent } from './base.ts'
import { BaseIsoError } from './base-error.ts'
import { extentOf, identifierOf, isDirectory, pointedTo, recordsOf, writeBoth32 } from './directory-records.ts'
import type { Patch } from './partition-table.ts'

/** Decodes an identifier of one of the two trees into a name. */
export type Decode = (identifier: Buffer) => string

/** Ceiling of the directories directly below the root: each costs a sector of overlay. */
const FOLDERS_MAX = 512

/**
 * The root directory in its new place, with the new folder's record among the others in their order (ECMA-119 9.3).
 * @throws BaseIsoError when the root has an entry of that name already.
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

/** The `..` records of the directories below the root, pointing to the root's new place. */
export async function changedParents(base: BaseImage, volume: BaseVolume, root: Extent): Promise<readonly Patch[]> {
  const [, , ...others] = recordsOf(volume.directory).map(({ record }) => record)
  const folders = others.filter(isDirectory).map(extentOf)
  if (folders.length > FOLDERS_MAX) throw new BaseIsoError(`more than ${FOLDERS_MAX} directories are in its root`)
  const patches: Patch[] = []
  for (const { sector } of folders) {
    const parent = recordsOf(await readExtent(base, { sector, bytes: SECTOR_BYTES }))[1]
    if (parent === undefined) throw new BaseIsoError(`the directory in sector ${sector} is empty`)
    // A directory that Rock Ridge relocated has its true parent in another entry (RRIP 4.1.5), never the root.
    patches.push({ offset: sector * SECTOR_BYTES + parent.offset, bytes: pointedTo(parent.record, root) })
  }
  return patches
}

/** The volume descriptor (8.4) with new sizes and places. Name and date stay, because boot loaders search by them. */
export function changedDescriptor(
  { descriptor }: BaseVolume,
  {
    root,
    tables,
    sectors,
  }: {
    readonly root: Extent
    /** The sectors of the path table in its two byte orders, and the length of each. */
    readonly tables: { readonly little: number; readonly big: number; readonly bytes: number }
    readonly sectors: number
  },
): Patch {
  const bytes = Buffer.from(descriptor.bytes)
  writeBoth32(bytes, 80, sectors)
  writeBoth32(bytes, 132, tables.bytes)
  bytes.writeUInt32LE(tables.little, 140)
  // Drops the optional second copies, which are out of date.
  bytes.writeUInt32LE(0, 144)
  bytes.writeUInt32BE(tables.big, 148)
  bytes.writeUInt32BE(0, 152)
  writeBoth32(bytes, 158, root.sector)
  writeBoth32(bytes, 166, root.bytes)
  return { offset: descriptor.sector * SECTOR_BYTES, bytes }
}
