/** What was found out about a file, once for each version of it. */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { StoredFile } from './stored-file.ts'

/** More files than are in use at once. */
const FILES_MAX = 4096

/** A file is looked into once, whoever asks at the same time, and not again until it changes or that failed. */
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
