/**
 * Builds and stores a job's task medium. Safe to repeat: the same inputs give the same bytes. A rebuild whose digest
 * differs from the job's history fails (spec/media.md "Deterministic").
 */
import type { TaskMedia } from '../media/task-media.ts'
import type { Service } from '../service.ts'
import { type Timing, timed } from '../timing.ts'

export type BuildOptions = { readonly media: TaskMedia; readonly timing: Timing }

/** Builds the task ISO, before the controller knows the BMC's slots. */
export function buildIso({ media, timing }: BuildOptions): Service<'buildIso'> {
  return {
    writesBmc: false,
    perform: async (job) => {
      const { result, elapsed_ms } = await timed(timing, () =>
        media.build({ ...job, form: 'iso', maintenanceIsoUrl: null }),
      )
      return { sha256: result.sha256, bytes: result.sizeBytes, files: [...result.files], elapsed_ms }
    },
  }
}

/** Builds the form that the slots of the job's BMC take, if that is another one than the ISO. */
export function buildMedium({ media, timing }: BuildOptions): Service<'buildMedium'> {
  return {
    writesBmc: false,
    perform: async (job) => {
      const { result, elapsed_ms } = await timed(timing, () => media.build(job))
      const { sha256, sizeBytes, baseSha256 } = result
      return { form: job.form, sha256, bytes: sizeBytes, base_sha256: baseSha256, elapsed_ms }
    },
  }
}
