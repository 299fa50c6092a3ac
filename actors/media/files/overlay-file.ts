/**
 * The file of an overlay: a line of JSON, then the pieces' bytes. The line names the base by its SHA-256, so the digest
 * of this small file identifies the whole merged ISO.
 */
import { z } from 'zod'
import { BaseIsoError } from '../merge/base-error.ts'
import type { Overlay } from '../merged-iso.ts'
import { type SplicedPiece, splicedFile } from './spliced-file.ts'
import type { StoredFile } from './stored-file.ts'

const size = z.int().nonnegative()

const overlayHead = z.strictObject({
  format: z.literal('provisioner-overlay-1'),
  base: z.strictObject({ name: z.string().max(128), sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: size }),
  bytes: size,
  /** The offset and the length of each piece. */
  pieces: z.array(z.tuple([size, size])).max(4096),
})

/** More than the largest possible head has. */
const HEAD_BYTES_MAX = 128 * 1024

/** The base of an overlay: an image of the image directory, as it was when the overlay was made. */
export interface OverlayBase {
  readonly name: string
  readonly sha256: string
  readonly sizeBytes: number
}

/** The file's bytes: the same for the same overlay of the same base. */
export function encodeOverlay({ sizeBytes, pieces }: Overlay, base: OverlayBase): Uint8Array {
  const head: z.infer<typeof overlayHead> = {
    format: 'provisioner-overlay-1',
    base: { name: base.name, sha256: base.sha256, bytes: base.sizeBytes },
    bytes: sizeBytes,
    pieces: pieces.map(({ offset, bytes }) => [offset, bytes.length]),
  }
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...pieces.map(({ bytes }) => bytes)])
}

/** The head of an overlay file. */
export interface OverlayHead {
  readonly base: OverlayBase
  readonly sizeBytes: number
  readonly pieces: readonly SplicedPiece[]
}

/** Reads the head of a stored overlay. @throws Error for a file that `encodeOverlay` did not make. */
export async function readOverlayHead(overlay: StoredFile): Promise<OverlayHead> {
  const start = await bytesOf(overlay, { offset: 0, lengthBytes: Math.min(HEAD_BYTES_MAX, overlay.sizeBytes) })
  const end = start.indexOf('\n')
  if (end === -1) throw new Error('an overlay file begins with a line')
  const { base, bytes, pieces } = overlayHead.parse(JSON.parse(start.toString('utf8', 0, end)))
  let from = end + 1
  const placed = pieces.map(([offset, lengthBytes]) => {
    const piece = { offset, lengthBytes, from }
    from += lengthBytes
    return piece
  })
  return { base: { name: base.name, sha256: base.sha256, sizeBytes: base.bytes }, sizeBytes: bytes, pieces: placed }
}

/** The merged ISO. @throws BaseIsoError when the base was replaced since the overlay was made. */
export function mergedFile(
  { overlay, head }: { readonly overlay: StoredFile; readonly head: OverlayHead },
  base: { readonly file: StoredFile; readonly sha256: string },
): StoredFile {
  if (base.sha256 !== head.base.sha256) {
    throw new BaseIsoError(
      `${head.base.name} was replaced while a job needs it: its digest is ${base.sha256}, the job's medium was made from ${head.base.sha256}`,
    )
  }
  return splicedFile({ base: base.file, overlay, pieces: head.pieces, sizeBytes: head.sizeBytes })
}

/** Reads a range of a file into memory. */
export async function bytesOf(
  file: StoredFile,
  range: { readonly offset: number; readonly lengthBytes: number },
): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of file.read(range)) pieces.push(piece)
  return Buffer.concat(pieces)
}
