/** A job's task files and the ISO that they make, composed from the job alone: the same job gives the same bytes. */
import type { Vault } from '../../eventstore/ledgers/vault.ts'
import { parseRecipe } from '../../machines/recipe/parse.ts'
import { recipeSchemaId, recipeSchemaText } from '../../machines/recipe/schema.ts'
import { StepFailure } from '../failure.ts'
import { reportToken } from './access/report-token.ts'
import { taskFiles } from './task-files.ts'
import { buildIso, type TaskFile, taskVolumeId } from './task-iso.ts'

export type TaskOptions = {
  readonly vault: Vault
  /** What the host uses to reach the webhook. */
  readonly publicUrl: string
  readonly reportTokenKey: Uint8Array
  readonly paddingSectors: number
}

/** A job as far as its task files depend on it: the same job gives the same bytes. */
export type TaskJob = {
  readonly jobId: string
  readonly serial: string
  readonly createdAt: string
  readonly rawRecipe: Uint8Array
}

/** The files of a job, and the time that they all have. Pure. @throws StepFailure when the recipe no longer passes. */
export function composeTask(
  { publicUrl, reportTokenKey }: Omit<TaskOptions, 'vault'>,
  { jobId, serial, createdAt, rawRecipe }: TaskJob,
): { readonly files: readonly TaskFile[]; readonly timestamp: Date } {
  const parsed = parseRecipe(rawRecipe)
  if (!parsed.ok) {
    const message = `the recipe was accepted, but this version finds ${parsed.faults.length} fault(s) in it`
    throw new StepFailure({ kind: 'recipe', message })
  }
  const files = taskFiles({
    rawRecipe,
    recipe: parsed.recipe,
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

/** The bytes of a job's task ISO. Pure. @throws StepFailure when the recipe no longer passes. */
export function composeIso(options: Omit<TaskOptions, 'vault'>, job: TaskJob): { readonly image: Uint8Array } {
  const { paddingSectors } = options
  return { image: buildIso({ volumeId: taskVolumeId(job.jobId), ...composeTask(options, job), paddingSectors }) }
}
