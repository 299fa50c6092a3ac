/** Volume descriptors, which stand in sectors 16 and following (ECMA-119 6.7.1, 8). */
import { directoryRecord, type Extent, PATH_TABLE_BYTES, SELF } from './directory.ts'
import { ascii, type Encoding, Fields, noVolumeDate, SECTOR_BYTES, ucs2, volumeDate } from './fields.ts'

/** One of the two trees over the same files. */
export interface VolumeDescriptor {
  readonly tree: 'plain' | 'joliet'
  readonly volumeId: string
  readonly timestamp: Date
  /** Sectors of the whole image. */
  readonly sectors: number
  readonly root: Extent
  /** Sectors of the path table in its two byte orders. */
  readonly pathTables: { readonly little: number; readonly big: number }
}

/** The primary volume descriptor (8.4), or Joliet's supplementary one (8.5), which differs in the character set. */
export function volumeDescriptor(volume: VolumeDescriptor): Uint8Array {
  const joliet = volume.tree === 'joliet'
  const encoding = joliet ? ucs2 : ascii
  const fields = descriptor(joliet ? 2 : 1)
  // The escape sequence for UCS-2 level 3 marks a supplementary descriptor as Joliet ("SVD Escape Sequences Field").
  if (joliet) fields.put(88, ascii('%/E'))
  return fields
    .put(8, text(encoding, '', 32))
    .put(40, text(encoding, volume.volumeId, 32))
    .both32(80, volume.sectors)
    .both16(120, 1)
    .both16(124, 1)
    .both16(128, SECTOR_BYTES)
    .both32(132, PATH_TABLE_BYTES)
    .little32(140, volume.pathTables.little)
    .big32(148, volume.pathTables.big)
    .put(156, rootRecord(volume))
    .put(190, text(encoding, '', 128))
    .put(318, text(encoding, '', 128))
    .put(446, text(encoding, '', 128))
    .put(574, text(encoding, 'PROVISIONER', 128))
    .put(702, text(encoding, '', 37))
    .put(739, text(encoding, '', 37))
    .put(776, text(encoding, '', 37))
    .put(813, volumeDate(volume.timestamp))
    .put(830, volumeDate(volume.timestamp))
    .put(847, noVolumeDate)
    .put(864, noVolumeDate)
    .byte(881, 1).bytes
}

/** The end of the volume descriptors (8.3). */
export function terminator(): Uint8Array {
  return descriptor(255).bytes
}

function rootRecord({ root, timestamp }: VolumeDescriptor): Uint8Array {
  return directoryRecord({
    identifier: SELF,
    extent: root,
    kind: 'directory',
    timestamp,
    systemUse: new Uint8Array(0),
  })
}

/** Type, standard identifier, version (8.1). */
function descriptor(type: number): Fields {
  return new Fields(SECTOR_BYTES).byte(0, type).put(1, ascii('CD001')).byte(6, 1)
}

/** A text field, padded with spaces of its character set and cut if too long; the last odd byte of UCS-2 stays zero. */
function text(encoding: Encoding, value: string, lengthBytes: number): Uint8Array {
  const characters = Math.floor(lengthBytes / encoding(' ').length)
  const field = new Uint8Array(lengthBytes)
  field.set(encoding(value.slice(0, characters).padEnd(characters)))
  return field
}
