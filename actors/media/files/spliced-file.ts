/** A virtual file: one file, with pieces of another in place of its bytes and behind its end. */
import type { ByteRange, StoredFile } from './stored-file.ts'

/** A piece of the overlay file, and its place in the whole. */
export interface SplicedPiece {
  readonly offset: number
  readonly lengthBytes: number
  /** The offset in the overlay file. */
  readonly from: number
}

/** A run of bytes of one of the two files. */
interface Segment {
  readonly file: StoredFile
  /** `offset` is in the whole, `from` in the file. */
  readonly offset: number
  readonly from: number
  readonly lengthBytes: number
}

/**
 * The whole, read like any stored file: in pieces of bounded size, no faster than the reader takes them. A read fails
 * with FileChanged after one of the two files was replaced.
 * @param pieces in order and apart from each other; they reach to `sizeBytes`, and the base fills the gaps.
 */
export function splicedFile(whole: {
  readonly base: StoredFile
  readonly overlay: StoredFile
  readonly pieces: readonly SplicedPiece[]
  readonly sizeBytes: number
}): StoredFile {
  const { base, overlay, sizeBytes } = whole
  const segments = segmentsOf(whole)
  return {
    sizeBytes,
    modifiedAt: base.modifiedAt > overlay.modifiedAt ? base.modifiedAt : overlay.modifiedAt,
    identity: `${base.identity}+${overlay.identity}`,
    async *read(range) {
      for (const segment of segments) {
        const part = within(segment, range)
        if (part.lengthBytes > 0) yield* segment.file.read(part)
      }
    },
  }
}

function segmentsOf({ base, overlay, pieces }: Parameters<typeof splicedFile>[0]): readonly Segment[] {
  const segments: Segment[] = []
  let offset = 0
  for (const piece of pieces) {
    if (piece.offset > offset) segments.push({ file: base, offset, from: offset, lengthBytes: piece.offset - offset })
    segments.push({ file: overlay, ...piece })
    offset = piece.offset + piece.lengthBytes
  }
  return segments
}

/** The part of a segment that belongs to a range of the whole, as a range of the segment's file. */
function within(segment: Segment, range: ByteRange): ByteRange {
  const first = Math.max(segment.offset, range.offset)
  const end = Math.min(segment.offset + segment.lengthBytes, range.offset + range.lengthBytes)
  return { offset: segment.from + first - segment.offset, lengthBytes: Math.max(0, end - first) }
}
