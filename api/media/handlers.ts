/**
 * Media over HTTP, for BMCs and hosts (spec/media.md, "Serving"). This file authorizes the reader; byte-serving.ts
 * sends the bytes.
 */
import { type Context, Hono } from 'hono'
import type { MediaRead } from '../../actors/media/access/evidence.ts'
import { isJobId } from '../../actors/media/access/job-id.ts'
import {
  type MediaSigning,
  type MountAttempt,
  type TaskContent,
  taskFileNames,
} from '../../actors/media/access/signing.ts'
import type { ImageStore, Medium, TaskMedium } from '../../actors/media/files/store.ts'
import type { ByteRange } from '../../actors/media/files/stored-file.ts'
import { type TaskForm, taskForms } from '../../machines/job/layout.ts'
import { serveMedium } from './byte-serving.ts'

/**
 * `MEDIA_AUTH`. With `none` every existing medium is served; a valid token still names the job and attempt of the read.
 * A further mode is one more case in `admitTask` and `admitImage`.
 */
export type MediaAuth = 'signed' | 'none'

export interface MediaPorts {
  readonly auth: MediaAuth
  readonly signing: MediaSigning
  readonly tasks: { open(jobId: string, form: TaskForm): Promise<TaskMedium | null> }
  readonly images: Pick<ImageStore, 'open'>
  /** True while a job needs its media: from before they are mounted until they are ejected. */
  readonly mediaLive: (jobId: string) => Promise<boolean>
  /** Called after each range that was sent, in whole or in part. Must not throw. */
  readonly onRead: (read: MediaRead) => void
  /** Called for each refusal. The reader does not learn the reason. */
  readonly onRefused: (refusal: MediaRefusal) => void
  readonly now: () => Date
}

export interface MediaRefusal {
  readonly medium: 'task' | 'image'
  /** `ended`: the signature is valid, but the job no longer needs its media. */
  readonly reason: 'unknown' | 'wrong' | 'expired' | 'ended'
}

/** A medium that may be served, and the mount that reads it. Null: the read is no evidence for any job. */
interface Admission {
  readonly medium: Medium
  readonly reader: Pick<MediaRead, 'jobId' | 'medium' | 'attempt'> | null
}

/** Placeholder for the digest of a missing task ISO, so that the verification takes the same time. */
const NO_DIGEST = '0'.repeat(64)

/**
 * GET and HEAD of:
 *   /media/tasks/{job id}/{token}/task.iso and /media/tasks/{job id}/task.iso?expires=&sig=; likewise task.img and
 *   merged.iso, the forms that other media layouts take
 *   /media/images/{token}/{name}, an image mounted for a job, and /media/images/{name}, which is public: images hold
 *   nothing about one job (spec/maintenance-os.md)
 *
 * Unknown, wrong, expired and ended have the same 404. Paths hold tokens, so an access log must leave out paths below
 * /media.
 */
export function mediaRoutes(ports: MediaPorts) {
  const answer = (context: Context, admission: Admission | MediaRefusal): Response => {
    if ('reason' in admission) {
      ports.onRefused(admission)
      return notFound()
    }
    const { medium, reader } = admission
    const onSent = ({ offset, lengthBytes }: ByteRange) => {
      if (reader !== null) ports.onRead({ ...reader, offset, bytes: lengthBytes, at: ports.now() })
    }
    const contentType = contentTypeOf(new URL(context.req.url).pathname)
    return serveMedium({ request: context.req.raw, medium, contentType, now: ports.now(), onSent })
  }

  const routes = new Hono()
    .get('/media/images/:name', async (context) => {
      const medium = await ports.images.open(context.req.param('name'))
      return answer(context, medium === null ? { medium: 'image', reason: 'unknown' } : { medium, reader: null })
    })
    .get('/media/images/:token/:name', async (context) => answer(context, await admitImage(ports, context.req.param())))
  for (const form of taskForms) {
    const name = taskFileNames[form]
    routes
      .get(`/media/tasks/:jobId/${name}`, async (context) => {
        const { expires = '', sig = '' } = context.req.query()
        const verify = (task: TaskContent) => verifyQuery(ports, { ...task, expires, sig })
        return answer(context, await admitTask(ports, { jobId: context.req.param('jobId'), form, verify }))
      })
      .get(`/media/tasks/:jobId/:token/${name}`, async (context) => {
        const { jobId, token } = context.req.param()
        const verify = (task: TaskContent) => verifyToken(ports, { ...task, token })
        return answer(context, await admitTask(ports, { jobId, form, verify }))
      })
  }
  return routes
}

type Verdict = { readonly attempt: number | null } | { readonly reason: 'wrong' | 'expired' }

function verifyToken({ signing }: MediaPorts, task: Parameters<MediaSigning['verifyTask']>[0]): Verdict {
  const attempt = signing.verifyTask(task)
  return attempt === null ? { reason: 'wrong' } : { attempt }
}

function verifyQuery(ports: MediaPorts, task: Omit<Parameters<MediaSigning['verifyQuery']>[0], 'now'>): Verdict {
  const verdict = ports.signing.verifyQuery({ ...task, now: ports.now() })
  // A query URL belongs to no mount attempt.
  return verdict === 'valid' ? { attempt: null } : { reason: verdict }
}

/** Does the same work for an unknown job as for a known one, except for reading its file. */
async function admitTask(
  { auth, tasks, mediaLive }: MediaPorts,
  {
    jobId,
    form,
    verify,
  }: { readonly jobId: string; readonly form: TaskForm; readonly verify: (task: TaskContent) => Verdict },
): Promise<Admission | MediaRefusal> {
  if (!isJobId(jobId)) return { medium: 'task', reason: 'unknown' }
  const [medium, live] = await Promise.all([tasks.open(jobId, form), auth === 'none' || mediaLive(jobId)])
  const verdict = verify({ jobId, sha256: medium?.sha256 ?? NO_DIGEST })
  if (medium === null) return { medium: 'task', reason: 'unknown' }
  if (auth === 'none') {
    return { medium, reader: { jobId, medium: 'task', attempt: 'attempt' in verdict ? verdict.attempt : null } }
  }
  if ('reason' in verdict) return { medium: 'task', reason: verdict.reason }
  if (!live) return { medium: 'task', reason: 'ended' }
  return { medium, reader: { jobId, medium: 'task', attempt: verdict.attempt } }
}

/** An image is the job's first medium: the maintenance ISO, or the installer's. */
async function admitImage(
  { auth, signing, images, mediaLive }: MediaPorts,
  { token, name }: { readonly token: string; readonly name: string },
): Promise<Admission | MediaRefusal> {
  const mount: MountAttempt | null = signing.verifyImage({ token, name })
  if (auth === 'signed') {
    if (mount === null) return { medium: 'image', reason: 'wrong' }
    if (!(await mediaLive(mount.jobId))) return { medium: 'image', reason: 'ended' }
  }
  const medium = await images.open(name)
  if (medium === null) return { medium: 'image', reason: 'unknown' }
  return { medium, reader: mount === null ? null : { ...mount, medium: 'maintenance' } }
}

function contentTypeOf(path: string): string {
  return path.endsWith('.iso') ? 'application/x-iso9660-image' : 'application/octet-stream'
}

function notFound(): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title: 'Not Found', status: 404 }), {
    status: 404,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  })
}
