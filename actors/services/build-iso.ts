/**
 * Builds and stores a job's task ISO. Safe to repeat: the same inputs give the same bytes. A rebuild with another digest
 * than the job's history has fails loudly (spec/media.md "Deterministic").
 */
import type { Vault } from '../../eventstore/vault.ts'
import { parseRecipe } from '../../machines/recipe/parse.ts'
import { recipeSchemaId, recipeSchemaText } from '../../machines/recipe/schema.ts'
import { StepFailure } from '../failure.ts'
import type { TaskStore } from '../media/store.ts'
import { taskFiles } from '../media/task-files.ts'
import { buildIso as buildImage, taskVolumeId } from '../media/task-iso.ts'
import { reportToken } from '../report-token.ts'
import type { Service } from '../service.ts'
import { type Timing, timed } from '../timing.ts'

export type IsoBuilder = (job: {
  readonly jobId: string
  readonly serial: string
  readonly recipeRef: string
  readonly createdAt: string
}) => Promise<{
  readonly image: Uint8Array
  readonly files: readonly string[]
}>

export type IsoBuilderOptions = {
  readonly vault: Vault
  /** What the host uses to reach the webhook. */
  readonly publicUrl: string
  readonly reportTokenKey: Uint8Array
  readonly paddingSectors: number
}

/** A job as far as its task ISO depends on it: the same job gives the same bytes. */
export type IsoJob = {
  readonly jobId: string
  readonly serial: string
  readonly createdAt: string
  readonly rawRecipe: Uint8Array
}

/** The bytes of a job's task ISO. Pure. @throws StepFailure when the recipe no longer passes. */
export function composeIso(
  { publicUrl, reportTokenKey, paddingSectors }: Omit<IsoBuilderOptions, 'vault'>,
  { jobId, serial, createdAt, rawRecipe }: IsoJob,
): { readonly image: Uint8Array; readonly files: readonly string[] } {
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
  const image = buildImage({ volumeId: taskVolumeId(jobId), timestamp: new Date(createdAt), files, paddingSectors })
  return { image, files: files.map(({ path }) => path) }
}

/** Builds from the sealed recipe. */
export function createIsoBuilder({ vault, ...options }: IsoBuilderOptions): IsoBuilder {
  return async ({ recipeRef, ...job }) => composeIso(options, { ...job, rawRecipe: await vault.get(recipeRef) })
}

export function buildIso({
  build,
  store,
  timing,
}: {
  readonly build: IsoBuilder
  readonly store: TaskStore
  readonly timing: Timing
}): Service<'buildIso'> {
  return {
    writesBmc: false,
    perform: async (job) => {
      const { result, elapsed_ms } = await timed(timing, async () => {
        const { image, files } = await build(job)
        return { files, ...(await store.put(job.jobId, image)) }
      })
      return { sha256: result.sha256, bytes: result.sizeBytes, files: [...result.files], elapsed_ms }
    },
  }
}
