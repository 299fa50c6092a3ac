/** A builder for the sectors behind a base's end. */
import type { Extent } from '../iso/directory.ts'
import { SECTOR_BYTES, sectorsOf } from '../iso/fields.ts'
import type { Patch } from './partition-table.ts'

export class Tail {
  readonly #baseBytes: number
  readonly #written: Patch[] = []
  #nextSector: number

  constructor(baseBytes: number) {
    this.#baseBytes = baseBytes
    this.#nextSector = sectorsOf(baseBytes)
  }

  /** Sectors of base and tail together. */
  get sectors(): number {
    return this.#nextSector
  }

  /** Reserves whole sectors for bytes that the caller puts later. A length of zero has sector zero (ECMA-119 6.4.5). */
  reserve(lengthBytes: number): Extent {
    const sector = lengthBytes === 0 ? 0 : this.#nextSector
    this.#nextSector += sectorsOf(lengthBytes)
    return { sector, bytes: lengthBytes }
  }

  put({ sector }: Extent, bytes: Uint8Array): void {
    this.#written.push({ offset: sector * SECTOR_BYTES, bytes: Buffer.from(bytes) })
  }

  append(bytes: Uint8Array): Extent {
    const extent = this.reserve(bytes.length)
    this.put(extent, bytes)
    return extent
  }

  /** The bytes from the end of the base, which may lie within a sector, to the end of the tail. */
  piece(patches: readonly Patch[]): Patch {
    const bytes = Buffer.alloc(this.#nextSector * SECTOR_BYTES - this.#baseBytes)
    for (const written of [...this.#written, ...patches])
      if (written.bytes.length > 0) bytes.set(written.bytes, written.offset - this.#baseBytes)
    return { offset: this.#baseBytes, bytes }
  }
}
