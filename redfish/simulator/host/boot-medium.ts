/** Loading of the boot medium. */
import type { Medium } from './medium.ts'

const firstBytes = 1_048_576
const pieceBytes = 65_536
const samples = 8

/**
 * Fetches a part of the boot medium, to save time: the first MiB and eight samples spread up to its last bytes; or all of
 * it. The maintenance OS then runs from memory, and an eject does not disturb it any more (spec/maintenance-os.md, "Boot
 * to hand-off", step 1).
 *
 * @throws an error for which `isUnreadable` is true.
 */
export async function loadBootMedium(medium: Medium, { whole }: { readonly whole: boolean }): Promise<void> {
  const { sizeBytes, readAt } = medium
  const head = whole ? sizeBytes : Math.min(firstBytes, sizeBytes)
  for (let offset = 0; offset < head; offset += pieceBytes)
    await readAt({ offset, length: Math.min(pieceBytes, head - offset) })
  for (let sample = 1; sample <= samples; sample += 1) {
    const offset = head + Math.floor(((sizeBytes - head) * sample) / samples) - pieceBytes
    if (offset >= head) await readAt({ offset, length: pieceBytes })
  }
}
