/** A file that many readers read in ranges, for hours, while an operator may replace or remove it. */
import { type FileHandle, open, stat } from 'node:fs/promises'

/** Bytes `offset` to `offset + lengthBytes - 1`. */
export interface ByteRange {
  readonly offset: number
  readonly lengthBytes: number
}

export interface StoredFile {
  readonly sizeBytes: number
  readonly modifiedAt: Date
  /** Changes whenever the file is written or replaced: inode, size and modification time in nanoseconds. */
  readonly identity: string
  /**
   * The bytes of a range, in pieces of at most 64 KiB, read no faster than they are taken. The file is opened at the
   * first piece and closed at the end, at an error, and when the reader stops. A reader that never starts opens none.
   * @throws FileChanged when the file was replaced since `storedFile`, so that bytes of two files are never mixed.
   */
  read(range: ByteRange): AsyncGenerator<Uint8Array, void, undefined>
}

/** The file was replaced, cut or removed between `storedFile` and a read. */
export class FileChanged extends Error {
  override readonly name = 'FileChanged'
}

/** The buffer of one reader. */
const PIECE_BYTES_MAX = 64 * 1024

/** Follows links. Null for a missing file and for anything but a regular file. */
export async function storedFile(path: string): Promise<StoredFile | null> {
  const stats = await stat(path, { bigint: true }).catch(nullIfMissing)
  if (stats === null || !stats.isFile()) return null
  const identity = identityOf(stats)
  return {
    sizeBytes: Number(stats.size),
    modifiedAt: stats.mtime,
    identity,
    read: (range) => pieces({ path, identity, range }),
  }
}

async function* pieces(file: {
  readonly path: string
  readonly identity: string
  readonly range: ByteRange
}): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(file.path).catch(nullIfMissing)
  if (handle === null) throw new FileChanged('the file was removed before it was read')
  try {
    if (identityOf(await handle.stat({ bigint: true })) !== file.identity) {
      throw new FileChanged('the file was replaced before it was read')
    }
    const end = file.range.offset + file.range.lengthBytes
    for (let offset = file.range.offset; offset < end; ) {
      const piece = await readPiece(handle, { offset, lengthBytes: Math.min(PIECE_BYTES_MAX, end - offset) })
      offset += piece.length
      yield piece
    }
  } finally {
    await handle.close()
  }
}

async function readPiece(handle: FileHandle, { offset, lengthBytes }: ByteRange): Promise<Uint8Array> {
  const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(lengthBytes), 0, lengthBytes, offset)
  if (bytesRead === 0) throw new FileChanged('the file was cut while it was read')
  return buffer.subarray(0, bytesRead)
}

function identityOf(stats: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint }): string {
  return `${stats.ino}-${stats.size}-${stats.mtimeNs}`
}

/** ENOTDIR counts as missing: a part of the path is a file. */
export function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}
