// Reads a flat ISO image by the standard alone, so that tests compare against the format and not against the builder.

export interface ReadVolume {
  readonly volumeId: string
  readonly sectors: number
  /** In the order of the directory. */
  readonly files: readonly ReadFile[]
}

interface ReadFile {
  /** As recorded, version and all. */
  readonly identifier: string
  /** Rock Ridge's NM, in the primary tree only. */
  readonly trueName: string | undefined
  /** Rock Ridge's PX. */
  readonly mode: number | undefined
  readonly bytes: Buffer
}

export function readPlain(image: Uint8Array): ReadVolume {
  return readVolume({ image, descriptorType: 1, decode: (bytes) => bytes.toString('latin1') })
}

export function readJoliet(image: Uint8Array): ReadVolume {
  return readVolume({ image, descriptorType: 2, decode: (bytes) => Buffer.from(bytes).swap16().toString('utf16le') })
}

function readVolume(input: {
  readonly image: Uint8Array
  readonly descriptorType: number
  readonly decode: (bytes: Buffer) => string
}): ReadVolume {
  const image = Buffer.from(input.image.buffer, input.image.byteOffset, input.image.byteLength)
  const descriptor = findDescriptor(image, input.descriptorType)
  const root = recordAt(descriptor, 156)
  const directory = image.subarray(root.sector * 2048, root.sector * 2048 + root.bytes)
  const [, , ...records] = recordsOf(directory)
  return {
    volumeId: input.decode(descriptor.subarray(40, 72)).trimEnd(),
    sectors: bothEndian(descriptor, 80),
    files: records.map(({ identifier, sector, bytes, systemUse }) => ({
      identifier: input.decode(identifier),
      trueName: findEntry(systemUse, 'NM')?.subarray(5).toString('latin1'),
      mode: findEntry(systemUse, 'PX')?.readUInt32LE(4),
      bytes: image.subarray(sector * 2048, sector * 2048 + bytes),
    })),
  }
}

function findDescriptor(image: Buffer, type: number): Buffer {
  for (let sector = 16; ; sector++) {
    const descriptor = image.subarray(sector * 2048, (sector + 1) * 2048)
    if (descriptor.toString('latin1', 1, 6) !== 'CD001') throw new Error(`sector ${sector} is no volume descriptor`)
    if (descriptor[0] === type) return descriptor
    if (descriptor[0] === 255) throw new Error(`there is no volume descriptor of type ${type}`)
  }
}

type RawRecord = ReturnType<typeof recordAt>

function recordsOf(directory: Buffer): readonly RawRecord[] {
  const records: RawRecord[] = []
  for (let offset = 0; offset < directory.length; ) {
    const length = directory.readUInt8(offset)
    if (length === 0) {
      offset = (Math.floor(offset / 2048) + 1) * 2048
      continue
    }
    if (Math.floor(offset / 2048) !== Math.floor((offset + length - 1) / 2048)) {
      throw new Error(`the record at ${offset} crosses the end of a sector`)
    }
    records.push(recordAt(directory, offset))
    offset += length
  }
  return records
}

function recordAt(buffer: Buffer, offset: number) {
  const record = buffer.subarray(offset, offset + buffer.readUInt8(offset))
  const nameLength = record.readUInt8(32)
  const nameEnd = 33 + nameLength
  return {
    sector: bothEndian(record, 2),
    bytes: bothEndian(record, 10),
    identifier: record.subarray(33, nameEnd),
    systemUse: record.subarray(nameEnd + (nameEnd % 2)),
  }
}

function findEntry(systemUse: Buffer, signature: string): Buffer | undefined {
  for (let offset = 0; offset + 4 <= systemUse.length; offset += systemUse.readUInt8(offset + 2)) {
    const entry = systemUse.subarray(offset, offset + systemUse.readUInt8(offset + 2))
    if (entry.toString('latin1', 0, 2) === signature) return entry
  }
  return undefined
}

function bothEndian(buffer: Buffer, offset: number): number {
  const value = buffer.readUInt32LE(offset)
  if (buffer.readUInt32BE(offset + 4) !== value) throw new Error(`the two byte orders differ at ${offset}`)
  return value
}
