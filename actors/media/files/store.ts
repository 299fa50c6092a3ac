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
   * Stores a job's task ISO, or its task medium in another form, in whole or not at all, also over a power cut. Safe to
   * repeat: the same bytes again are the same file again.
   */
  put(
    jobId: string,
    bytes: Uint8Array,
    form?: TaskForm,
  ): Promise<{ readonly sha256: string; readonly sizeBytes: number }>
  /**
   * Null when the job has none (any more), and for what is no job id. The digest is computed from the file at the first
   * look after each change, so that a damaged file is noticed: it no longer has the digest that its URL was signed for.
   * For a merged ISO it opens the overlay; merged-media.ts has the whole.
   */
  open(jobId: string, form?: TaskForm): Promise<TaskMedium | null>
  /** The jobs of which anything is stored, each once, in no order. */
  list(): Promise<readonly string[]>
  /** Succeeds when there is nothing to remove. A reader that has begun reads to the end. */
  remove(jobId: string): Promise<void>
}

export interface ImageStore {
  /**
   * Null when there is no such image, and for a name that is not letters, digits, dot, underscore and dash, starting with
   * a letter or digit. The tag is made of inode, size and modification time, as a digest over gigabytes would keep a BMC's
   * first HEAD waiting: replace an image by renaming a new file over it, not by writing into it.
   */
  open(name: string): Promise<Medium | null>
}

/** How each form is kept: of a merged ISO there is only the overlay (overlay-file.ts). */
const EXTENSIONS = { iso: 'iso', img: 'img', merged: 'overlay' } as const satisfies Record<TaskForm, string>

/**
 * @throws RangeError from `put` and `remove` for what is no UUID: nothing else ever becomes part of a path.
 * Errors of the file system (full disk, rights) come through as they are.
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
      // A file that is replaced or removed under the digest's hands is looked at once more.
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
      // A crash in the middle of `put` leaves a draft behind; it goes with the job.
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

/** One element of a path, never hidden, never `..`. */
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

/** The task ISO holds passwords and tokens: for the controller's user only. */
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
