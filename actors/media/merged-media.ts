/**
 * Merged ISOs: made and served without a copy of the maintenance ISO. The disk holds the overlay of each job, a few
 * hundred KB; the base is read from the image directory, and must stay unchanged as long as a job needs it. An operator
 * replaces it by renaming a new file over it.
 *
 * The recorded digest of a merged ISO, and its ETag, is the SHA-256 of the overlay file. The overlay names the base by
 * its SHA-256, and holds every byte that differs from it. So two merged ISOs are the same exactly when their overlays
 * have the same digest. The base's digest is computed once per process and version of the file.
 */

import { bytesOf, encodeOverlay, mergedFile, readOverlayHead } from './files/overlay-file.ts'
import { remembered, sha256Of } from './files/remembered.ts'
import type { ImageStore, TaskMedium, TaskStore } from './files/store.ts'
import { FileChanged } from './files/stored-file.ts'
import { BaseIsoError } from './merge/base-error.ts'
import { type MergeInput, mergeIso } from './merged-iso.ts'

export interface MergedMedia {
  /**
   * Makes a job's overlay and stores it. Safe to repeat: the same base and files give the same digest.
   * @throws BaseIsoError when the base is missing or unsuitable.
   */
  build(
    jobId: string,
    input: { readonly baseName: string } & Pick<MergeInput, 'files' | 'timestamp' | 'paddingSectors'>,
  ): Promise<{ readonly sha256: string; readonly sizeBytes: number; readonly baseSha256: string }>
  /**
   * Null when the job has no overlay.
   * @throws BaseIsoError when the base is missing, or was replaced since the job's overlay was made.
   */
  open(jobId: string): Promise<TaskMedium | null>
}

export function mergedMedia({
  tasks,
  images,
}: {
  readonly tasks: TaskStore
  readonly images: ImageStore
}): MergedMedia {
  const digestOf = remembered(sha256Of)
  // Cached, because a BMC asks for tens of thousands of ranges.
  const headOf = remembered(readOverlayHead)

  async function openBase(name: string) {
    const file = await images.open(name)
    if (file === null) throw new BaseIsoError(`there is no ${name} in the image directory`)
    return { file, sha256: await digestOf(file) }
  }

  return {
    async build(jobId, { baseName, ...input }) {
      const { file, sha256 } = await openBase(baseName)
      const readAt = (offset: number, lengthBytes: number) => bytesOf(file, { offset, lengthBytes })
      const overlay = await mergeIso({ ...input, base: { sizeBytes: file.sizeBytes, readAt } }).catch(
        (error: unknown) => {
          if (error instanceof FileChanged)
            throw new BaseIsoError(`${baseName} was replaced while task files were added to it`, { cause: error })
          if (!(error instanceof BaseIsoError)) throw error
          throw new BaseIsoError(`${baseName} cannot take up task files: ${error.message}`, { cause: error })
        },
      )
      const bytes = encodeOverlay(overlay, { name: baseName, sha256, sizeBytes: file.sizeBytes })
      const stored = await tasks.put(jobId, bytes, 'merged')
      return { sha256: stored.sha256, sizeBytes: overlay.sizeBytes, baseSha256: sha256 }
    },

    async open(jobId) {
      const overlay = await tasks.open(jobId, 'merged')
      if (overlay === null) return null
      const head = await headOf(overlay)
      const { sha256, etag } = overlay
      return { ...mergedFile({ overlay, head }, await openBase(head.base.name)), sha256, etag }
    },
  }
}
