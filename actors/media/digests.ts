/** Digests of files, each computed once. */
import { createHash } from 'node:crypto'
import type { StoredFile } from './stored-file.ts'

/** More files than are in use at once. */
const DIGESTS_MAX = 4096

/**
 * Answers SHA-256 in lower case hex. A file is read once, whoever asks at the same time, and not again until it changes: a
 * gigabyte takes a second or two.
 */
export function rememberedDigests(): (file: StoredFile) => Promise<string> {
  const digests = new Map<string, Promise<string>>()
  return (file) => {
    const known = digests.get(file.identity)
    if (known !== undefined) return known
    const digest = sha256Of(file)
    digests.set(file.identity, digest)
    digest.catch(() => digests.delete(file.identity))
    const oldest = digests.keys().next()
    if (digests.size > DIGESTS_MAX && !oldest.done) digests.delete(oldest.value)
    return digest
  }
}

async function sha256Of(file: StoredFile): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of file.read({ offset: 0, lengthBytes: file.sizeBytes })) hash.update(piece)
  return hash.digest('hex')
}
