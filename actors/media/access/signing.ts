/**
 * Signed media URLs (spec/media.md, "Serving"). The secret part is in the path, because many BMCs refuse or cut `?`,
 * `&` and `=`. Each mount attempt has its own URL, because BMCs have been seen to report an old image as inserted.
 *
 *   /media/tasks/{job id}/{attempt}-{mac}/task.iso      bound to job, attempt and digest; or task.img, merged.iso
 *   /media/images/{attempt}-{job}{mac}/{name}           bound to job, attempt and name; `job`: the id in 22 characters
 *   /media/tasks/{job id}/task.iso?expires=&sig=        bound to job, digest and time
 *
 * A path token has no expiry: the media server checks that the job still needs its media.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { TaskForm } from '../../../machines/job/layout.ts'
import { isJobId } from './job-id.ts'

export interface SigningSecrets {
  /** Signs and verifies. At least 32 characters. */
  readonly current: string
  /** Verifies only; needed as long as a BMC's slot may hold a URL signed with it. */
  readonly previous?: string | undefined
}

/** The file name of each form in a URL. BMCs check the extension: a slot for sticks takes `.img`, for CDs `.iso`. */
export const taskFileNames = {
  iso: 'task.iso',
  img: 'task.img',
  merged: 'merged.iso',
} as const satisfies Record<TaskForm, string>

/** A job's task medium, identified by the job and its SHA-256 in lower case hex. */
export interface TaskContent {
  readonly jobId: string
  readonly sha256: string
}

/** The job and the mount attempt that a URL was made for. */
export interface MountAttempt {
  readonly jobId: string
  /** 1 to 9999. */
  readonly attempt: number
}

/** The query of a URL. */
interface SignedQuery {
  readonly expires: string
  readonly sig: string
}

export interface MediaSigning {
  /** @throws RangeError when the attempt or job id is malformed. */
  taskPath(task: TaskContent & MountAttempt & { readonly form?: TaskForm }): string
  /** @throws RangeError when the attempt or job id is malformed, or a BMC may refuse the name: see `mediaUrl`. */
  imagePath(image: MountAttempt & { readonly name: string }): string
  /** For other readers than BMCs. Valid up to and including the second of `expiresAt`. */
  taskQueryPath(task: TaskContent & { readonly expiresAt: Date; readonly form?: TaskForm }): string

  /** The attempt that a path token was made for, or null. Takes constant time for every well-formed token. */
  verifyTask(task: TaskContent & { readonly token: string }): number | null
  verifyImage(image: { readonly name: string; readonly token: string }): MountAttempt | null
  verifyQuery(task: TaskContent & SignedQuery & { readonly now: Date }): 'valid' | 'expired' | 'wrong'
}

/** Always compares with both secrets, so that timing hides which one matches. @throws RangeError for a short secret. */
export function mediaSigning({ current, previous }: SigningSecrets): MediaSigning {
  const secrets = previous === undefined ? [current] : [current, previous]
  for (const secret of secrets) {
    if (secret.length < SECRET_CHARS_MIN) {
      throw new RangeError(`a media signing secret has at least ${SECRET_CHARS_MIN} characters`)
    }
  }

  function verified(mac: string, claims: Claims): boolean {
    return secrets.map((secret) => constantTimeEqual(mac, sign(secret, claims))).includes(true)
  }

  return {
    taskPath({ jobId, sha256, attempt, form = 'iso' }) {
      checkMount({ jobId, attempt })
      return `/media/tasks/${jobId}/${attempt}-${sign(current, ['task', jobId, attempt, sha256])}/${taskFileNames[form]}`
    },

    imagePath({ jobId, attempt, name }) {
      checkMount({ jobId, attempt })
      checkBmcFileName(name)
      return `/media/images/${attempt}-${packJobId(jobId)}${sign(current, ['image', jobId, attempt, name])}/${name}`
    },

    taskQueryPath({ jobId, sha256, expiresAt, form = 'iso' }) {
      checkMount({ jobId, attempt: 1 })
      const expires = Math.floor(expiresAt.getTime() / 1000)
      const signed = `expires=${expires}&sig=${sign(current, ['query', jobId, expires, sha256])}`
      return `/media/tasks/${jobId}/${taskFileNames[form]}?${signed}`
    },

    verifyTask({ jobId, sha256, token }) {
      const { attempt, mac } = taskToken.exec(token)?.groups ?? {}
      if (attempt === undefined || mac === undefined) return null
      return verified(mac, ['task', jobId, Number(attempt), sha256]) ? Number(attempt) : null
    },

    verifyImage({ name, token }) {
      const { attempt, job, mac } = imageToken.exec(token)?.groups ?? {}
      if (attempt === undefined || job === undefined || mac === undefined) return null
      const mount = { jobId: unpackJobId(job), attempt: Number(attempt) }
      // Several base64 texts decode to the same bytes; only the canonical one is accepted.
      const canonical = packJobId(mount.jobId) === job
      return verified(mac, ['image', mount.jobId, mount.attempt, name]) && canonical ? mount : null
    },

    verifyQuery({ jobId, sha256, expires, sig, now }) {
      if (!/^[1-9]\d{0,11}$/.test(expires)) return 'wrong'
      if (!verified(sig, ['query', jobId, Number(expires), sha256])) return 'wrong'
      return Math.floor(now.getTime() / 1000) <= Number(expires) ? 'valid' : 'expired'
    },
  }
}

/**
 * The whole URL for a BMC, checked against the limits of BMCs (redfish/quirks.md section 7): under 128 characters
 * (iDRAC fails a long one with RAC0720), neither user info nor query, path of letters, digits, `.`, `_` and `-`, and a
 * file name with one dot, before `iso` or `img`.
 * @throws RangeError, without the token in its message.
 */
export function mediaUrl({ publicUrl, path }: { readonly publicUrl: string; readonly path: string }): string {
  const url = `${publicUrl.replace(/\/+$/, '')}${path}`
  const { username, password, pathname, search } = new URL(url)
  if (username !== '' || password !== '') throw new RangeError('a media URL must not hold a user name or password')
  if (search !== '' || !/^[A-Za-z0-9._/-]+$/.test(pathname)) {
    throw new RangeError('a media URL has a path of letters, digits, ".", "_" and "-" only, and no query')
  }
  checkBmcFileName(pathname.slice(pathname.lastIndexOf('/') + 1))
  if (url.length > URL_CHARS_MAX) {
    throw new RangeError(
      `a media URL has at most ${URL_CHARS_MAX} characters and this one ${url.length}: shorten PUBLIC_URL or the image's name`,
    )
  }
  return url
}

export const URL_CHARS_MAX = 127

const SECRET_CHARS_MIN = 32
/** 128 bits: too many to guess, and short enough for the URL. */
const MAC_BYTES = 16

const taskToken = /^(?<attempt>[1-9]\d{0,3})-(?<mac>[\w-]{22})$/
const imageToken = /^(?<attempt>[1-9]\d{0,3})-(?<job>[\w-]{22})(?<mac>[\w-]{22})$/

/** The signed text. Its first word binds the token to one purpose. */
type Claims = readonly ['task' | 'image' | 'query', jobId: string, attemptOrExpiry: number, digestOrName: string]

function sign(secret: string, claims: Claims): string {
  const mac = createHmac('sha256', secret).update(JSON.stringify(claims)).digest()
  return mac.subarray(0, MAC_BYTES).toString('base64url')
}

function constantTimeEqual(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  // The length is public.
  return a.length === b.length && timingSafeEqual(a, b)
}

/** A UUID's 16 bytes in 22 characters. */
function packJobId(jobId: string): string {
  return Buffer.from(jobId.replaceAll('-', ''), 'hex').toString('base64url')
}

function unpackJobId(packed: string): string {
  const hex = Buffer.from(packed, 'base64url').toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function checkMount({ jobId, attempt }: MountAttempt): void {
  if (!isJobId(jobId)) throw new RangeError('a job id is a UUID in lower case')
  if (!Number.isInteger(attempt) || attempt < 1 || attempt > 9999) throw new RangeError(`no such attempt: ${attempt}`)
}

function checkBmcFileName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*\.(?:iso|img)$/.test(name)) {
    throw new RangeError(
      `BMCs want a file name of letters, digits, "_" and "-" with one dot, before "iso" or "img", not ${JSON.stringify(name)}`,
    )
  }
}
