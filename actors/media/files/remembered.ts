/** Findings about files, made once for each version of a file. */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { StoredFile } from './stored-file.ts'

/** More files than are in use at once. */
const FILES_MAX = 4096

/** Looks into a file once, also for callers at the same time, and again only when the file has changed or the look failed. */
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
