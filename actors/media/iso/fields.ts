/** The numbers, texts and dates of ECMA-119 (ISO 9660). Section numbers are those of ECMA-119, 3rd edition. */

/** The only sector and logical block size in use on optical media, in bytes (6.1.2, 6.2.2). */
export const SECTOR_BYTES = 2048

/** Whole sectors that a run of bytes needs. */
export function sectorsOf(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES)
}

/** A buffer to fill field by field. Offsets count from zero; the standard's byte positions count from one. */
export class Fields {
  readonly bytes: Uint8Array
  readonly #view: DataView

  constructor(lengthBytes: number) {
    this.bytes = new Uint8Array(lengthBytes)
    this.#view = new DataView(this.bytes.buffer)
  }

  byte(offset: number, value: number): this {
    this.#view.setUint8(offset, value)
    return this
  }

  /** 32 bits, least significant byte first (7.3.1). */
  little32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true)
    return this
  }

  /** 32 bits, most significant byte first (7.3.2). */
  big32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, false)
    return this
  }

  /** 16 bits in both byte orders, one after the other (7.2.3). */
  both16(offset: number, value: number): this {
    this.#view.setUint16(offset, value, true)
    this.#view.setUint16(offset + 2, value, false)
    return this
  }

  /** 32 bits in both byte orders, one after the other (7.3.3). */
  both32(offset: number, value: number): this {
    return this.little32(offset, value).big32(offset + 4, value)
  }

  put(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, offset)
    return this
  }
}

/** Encodes text for one of the two trees. The caller has checked that it is ASCII. */
export type Encoding = (text: string) => Uint8Array

/** One byte per character. */
export const ascii: Encoding = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** Joliet's UCS-2: two bytes per character, most significant first. */
export const ucs2: Encoding = (text) => Uint8Array.from([...text].flatMap((character) => [0, character.charCodeAt(0)]))

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    joined.set(piece, offset)
    offset += piece.length
  }
  return joined
}

/** The date and time of a directory record or a Rock Ridge time stamp, in UTC: 7 bytes (9.1.5). */
export function recordingDate(at: Date): Uint8Array {
  return Uint8Array.of(
    at.getUTCFullYear() - 1900,
    at.getUTCMonth() + 1,
    at.getUTCDate(),
    at.getUTCHours(),
    at.getUTCMinutes(),
    at.getUTCSeconds(),
    0,
  )
}

/** The date and time of a volume descriptor, in UTC: 16 digits and an offset of zero (8.4.26.1). */
export function volumeDate(at: Date): Uint8Array {
  const digits = `${at.toISOString().slice(0, 19).replace(/\D/g, '')}00`
  return Uint8Array.of(...ascii(digits), 0)
}

/** "Not specified" in a volume descriptor: 16 digits zero and an offset of zero (8.4.26.1). */
export const noVolumeDate: Uint8Array = Uint8Array.of(...ascii('0'.repeat(16)), 0)
