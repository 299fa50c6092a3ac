/** A job as the API shows it: `machines/job/view.ts`, with component names for the OpenAPI document. */
import { z } from '@hono/zod-openapi'
import { jobEvents } from '../../machines/job/events.ts'
import { job, jobView } from '../../machines/job/view.ts'
import { failure, orNull, warning } from '../schemas.ts'

/** Copies of the events' schemas, because only zod schemas of this module have `openapi()` for a component name. */
const mediaRead = z.strictObject(jobEvents['media.read.observed'].data.shape).openapi('MediaRead')
export const recipeSummary = z
  .strictObject(jobEvents['job.requested'].data.shape.recipe.shape)
  .openapi('RecipeSummary', { description: 'what may be said of a recipe: payloads by size and SHA-256' })

const { media, state, cleanup_faults: cleanupFaults } = jobView.shape

/** The members whose schemas have a component name or an example. */
const named = {
  state: state.meta({ example: 'provisioning.redfish.mountingTask' }),
  failure: orNull(failure),
  cleanup_faults: z.array(cleanupFaults.element.extend({ failure })),
  media: media.extend({ reads: z.object({ maintenance: mediaRead.optional(), task: mediaRead.optional() }) }),
}

const members = { ...job.shape, ...named, recipe: recipeSummary, warnings: z.array(warning) }

export const jobItem = z.object(members).openapi('Job')
export const jobDetail = z
  .object({
    ...members,
    attempts: z.int().openapi({ description: '1, or one more than that of the job it retries' }),
    waiting_for: z.array(z.object({ for: z.string(), deadline: z.string(), until: z.string() })),
    events: z.array(
      z.object({
        time: z.string(),
        level: z.enum(['info', 'warning', 'error']),
        message: z.string(),
        step: z.string().nullable(),
        seq: z.int(),
      }),
    ),
  })
  .openapi('JobDetail')
export const jobState = z
  .object({ ...jobView.shape, ...named, seq: z.int(), at: z.string() })
  .openapi('JobState', { description: 'a job as it was after event `seq`' })
