/** The media that hosts boot from: stored task media and images, their signed URLs, the record of their reads, retention. */
import type { JobCommands } from '../../actors/commands/jobs.ts'
import { type MediaWatch, watchMedia } from '../../actors/media/access/media-watch.ts'
import { type MediaSigning, mediaSigning } from '../../actors/media/access/signing.ts'
import { type ImageStore, imageStore, taskStore } from '../../actors/media/files/store.ts'
import { startRetention } from '../../actors/media/retention.ts'
import type { TaskOptions } from '../../actors/media/task.ts'
import { createTaskMedia, type TaskMedia } from '../../actors/media/task-media.ts'
import { jobContext, type Runtime } from '../../actors/runtime.ts'
import type { ControllerOptions } from './options.ts'
import type { Storage } from './storage.ts'

export type MediaOptions = Pick<ControllerOptions, 'config' | 'log'> & {
  readonly storage: Storage
  readonly runtime: Runtime
  readonly jobs: JobCommands
  readonly publicUrl: string
}

export type Media = {
  readonly tasks: TaskMedia
  readonly iso: TaskOptions
  readonly images: ImageStore
  readonly signing: MediaSigning
  readonly watch: MediaWatch
  readonly maintenanceIsoUrl: string | null
}

const readEvidenceEveryMs = 5000

export function openMedia(options: MediaOptions, parts: AsyncDisposableStack): Media {
  const { config, log, storage, runtime, jobs, publicUrl } = options
  const { connections, vault, keyFor } = storage
  const store = taskStore(config.taskIsoDir)
  const images = imageStore(config.imageDir)
  const signing = mediaSigning({
    current: config.mediaSigningSecret?.reveal() ?? Buffer.from(keyFor('media signing')).toString('hex'),
    previous: config.mediaSigningSecretPrevious?.reveal(),
  })
  const watch = watchMedia({ jobs, runtime, log, flushEveryMs: readEvidenceEveryMs })
  parts.defer(watch.stop)
  const retention = startRetention({ db: connections.db, store, days: config.jobRetentionDays, log })
  parts.defer(retention.stop)

  const maintenanceIsoUrl = config.maintenanceIsoUrl ?? null
  const reportTokenKey = keyFor('report token')
  const iso = { vault, publicUrl, reportTokenKey, paddingSectors: config.taskIsoPaddingSectors }
  const sourceOf = (jobId: string) => jobContext(runtime, jobId)
  const tasks = createTaskMedia({ ...iso, store, images, maintenanceIsoUrl, sourceOf })
  return { tasks, iso, images, signing, watch, maintenanceIsoUrl }
}
