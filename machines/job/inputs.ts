/** What a job's effects are given, out of what it remembers. */
import type { BySerial, JobContext, JobServices, Slots } from './context.ts'

export const bySerial = ({ context }: { context: JobContext }): BySerial => ({
  jobId: context.jobId,
  serial: context.serverSerial,
})

/** Empty as long as the layout is not known. */
export const slotsOf = (context: JobContext): Slots => ({
  maintenance: context.layout?.maintenance ?? '',
  task: context.layout?.task ?? '',
})

/** What the task medium is built from, when the layout takes another form than the ISO. */
export function mediumSource(context: JobContext): JobServices['buildMedium']['input'] {
  return {
    ...bySerial({ context }),
    recipeRef: context.recipeRef,
    createdAt: context.createdAt,
    form: context.layout?.kind === 'single-cd' ? 'merged' : 'img',
    maintenanceIsoUrl: context.maintenanceIsoUrl,
  }
}

/** What a job that has been cleaned up tells its server when it lets it go. */
export function releaseOf(context: JobContext): Omit<JobServices['releaseServer']['input'], keyof BySerial> {
  return {
    outcome: context.outcome ?? 'failed',
    cleanup: context.cleanup,
    slots: context.layout === null ? null : slotsOf(context),
    powerOn: context.hostOff,
  }
}
