/** The media on disk: the task media of each job, and a directory of images that an operator fills. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TaskForm } from '../../../machines/job/layout.ts'
import { isJobId } from '../access/job-id.ts'
import { remembered, sha256Of } from './remembered.ts'
import { FileChanged, nullIfMissing, type StoredFile, storedFile } from './stored-file.ts'

export interface Medium extends StoredFile {
  /** Strong, with its quotes (RFC 9110 section 8.8.3). */
  readonly etag: string
}

export interface TaskMedium extends Medium {
  /** Lower case hex, of the bytes on disk. */
  readonly sha256: string
}

export interface TaskStore {
  /**
   * Stores a job's task ISO, or its task medium in another form, atomically and durably. Safe to repeat: the same bytes
   * give the same file.
   */
  put(
    jobId: string,
    bytes: Uint8Array,
    form?: TaskForm,
  ): Promise<{ readonly sha256: string; readonly sizeBytes: number }>
  /**
   * Null when the job has none (any more), and for an invalid job id. The digest is computed from the file when it is
   * first opened after a change. A damaged file then has another digest than its URL was signed for.
   * For a merged ISO it opens the overlay; merged-media.ts has the whole.
   */
  open(jobId: string, form?: TaskForm): Promise<TaskMedium | null>
  /** The jobs with a stored medium, each once, in no order. */
  list(): Promise<readonly string[]>
  /** Succeeds when there is nothing to remove. A reader that has begun reads to the end. */
  remove(jobId: string): Promise<void>
}

export interface ImageStore {
  /**
   * Null when there is no such image, and for an invalid name (see `isImageName`). The tag is made of inode, size and
   * modification time, because a digest over gigabytes would delay a BMC's first HEAD. An operator replaces an image by
   * renaming a new file over it, not by writing into it.
   */
  open(name: string): Promise<Medium | null>
}

/** The file name extension of each form. The file of a merged ISO is its overlay (overlay-file.ts). */
const EXTENSIONS = { iso: 'iso', img: 'img', merged: 'overlay' } as const satisfies Record<TaskForm, string>

/**
 * @throws RangeError from `put` and `remove` for an invalid job id: only a UUID becomes part of a path.
 * Errors of the file system (full disk, rights) are passed on unchanged.
 */
export function taskStore(directory: string): TaskStore {
  const digestOf = remembered(sha256Of)

  async function look(path: string): Promise<TaskMedium | null> {
    const file = await storedFile(path)
    if (file === null) return null
    const sha256 = await digestOf(file)
    return { ...file, sha256, etag: `"${sha256}"` }
  }

  return {
    async put(jobId, bytes, form = 'iso') {
      checkJobId(jobId)
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const draft = await mkdtemp(join(directory, draftPrefix(jobId)))
      try {
        const path = join(draft, 'task.iso')
        await writeDurably(path, bytes)
        await rename(path, join(directory, fileName(jobId, form)))
      } finally {
        await rm(draft, { recursive: true, force: true })
      }
      await syncDirectory(directory)
      return { sha256: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length }
    },

    async open(jobId, form = 'iso') {
      if (!isJobId(jobId)) return null
      const path = join(directory, fileName(jobId, form))
      // Retries once when the file was replaced or removed while the digest was computed.
      return look(path).catch((error: unknown) => {
        if (error instanceof FileChanged) return look(path)
        throw error
      })
    },

    async list() {
      const entries = (await readdir(directory).catch(nullIfMissing)) ?? []
      const stored = entries.map((entry) => entry.replace(/\.(?:iso|img|overlay)$/, ''))
      return [...new Set(stored.filter(isJobId))]
    },

    async remove(jobId) {
      checkJobId(jobId)
      const entries = (await readdir(directory).catch(nullIfMissing)) ?? []
      // Removes drafts as well: a crash in the middle of `put` leaves one behind.
      const own = entries.filter((entry) => entry.startsWith(`${jobId}.`) || entry.startsWith(draftPrefix(jobId)))
      await Promise.all(own.map((entry) => rm(join(directory, entry), { recursive: true, force: true })))
    },
  }
}

export function imageStore(directory: string): ImageStore {
  return {
    async open(name) {
      if (!isImageName(name)) return null
      const file = await storedFile(join(directory, name))
      if (file === null) return null
      const tag = createHash('sha256').update(file.identity).digest('hex').slice(0, 32)
      return { ...file, etag: `"${tag}"` }
    },
  }
}

/** True for a safe file name: letters, digits, `.`, `_` and `-`, and a letter or digit first. */
export function isImageName(name: string): boolean {
  return name.length <= 128 && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)
}

function fileName(jobId: string, form: TaskForm): string {
  return `${jobId}.${EXTENSIONS[form]}`
}

function draftPrefix(jobId: string): string {
  return `.${jobId}-`
}

function checkJobId(jobId: string): void {
  if (!isJobId(jobId)) throw new RangeError('a job id is a UUID in lower case')
}

/** Mode 600, because the task ISO holds passwords and tokens. */
async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a rename survive a power cut. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
