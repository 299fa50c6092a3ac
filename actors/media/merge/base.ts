/** Reads the ISO that task files are added to, and checks that it is suitable (spec/media.md, layout 3). */
import type { Extent } from '../iso/directory.ts'
import { SECTOR_BYTES, sectorsOf } from '../iso/fields.ts'
import { BaseIsoError } from './base-error.ts'
import { extentOf, posixEntry, recordsOf, systemUseOf } from './directory-records.ts'

/** Reads exactly `lengthBytes` bytes. */
type ReadAt = (offset: number, lengthBytes: number) => Promise<Buffer>

export interface BaseImage {
  readonly sizeBytes: number
  readonly readAt: ReadAt
}

/** One of the two trees. */
export interface BaseVolume {
  readonly descriptor: { readonly sector: number; readonly bytes: Buffer }
  /** The table in little-endian order. */
  readonly pathTable: Buffer
  readonly root: Extent
  readonly directory: Buffer
}

export interface BaseIso {
  readonly plain: BaseVolume
  /** Null where the base has no Joliet. */
  readonly joliet: BaseVolume | null
  /** True when its Rock Ridge is of version 1.12, in which files have serial numbers. */
  readonly hasSerials: boolean
}

/** 8 GiB: far above the size of a maintenance ISO, far below the reach of sector numbers of 32 bits. */
export const BASE_BYTES_MAX = 8 * 1024 ** 3
/** The limit of one directory or path table. */
const TABLE_BYTES_MAX = 1024 * 1024
const FIRST_DESCRIPTOR = 16
const DESCRIPTORS_MAX = 32

/**
 * Reads the descriptors, path tables and root directories.
 * @throws BaseIsoError for anything but a bootable ISO 9660 with Rock Ridge, and for one with UDF: readers prefer UDF,
 *   which would hide the added files.
 */
export async function readBase({ sizeBytes, readAt }: BaseImage): Promise<BaseIso> {
  if (sizeBytes > BASE_BYTES_MAX) throw new BaseIsoError(`it has ${sizeBytes} bytes, more than ${BASE_BYTES_MAX}`)
  const found = await readDescriptors({ sizeBytes, readAt })
  if (found.plain === undefined) throw new BaseIsoError('it has no ISO 9660 volume descriptor')
  if (found.udf) throw new BaseIsoError('it has a UDF volume, in which added files would not be seen')
  if (!found.bootable) throw new BaseIsoError('it has no El Torito boot record, so that nothing boots from it as a CD')
  const plain = await readVolume({ sizeBytes, readAt }, found.plain)
  const joliet = found.joliet === undefined ? null : await readVolume({ sizeBytes, readAt }, found.joliet)
  return { plain, joliet, hasSerials: rockRidge(plain) >= 44 }
}

type Descriptor = BaseVolume['descriptor']

async function readDescriptors({ sizeBytes, readAt }: BaseImage) {
  const found: { plain?: Descriptor; joliet?: Descriptor; bootable: boolean; udf: boolean } = {
    bootable: false,
    udf: false,
  }
  let ended = false
  // UDF's recognition sequence goes on behind the terminator (ECMA-167 2/8.3).
  for (let sector = FIRST_DESCRIPTOR; sector < FIRST_DESCRIPTOR + DESCRIPTORS_MAX; sector++) {
    if ((sector + 1) * SECTOR_BYTES > sizeBytes) break
    const bytes = await readAt(sector * SECTOR_BYTES, SECTOR_BYTES)
    const identifier = bytes.toString('latin1', 1, 6)
    if (/^NSR0[23]$/.test(identifier)) found.udf = true
    if (!/^(?:CD001|BEA01|NSR0[23]|TEA01|BOOT2)$/.test(identifier)) break
    if (ended || identifier !== 'CD001') continue
    const type = bytes.readUInt8(0)
    if (type === 255) ended = true
    if (type === 1) found.plain ??= { sector, bytes }
    if (type === 0 && bytes.toString('latin1', 7, 30) === 'EL TORITO SPECIFICATION') found.bootable = true
    if (type === 2 && /^%\/[@CE]/.test(bytes.toString('latin1', 88, 91))) found.joliet ??= { sector, bytes }
  }
  return found
}

async function readVolume(base: BaseImage, descriptor: Descriptor): Promise<BaseVolume> {
  const { bytes } = descriptor
  if (bytes.readUInt16LE(128) !== SECTOR_BYTES) throw new BaseIsoError('its logical blocks are not of 2048 bytes')
  const root = extentOf(bytes.subarray(156, 190))
  const pathTable = { sector: bytes.readUInt32LE(140), bytes: bytes.readUInt32LE(132) }
  return {
    descriptor,
    pathTable: await readExtent(base, pathTable),
    root,
    directory: await readExtent(base, { ...root, bytes: sectorsOf(root.bytes) * SECTOR_BYTES }),
  }
}

/** @throws BaseIsoError for an extent that is empty, over `TABLE_BYTES_MAX`, or beyond the end of the image. */
export async function readExtent({ sizeBytes, readAt }: BaseImage, { sector, bytes }: Extent): Promise<Buffer> {
  const offset = sector * SECTOR_BYTES
  if (bytes === 0 || bytes > TABLE_BYTES_MAX || offset + bytes > sizeBytes)
    throw new BaseIsoError(`it has no directory of ${bytes} bytes in sector ${sector}`)
  return readAt(offset, bytes)
}

/** The length of Rock Ridge's PX: 36 bytes up to RRIP 1.10, 44 in 1.12. @throws BaseIsoError without Rock Ridge. */
function rockRidge({ directory }: BaseVolume): number {
  const self = recordsOf(directory)[0]?.record
  const area = self === undefined ? Buffer.alloc(0) : systemUseOf(self)
  const indicator = area.length >= 7 && area.toString('latin1', 0, 2) === 'SP' && area.readUInt16BE(4) === 0xbeef
  const posix = self === undefined ? null : posixEntry(self)
  if (!indicator || area.readUInt8(6) !== 0 || posix === null)
    throw new BaseIsoError('it has no Rock Ridge, without which file names are not what they should be (xorriso: -r)')
  return posix.length
}
