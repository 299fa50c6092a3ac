/** A job's task files and its task ISO, composed from the job alone: the same job gives the same bytes. */
import type { Vault } from '../../eventstore/ledgers/vault.ts'
import { recipeSchemaId, recipeSchemaText } from '../../machines/recipe/schema.ts'
import type { Recipe } from '../../machines/recipe/types.ts'
import { reportToken } from './access/report-token.ts'
import { taskFiles } from './task-files.ts'
import { buildIso, type TaskFile, taskVolumeId } from './task-iso.ts'

export type TaskOptions = {
  readonly vault: Vault
  /** The URL at which the host reaches the webhook. */
  readonly publicUrl: string
  readonly reportTokenKey: Uint8Array
  readonly paddingSectors: number
}

/** The parts of a job that its task files depend on. */
export type TaskJob = {
  readonly jobId: string
  readonly serial: string
  readonly createdAt: string
  /** A valid recipe, and the bytes that the operator sent. */
  readonly recipe: { readonly raw: Uint8Array; readonly recipe: Recipe }
}

/** The files of a job, and their common timestamp. Pure. */
export function composeTask(
  { publicUrl, reportTokenKey }: Omit<TaskOptions, 'vault'>,
  { jobId, serial, createdAt, recipe: { raw, recipe } }: TaskJob,
): { readonly files: readonly TaskFile[]; readonly timestamp: Date } {
  const files = taskFiles({
    rawRecipe: raw,
    recipe,
    schemaText: recipeSchemaText,
    report: {
      publicUrl,
      serverSerial: serial,
      jobId,
      token: reportToken(reportTokenKey, jobId),
      schemaId: recipeSchemaId,
    },
  })
  return { files, timestamp: new Date(createdAt) }
}

/** The bytes of a job's task ISO. Pure. */
export function composeIso(options: Omit<TaskOptions, 'vault'>, job: TaskJob): { readonly image: Uint8Array } {
  const { paddingSectors } = options
  return { image: buildIso({ volumeId: taskVolumeId(job.jobId), ...composeTask(options, job), paddingSectors }) }
}
