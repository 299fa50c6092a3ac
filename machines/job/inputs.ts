/** The inputs of a job's effects, made from its memory. */
import type { BySerial, JobContext, JobServices, Slots } from './context.ts'

export const bySerial = ({ context }: { context: JobContext }): BySerial => ({
  jobId: context.jobId,
  serial: context.serverSerial,
})

/** The slots' names are empty until the layout is known. */
export const slotsOf = (context: JobContext): Slots => ({
  maintenance: context.layout?.maintenance ?? '',
  task: context.layout?.task ?? '',
})

/** The sources of a task medium in another form than the ISO. */
export function mediumSource(context: JobContext): JobServices['buildMedium']['input'] {
  return {
    ...bySerial({ context }),
    recipeRef: context.recipeRef,
    createdAt: context.createdAt,
    form: context.layout?.kind === 'single-cd' ? 'merged' : 'img',
    maintenanceIsoUrl: context.maintenanceIsoUrl,
  }
}

/** The result that a job hands to its server when it releases it. */
export function releaseOf(context: JobContext): Omit<JobServices['releaseServer']['input'], keyof BySerial> {
  return {
    outcome: context.outcome ?? 'failed',
    cleanup: context.cleanup,
    slots: context.layout === null ? null : slotsOf(context),
    powerOn: context.hostOff,
  }
}
