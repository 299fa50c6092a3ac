/** A cache of findings about files, one for each version of a file. */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { StoredFile } from './stored-file.ts'

/** Cache entries; more than files are in use at once. */
const FILES_MAX = 4096

/** Caches `look` per version of a file; concurrent callers share one look, and a failed look is not cached. */
export function remembered<Finding>(
  look: (file: StoredFile) => Promise<Finding>,
): (file: StoredFile) => Promise<Finding> {
  const findings = new LRUCache<string, Promise<Finding>>({ max: FILES_MAX })
  return (file) => {
    const known = findings.get(file.identity)
    if (known !== undefined) return known
    const finding = look(file)
    findings.set(file.identity, finding)
    finding.catch(() => findings.delete(file.identity))
    return finding
  }
}

/** In lower case hex. A gigabyte takes a second or two. */
export async function sha256Of(file: StoredFile): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of file.read({ offset: 0, lengthBytes: file.sizeBytes })) hash.update(piece)
  return hash.digest('hex')
}
