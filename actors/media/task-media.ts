/**
 * A job's task medium in the form that its media layout takes: an ISO, a FAT image, or merged into the maintenance ISO.
 * Safe to repeat: the same inputs give the same bytes, and a rebuild whose digest differs from the job's history fails
 * (spec/media.md "Deterministic").
 */
import type { BySerial } from '../../machines/job/context.ts'
import type { TaskForm } from '../../machines/job/layout.ts'
import { parseRecipe } from '../../machines/recipe/parse.ts'
import { StepFailure } from '../failure.ts'
import { type ImageStore, isImageName, type TaskMedium, type TaskStore } from './files/store.ts'
import { BaseIsoError } from './merge/base-error.ts'
import { mergedMedia } from './merged-media.ts'
import { composeIso, composeTask, type TaskJob, type TaskOptions } from './task.ts'
import { buildImg, TASK_LABEL, taskVolumeSerial } from './task-img.ts'

/** The inputs of a job's medium, besides its sealed recipe. */
type MediumSource = {
  readonly recipeRef: string
  readonly createdAt: string
  /** The maintenance ISO that this job asked for. */
  readonly maintenanceIsoUrl: string | null
}

type BuiltMedium = {
  readonly sha256: string
  readonly sizeBytes: number
  readonly files: readonly string[]
  /** The digest of the maintenance ISO below a merged medium; null for other forms. */
  readonly baseSha256: string | null
}

export type TaskMedia = {
  /** Builds and stores. @throws StepFailure for a recipe that is no longer valid, or an unsuitable maintenance ISO. */
  readonly build: (job: BySerial & MediumSource & { readonly form: TaskForm }) => Promise<BuiltMedium>
  /** Null when the job has none. @throws BaseIsoError when the maintenance ISO below it was replaced. */
  readonly open: (jobId: string, form: TaskForm) => Promise<TaskMedium | null>
  /**
   * Rebuilds a missing or damaged medium.
   * @throws StepFailure when the rebuilt one has another digest than the recorded one.
   */
  readonly ensure: (job: BySerial & { readonly form: TaskForm; readonly sha256: string }) => Promise<void>
}

export type TaskMediaOptions = TaskOptions & {
  readonly store: TaskStore
  readonly images: ImageStore
  /** The configured maintenance ISO on another server; null: `maintenanceIsoName` of the image directory. */
  readonly maintenanceIsoUrl: string | null
  readonly sourceOf: (jobId: string) => Promise<MediumSource>
}

/** The maintenance ISO's name in the image directory. */
export const maintenanceIsoName = 'maintenance.iso'

/** Builds, stores and opens the task media of this controller. */
export function createTaskMedia(options: TaskMediaOptions): TaskMedia {
  const { vault, store, images, publicUrl, paddingSectors, sourceOf } = options
  const merged = mergedMedia({ tasks: store, images })

  const build: TaskMedia['build'] = async ({ form, recipeRef, ...job }) => {
    const source = { ...job, recipe: acceptedRecipe(await vault.get(recipeRef)) }
    const { files, timestamp } = composeTask(options, source)
    const names = files.map(({ path }) => path)
    if (form === 'merged') {
      const baseName = baseNameOf(job.maintenanceIsoUrl ?? options.maintenanceIsoUrl, publicUrl)
      const built = await merged.build(job.jobId, { baseName, files, timestamp, paddingSectors }).catch(toStepFailure)
      return { ...built, files: names }
    }
    const bytes =
      form === 'iso'
        ? composeIso(options, source).image
        : buildImg({ label: TASK_LABEL, serial: taskVolumeSerial(job.jobId), timestamp, files })
    return { ...(await store.put(job.jobId, bytes, form)), files: names, baseSha256: null }
  }

  const open: TaskMedia['open'] = (jobId, form) => (form === 'merged' ? merged.open(jobId) : store.open(jobId, form))

  return {
    build,
    open,
    ensure: async ({ jobId, serial, form, sha256 }) => {
      const stored = await open(jobId, form).catch(toStepFailure)
      if (stored?.sha256 === sha256) return
      const rebuilt = await build({ jobId, serial, form, ...(await sourceOf(jobId)) })
      if (rebuilt.sha256 !== sha256) {
        const message = `the task medium was rebuilt with digest ${rebuilt.sha256}, but the job's history has ${sha256}`
        throw new StepFailure({ kind: 'iso-digest', message })
      }
    },
  }
}

/** Parses the stored recipe of a job. @throws StepFailure when it is no longer valid. */
function acceptedRecipe(raw: Uint8Array): TaskJob['recipe'] {
  const parsed = parseRecipe(raw)
  if (parsed.ok) return { raw, recipe: parsed.recipe }
  const message = `the recipe was accepted, but this version finds ${parsed.faults.length} fault(s) in it`
  throw new StepFailure({ kind: 'recipe', message })
}

/**
 * The image that task files are merged into. It has to be in the image directory, because the controller reads it; an
 * image on another server can only be mounted.
 */
function baseNameOf(url: string | null, publicUrl: string): string {
  if (url === null) return maintenanceIsoName
  const ours = `${publicUrl.replace(/\/+$/, '')}/media/images/`
  const name = url.startsWith(ours) ? url.slice(ours.length) : ''
  if (isImageName(name)) return name
  const message =
    'this server has one slot, which takes the maintenance ISO with the task files in it, and for that the ISO has to be ' +
    `in the image directory; it is elsewhere: ${url}`
  throw new StepFailure({ kind: 'maintenance-iso', message })
}

function toStepFailure(error: unknown): never {
  if (error instanceof BaseIsoError)
    throw new StepFailure({ kind: 'maintenance-iso', message: `the maintenance ISO will not do: ${error.message}` })
  throw error
}
