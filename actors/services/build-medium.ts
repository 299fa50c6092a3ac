/**
 * Builds a job's task medium in the form that the slots of its BMC take, when that is not the ISO which was built before
 * anything was known of them. Safe to repeat, as `TaskMedia` is.
 */

import type { TaskMedia } from '../media/task-media.ts'
import type { Service } from '../service.ts'
import { type Timing, timed } from '../timing.ts'

export function buildMedium({
  media,
  timing,
}: {
  readonly media: TaskMedia
  readonly timing: Timing
}): Service<'buildMedium'> {
  return {
    writesBmc: false,
    perform: async (job) => {
      const { result, elapsed_ms } = await timed(timing, () => media.build(job))
      const { sha256, sizeBytes, baseSha256 } = result
      return { form: job.form, sha256, bytes: sizeBytes, base_sha256: baseSha256, elapsed_ms }
    },
  }
}
