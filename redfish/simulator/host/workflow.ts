/**
 * The work of the maintenance OS after its boot: dispatcher, steps of the task target, report (spec/maintenance-os.md).
 * The steps take simulated time and change only the simulated disk.
 */
import type { Slot } from '../bmc/media.ts'
import type { JsonObject } from '../bmc/reply.ts'
import type { Clock, Timing } from '../world/timing.ts'
import { isUnreadable, openMedium } from './medium.ts'
import type { Outbound } from './outbound.ts'
import { Reporter } from './reporter.ts'
import {
  DispatchFailure,
  exitCodes,
  findTask,
  type ReportAddress,
  readTask,
  type TaskMedium,
  type TaskPlace,
} from './task-medium.ts'

const dispatcherUnit = 'provision-dispatcher.service'

/** The units of each target, in their order (spec/maintenance-os.md, "Units"). */
export const targets: Readonly<Record<string, readonly string[]>> = {
  'install-linux.target': [
    'partition.service',
    'image-linux.service',
    'bootloader-linux.service',
    'config-drive.service',
  ],
  'install-windows.target': ['partition.service', 'image-windows.service', 'bootloader-windows.service'],
  'supermicro-update.target': ['firmware.service'],
}

/** Names that `HostOptions.failAt` takes. */
export const units: readonly string[] = [dispatcherUnit, ...new Set(Object.values(targets).flat())]

export type WorkflowOptions = {
  readonly failAt: string | null
  readonly silent: boolean
  readonly duplicateReports: number
  readonly stepMs: number
  readonly webhookSecret: string | null
}

export type WorkflowWorld = {
  readonly serial: string
  readonly slots: readonly Slot[]
  readonly outbound: Outbound
  readonly clock: Clock
  readonly timing: Timing
  readonly newId: () => string
  readonly onStep: (step: { readonly step: string; readonly percent: number }) => void
  readonly onDisk: (disk: 'broken' | 'installed') => void
  readonly onReporting: () => void
}

/**
 * The end of a run. `unheard`: no server accepted the report. `silent`: the host was told not to report. `stuck`: the
 * dispatcher failed before it knew the address for reports.
 */
export type WorkflowResult = {
  readonly end: 'reported' | 'unheard' | 'silent' | 'stuck'
  readonly succeeded: boolean
  readonly failedStep: string | null
  readonly detail: string | null
}

type Failure = { readonly step: string; readonly exitCode: number; readonly detail: string }

/** Runs to the end, or until the signal is aborted, which rejects with its reason. */
export async function runWorkflow(
  options: WorkflowOptions,
  world: WorkflowWorld,
  signal: AbortSignal,
): Promise<WorkflowResult> {
  const startedAt = world.clock.now().toISOString()
  const { address, target, failure: dispatchFailure } = await dispatch(options, world, signal)
  if (address === null) {
    const detail = dispatchFailure?.detail ?? null
    return { end: 'stuck', succeeded: false, failedStep: dispatcherUnit, detail }
  }
  const reporter = new Reporter({
    outbound: world.outbound,
    clock: world.clock,
    address,
    webhookSecret: options.webhookSecret,
    retryMs: world.timing.reportRetryMs,
  })
  const failure =
    dispatchFailure ??
    (await runSteps({ steps: targets[target ?? ''] ?? [], reporter, address }, options, world, signal))
  const result = {
    succeeded: failure === null,
    failedStep: failure?.step ?? null,
    detail: failure?.detail ?? null,
  }
  if (options.silent) return { end: 'silent', ...result }

  world.onReporting()
  const outcome: JsonObject =
    failure === null
      ? { status: 'success' }
      : { status: 'failed', failed_step: failure.step, exit_code: failure.exitCode, message: failure.detail }
  const report = {
    ...outcome,
    job_id: address.jobId,
    delivery_id: world.newId(),
    ...(target === null ? {} : { task_target: target }),
    started_at: startedAt,
    finished_at: world.clock.now().toISOString(),
  }
  if (!(await reporter.deliver(report, signal))) return { end: 'unheard', ...result }
  for (let copy = 0; copy < options.duplicateReports; copy += 1) await reporter.mention(report, signal)
  return { end: 'reported', ...result }
}

type Dispatch = {
  readonly address: ReportAddress | null
  readonly target: string | null
  readonly failure: Failure | null
}

async function dispatch(options: WorkflowOptions, world: WorkflowWorld, signal: AbortSignal): Promise<Dispatch> {
  const failed = (exitCode: number, detail: string): Failure => ({ step: dispatcherUnit, exitCode, detail })
  try {
    const task = await waitForTask(world, signal)
    try {
      const machine = { serial: world.serial, targets: Object.keys(targets) }
      const { address, target } = await readTask(task, machine)
      const told = options.failAt === dispatcherUnit
      return { address, target, failure: told ? failed(exitCodes.internalError, 'told to fail') : null }
    } catch (error) {
      signal.throwIfAborted()
      if (!isUnreadable(error)) throw error
      throw new DispatchFailure(exitCodes.mountFailed, 'I/O error on the task medium', { address: null, cause: error })
    }
  } catch (error) {
    if (!(error instanceof DispatchFailure)) throw error
    return { address: error.address, target: null, failure: failed(error.exitCode, error.message) }
  }
}

/** Reads all drives again and again until one holds a task (spec/maintenance-os.md, step 3). @throws DispatchFailure */
async function waitForTask(world: WorkflowWorld, signal: AbortSignal): Promise<TaskMedium> {
  const looks = 120
  for (let look = 0; look < looks; look += 1) {
    for (const { slot, place } of placesOf(world.slots)) {
      const task = await lookInto(slot, place, world.outbound, signal)
      if (task !== null) return task
    }
    await world.clock.sleep(world.timing.taskMediumWaitMs / looks, signal)
  }
  throw new DispatchFailure(exitCodes.noTaskMedium, 'no task medium in time', { address: null })
}

/** The places in the dispatcher's order: optical drives, removable disks, the boot medium, which is in the first slot. */
function placesOf(slots: readonly Slot[]): readonly { readonly slot: Slot; readonly place: TaskPlace }[] {
  const optical = slots.filter((slot) => slot.appearsAs === 'optical')
  const removable = slots.filter((slot) => slot.appearsAs === 'removable')
  return [
    ...optical.map((slot) => ({ slot, place: 'optical' as const })),
    ...removable.map((slot) => ({ slot, place: 'removable' as const })),
    ...slots.slice(0, 1).map((slot) => ({ slot, place: 'boot medium' as const })),
  ]
}

/** Null for an empty drive, for a medium without a task, and for one that cannot be read. */
async function lookInto(
  slot: Slot,
  place: TaskPlace,
  outbound: Outbound,
  signal: AbortSignal,
): Promise<TaskMedium | null> {
  if (slot.medium === null) return null
  const { image, gone } = slot.medium
  try {
    return await findTask(await openMedium(image, { outbound, signal: AbortSignal.any([signal, gone]) }), place)
  } catch (error) {
    signal.throwIfAborted()
    if (isUnreadable(error)) return null
    throw error
  }
}

/** The first failure, or null. After a failed step the later ones do not run, as with systemd. */
async function runSteps(
  work: { readonly steps: readonly string[]; readonly reporter: Reporter; readonly address: ReportAddress },
  options: WorkflowOptions,
  world: WorkflowWorld,
  signal: AbortSignal,
): Promise<Failure | null> {
  const progress = async (step: string, percent: number): Promise<void> => {
    world.onStep({ step, percent })
    if (options.silent) return
    const message = percent === 0 ? `${step} started` : percent === 100 ? `${step} finished` : `${step} is at work`
    const { jobId } = work.address
    const body = { status: 'progress', step, percent, message, job_id: jobId, delivery_id: world.newId() }
    await work.reporter.mention(body, signal)
  }
  for (const step of work.steps) {
    await progress(step, 0)
    if (step === 'partition.service') world.onDisk('broken')
    await world.clock.sleep(options.stepMs / 2, signal)
    if (options.failAt === step) return { step, exitCode: 1, detail: 'told to fail' }
    await progress(step, 50)
    await world.clock.sleep(options.stepMs / 2, signal)
    await progress(step, 100)
  }
  if (work.steps.includes('partition.service')) world.onDisk('installed')
  return null
}
