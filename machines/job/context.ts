/** The memory of a job, and the contract between its machine and the services that perform its effects. */
import type { FailureData } from '../event.ts'
import type { Budgets, JobEventData, JobRequested } from './events.ts'
import type { TaskForm } from './layout.ts'
import type { StepKey } from './steps.ts'

type Outcome = 'succeeded' | 'failed' | 'cancelled'
type Cleanup = 'pending' | 'clean' | 'dirty'

export type JobContext = {
  readonly jobId: string
  readonly serverSerial: string
  readonly taskTarget: string
  readonly recipeRef: string
  readonly maintenanceIsoUrl: string | null
  readonly createdAt: string
  readonly budgets: Budgets
  /** The step under way: a failure or a passed deadline is blamed on it. */
  readonly step: StepKey
  /** The task medium for the host: the ISO, until a medium of another form is built for the layout. */
  readonly taskIso: { readonly sha256: string; readonly bytes: number } | null
  readonly layout: { readonly kind: string; readonly maintenance: string; readonly task: string } | null
  /** True from the first mount on: slots may hold our media and the override may be set, even after a BMC's error. */
  readonly bmcTouched: boolean
  /** True from the first announced reset on: the host may be running from our media. */
  readonly hostRestarted: boolean
  /** True after cleanup has switched the host off, until it has switched it on again. */
  readonly hostOff: boolean
  /** Resets announced in this job. */
  readonly resets: number
  readonly mediaReads: Readonly<Partial<Record<'maintenance' | 'task', JobEventData<'media.read.observed'>>>>
  readonly progress: JobEventData<'progress.reported'> | null
  readonly outcome: Outcome | null
  readonly failedStep: string | null
  readonly failure: FailureData | null
  readonly cleanup: Cleanup
  readonly cleanupFaults: readonly { readonly step: StepKey; readonly failure: FailureData }[]
  /** Delivery ids of reports already taken, the latest last; bounded. */
  readonly deliveryIds: readonly string[]
}

export type BySerial = { readonly jobId: string; readonly serial: string }
export type Slots = { readonly maintenance: string; readonly task: string }

/** Input and outcome of each effect that the machine asks for; `actors/services/` implements them. */
export type JobServices = {
  admitJob: { input: BySerial; output: JobEventData<'job.admission.succeeded'> }
  buildIso: {
    input: BySerial & { readonly recipeRef: string; readonly createdAt: string }
    output: JobEventData<'iso.build.succeeded'>
  }
  discover: { input: BySerial; output: JobEventData<'redfish.discover.succeeded'> }
  buildMedium: {
    input: BySerial & {
      readonly recipeRef: string
      readonly createdAt: string
      readonly form: Exclude<TaskForm, 'iso'>
      readonly maintenanceIsoUrl: string | null
    }
    output: JobEventData<'media.build.succeeded'>
  }
  mountMaintenance: {
    input: BySerial & { readonly slot: string; readonly url: string | null }
    output: JobEventData<'redfish.mount.maintenance.succeeded'>
  }
  mountTask: {
    /** `form` is missing in requests of old releases, which knew only the ISO. */
    input: BySerial & { readonly slot: string; readonly sha256: string; readonly form?: TaskForm }
    output: JobEventData<'redfish.mount.task.succeeded'>
  }
  setBootOverride: { input: BySerial; output: JobEventData<'redfish.boot-override.succeeded'> }
  resetHost: { input: BySerial; output: JobEventData<'redfish.reset.succeeded'> }
  pollHost: { input: BySerial; output: JobEventData<'redfish.poll.succeeded'> }
  powerOffHost: { input: BySerial; output: JobEventData<'cleanup.power-off.succeeded'> }
  unmountMedia: { input: BySerial & Slots; output: JobEventData<'cleanup.unmount.succeeded'> }
  clearBootOverride: { input: BySerial; output: JobEventData<'cleanup.boot-override.succeeded'> }
  powerOnHost: { input: BySerial; output: JobEventData<'cleanup.reset.succeeded'> }
  releaseServer: {
    input: BySerial & {
      readonly outcome: Outcome
      readonly cleanup: Cleanup
      readonly slots: Slots | null
      readonly powerOn: boolean
    }
    output: JobEventData<'server.release.succeeded'>
  }
}

/** The memory of a job that was just requested. */
export function initialContext(input: JobRequested): JobContext {
  return {
    jobId: input.job_id,
    serverSerial: input.server_serial,
    taskTarget: input.recipe.task_target,
    recipeRef: input.recipe_ref,
    maintenanceIsoUrl: input.maintenance_iso_url,
    createdAt: input.created_at,
    budgets: input.budgets,
    step: 'job.admission',
    taskIso: null,
    layout: null,
    bmcTouched: false,
    hostRestarted: false,
    hostOff: false,
    resets: 0,
    mediaReads: {},
    progress: null,
    outcome: null,
    failedStep: null,
    failure: null,
    cleanup: 'pending',
    cleanupFaults: [],
    deliveryIds: [],
  }
}
