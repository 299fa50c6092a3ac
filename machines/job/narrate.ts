/**
 * A job's history for people: one sentence per event (spec/observability.md "Job events for people"). The sentence of
 * an operation tells its task, its target, its attempts and its duration. Pure; as free of secrets as events are.
 */
import type { FailureData, StallReason } from '../event.ts'
import { type JobEventData, jobEvents } from './events.ts'
import type { JobState } from './phase.ts'
import { type StepKey, stepKeys } from './steps.ts'

type NarrationLevel = 'info' | 'warning' | 'error'
export type Narration = { readonly level: NarrationLevel; readonly message: string; readonly step: StepKey | null }

type Sentence = string | { readonly level: NarrationLevel; readonly message: string }
type Sentences = { readonly [Type in keyof typeof jobEvents]: (data: JobEventData<Type>) => Sentence }

/** Exhaustive: a new event does not compile until it has a sentence. */
const sentences: Sentences = {
  'job.requested': ({ server_serial, recipe, warnings, retry_of }) =>
    `job requested: ${recipe.task_target} on server ${server_serial}` +
    (retry_of === null ? '' : `, again after job ${retry_of}`) +
    (warnings.length === 0 ? '' : `; the recipe has ${count(warnings.length, 'warning')}`),
  'job.admission.succeeded': ({ redfish_mode }) =>
    redfish_mode === 'noop' ? warning('admitted, but no BMC is really called (REDFISH_MODE=noop)') : 'admitted',
  'job.admission.failed': failed('the job was not admitted'),
  'job.admission.elapsed': () => error('nobody took up the job within its budget'),
  'job.elapsed': () => error('the job was stuck longer than its whole budget'),
  'cancel.requested': ({ reason }) => warning(reason === null ? 'cancelled' : `cancelled: ${reason}`),

  'iso.build.succeeded': ({ bytes, sha256, files, elapsed_ms }) =>
    `task ISO built in ${duration(elapsed_ms)}: ${count(files.length, 'file')}, ${bytes} bytes, SHA-256 ${sha256}`,
  'iso.build.failed': failed('the task ISO was not built'),
  'iso.build.elapsed': () => error('the task ISO was not built within its budget'),

  'redfish.discover.succeeded': ({ vendor, model, firmware, layout, findings, elapsed_ms }) =>
    `BMC read in ${duration(elapsed_ms)}: ${[vendor, model, firmware].filter((part) => part !== null).join(' ')}; ` +
    slotsTold(layout) +
    (findings.length === 0 ? '' : `; ${count(findings.length, 'finding')}: ${findings.map(toldFinding).join('; ')}`),
  'redfish.discover.failed': failed('the BMC could not be read'),
  'media.build.succeeded': ({ form, bytes, sha256, base_sha256, elapsed_ms }) =>
    `${form === 'img' ? 'task files put into a FAT image' : `task files merged into the maintenance ISO ${base_sha256}`} ` +
    `in ${duration(elapsed_ms)}: ${bytes} bytes, SHA-256 ${sha256}`,
  'media.build.failed': failed('the task medium was not built in the form that the BMC takes'),
  'redfish.mount.maintenance.succeeded': mounted('maintenance'),
  'redfish.mount.maintenance.failed': failed('the maintenance medium was not mounted'),
  'redfish.mount.task.succeeded': mounted('task'),
  'redfish.mount.task.failed': failed('the task medium was not mounted'),
  'redfish.boot-override.succeeded': (data) =>
    withWarnings(`boot override ${data.changed ? 'set' : 'already set'}: ${overrideOf(data)}${effort(data)}`, data),
  'redfish.boot-override.failed': failed('the boot override was not set'),
  'redfish.reset.requested': ({ reset_type, reason, before }) =>
    `${reset_type} is sent to the host (${reason}); before it: ${before.power_state}`,
  'redfish.reset.resolved': ({ happened, evidence, after }) => {
    const message = `looked whether the announced reset took place: ${happened}${evidence ? ` (${evidence})` : ''}; the host is ${after.power_state}`
    return happened === 'unknown' ? warning(message) : message
  },
  'redfish.reset.succeeded': (data) => `host restarted${resetOf(data)}`,
  'redfish.reset.failed': failed('the host was not restarted'),
  'redfish.elapsed': () => error('the BMC was not prepared within the budget of its steps'),
  'redfish.poll.succeeded': (data) => `the host is ${data.power.power_state} after its restart${effort(data)}`,
  'redfish.poll.failed': failed('the host could not be observed after its restart'),
  'redfish.poll.elapsed': () => error('the host was not seen on within the budget'),

  'media.read.observed': ({ medium, bytes, highest_offset, requests }) =>
    `the ${medium} medium is being read: ${bytes} bytes in ${count(requests, 'request')}, up to byte ${highest_offset}`,
  'progress.reported': ({ step, percent, message }) =>
    `the maintenance OS is at ${step}${percent === null ? '' : ` (${percent} %)`}${message === null ? '' : `: ${message}`}`,
  'report.received': ({ status, failed_step }) =>
    status === 'success'
      ? 'the maintenance OS reports success'
      : error(`the maintenance OS reports that ${failed_step ?? 'a step'} failed`),
  'report.duplicated': ({ status, delivery_id }) =>
    warning(
      `the report (${status}${delivery_id === null ? '' : `, delivery ${delivery_id}`}) came again; nothing changes`,
    ),
  'webhook.wait.elapsed': () => error('no report of the maintenance OS came within the budget'),

  'cleanup.power-off.succeeded': (data) => `host switched off for cleanup${resetOf(data)}`,
  'cleanup.power-off.failed': cleanupFault('the host was not switched off'),
  'cleanup.unmount.succeeded': (data) => {
    const slots = data.slots.map(({ slot, already_empty }) => `${slot}${already_empty ? ' (was empty)' : ''}`)
    return `media taken out of ${slots.join(' and ')}${effort(data)}`
  },
  'cleanup.unmount.failed': cleanupFault('media may be left in the BMC'),
  'cleanup.boot-override.succeeded': (data) =>
    withWarnings(
      `boot override ${data.changed ? 'cleared' : 'already clear'}: ${overrideOf(data)}${effort(data)}`,
      data,
    ),
  'cleanup.boot-override.failed': cleanupFault('the boot override may be left set'),
  'cleanup.reset.succeeded': (data) => `host switched on into what was installed${resetOf(data)}`,
  'cleanup.reset.failed': cleanupFault('the host was not switched on again'),
  'cleanup.elapsed': () => warning('cleanup was not done within its budget'),
  'server.release.succeeded': () => 'the server is free again; the job is complete',
  'server.release.failed': cleanupFault('the server was not released yet'),
  'server.release.retry.elapsed': () => 'releasing the server again',
  'actor.stall.observed': ({ reason, subject, repaired }) => {
    const found = `the job would not have gone on by itself: ${stalls[reason]} (${subject})`
    return repaired ? warning(`${found}; this is put right`) : error(found)
  },
}

const stalls: { readonly [Reason in StallReason]: string } = {
  'effect.missing': 'what it waits for was on nobody’s list',
  'effect.surplus': 'something was to be done that it does not wait for',
  'deadline.missing': 'a deadline was not armed',
  'deadline.surplus': 'a deadline was armed that it does not have',
  'deadline.overdue': 'a deadline has passed and does not fire',
  'lease.abandoned': 'whoever did its work is gone, and nobody takes over',
  'reservation.missing': 'its server is not reserved for it',
  'reservation.orphaned': 'it has ended and still holds its server',
}

/** The sentence for one event. For an event of an unknown type it is the type itself. */
export function narrate(event: { readonly type: string; readonly data: unknown }): Narration {
  const step = stepOf(event.type)
  if (!isJobEventType(event.type)) return { level: 'info', message: event.type, step }
  const tell = sentences[event.type] as (data: unknown) => Sentence
  const sentence = tell(event.data)
  return typeof sentence === 'string' ? { level: 'info', message: sentence, step } : { ...sentence, step }
}

/** The job's activity in a state; null if the machine leaves the state at once or if its path says enough. */
const goingOn: Readonly<Record<JobState, string | null>> = {
  queued: 'waiting to be admitted',
  'provisioning.buildingIso': 'building the task ISO',
  'provisioning.redfish.discovering': 'discovering the BMC',
  'provisioning.redfish.buildingMedium': 'building the task medium in the form that the BMC takes',
  'provisioning.redfish.mountingMaintenance': 'mounting the maintenance ISO',
  'provisioning.redfish.mountingTask': 'mounting the task ISO',
  'provisioning.redfish.settingBootOverride': 'setting boot once from CD',
  'provisioning.redfish.resetting': 'restarting the host',
  'provisioning.polling': 'waiting for the host to be on',
  'provisioning.waitingForReport': 'waiting for the report of the maintenance OS',
  'cleaningUp.deciding': null,
  'cleaningUp.poweringOff': 'switching the host off',
  'cleaningUp.unmounting': 'taking the media out',
  'cleaningUp.clearingBootOverride': 'clearing the boot override',
  'cleaningUp.decidingOnPower': null,
  'cleaningUp.poweringOn': 'starting the installed system',
  'releasing.asking': 'releasing the server',
  'releasing.waiting': null,
  complete: null,
}
const goingOnIn = new Map<string, string | null>(Object.entries(goingOn))

/** The job's activity in the state with this path. */
export function narrateState(state: string): string {
  return goingOnIn.get(state) ?? state
}

/** A wait: its purpose, the name of its deadline, and the instant at which that passes. */
export type Wait = { readonly for: string; readonly deadline: string; readonly until: string }

const waitsFor = new Map([
  ['job.admission', 'a controller that takes up the job'],
  ['job', 'the end of the whole job'],
  ['iso.build', 'the task ISO to be built'],
  ['redfish', 'the BMC to be prepared and the host to be restarted'],
  ['redfish.poll', 'the host to be on after its restart'],
  ['webhook.wait', 'the report of the maintenance OS'],
  ['cleanup', 'media to be taken out and the host to be left as it should be'],
  ['server.release.retry', 'the next try to release the server'],
])

/** Waits of a job, soonest first. */
export function narrateWaits(deadlines: readonly { readonly name: string; readonly due_at: string }[]): Wait[] {
  return deadlines
    .map(({ name, due_at }) => ({ for: waitsFor.get(name) ?? name, deadline: name, until: due_at }))
    .sort((left, right) => left.until.localeCompare(right.until))
}

function isJobEventType(type: string): type is keyof typeof jobEvents {
  return Object.hasOwn(jobEvents, type)
}

/** `redfish.mount.task.failed` → `redfish.mount.task`; null for events that belong to no step. */
function stepOf(type: string): StepKey | null {
  const subject = type.slice(0, type.lastIndexOf('.'))
  return stepKeys.find((key) => key === subject) ?? null
}

function failed(what: string): (failure: FailureData) => Sentence {
  return (failure) => error(`${what}: ${toldFailure(failure)}`)
}

/** A fault of cleanup never changes the outcome, so it is a warning. */
function cleanupFault(what: string): (failure: FailureData) => Sentence {
  return (failure) => warning(`${what}: ${toldFailure(failure)}`)
}

function toldFailure(failure: FailureData): string {
  const asked = [failure.operation, failure.target].filter((part) => part !== undefined).join(' on ')
  const status = failure.status === undefined ? '' : `, status ${failure.status}`
  const spent = failure.attempts === undefined ? '' : `, ${count(failure.attempts, 'attempt')}`
  const elapsed = failure.elapsed_ms === undefined ? '' : ` in ${duration(failure.elapsed_ms)}`
  return `${failure.message}${asked === '' ? '' : ` [${asked}${status}${spent}${elapsed}]`}`
}

type Mounted = JobEventData<'redfish.mount.task.succeeded'>
function mounted(medium: string): (data: Mounted) => Sentence {
  return (data) => {
    const via = data.connected_via === null ? '' : ` (${data.connected_via})`
    const message = `${medium} medium in ${data.slot}${via}, read back as ${data.image}${effort(data)}`
    const warnings = [
      ...(data.inserted ? [] : ['the BMC does not say whether it is inserted']),
      ...(data.also_ejected ?? []).map((slot) => `${slot} was in use and emptied for it`),
    ]
    return withWarnings(message, { warnings })
  }
}

/** The sentence with the warnings of the operation behind it. */
function withWarnings(message: string, { warnings }: { readonly warnings: readonly string[] | null }): Sentence {
  return warnings === null || warnings.length === 0 ? message : warning([message, ...warnings].join('; '))
}

function resetOf(data: JobEventData<'redfish.reset.succeeded'>): string {
  const sent = data.sent.length === 0 ? 'nothing had to be sent' : `sent ${data.sent.join(', ')}`
  return `: ${sent}, seen by ${data.evidence}; the host is ${data.after.power_state}${effort(data)}`
}

function overrideOf({ override }: JobEventData<'redfish.boot-override.succeeded'>): string {
  return [override.enabled, override.target, override.mode].map((part) => part ?? '-').join(' / ')
}

function slotsTold({ kind, maintenance, task }: JobEventData<'redfish.discover.succeeded'>['layout']): string {
  if (kind === 'single-cd') return `maintenance and task medium go to ${maintenance} as one`
  return `maintenance medium goes to ${maintenance}, task medium to ${task}`
}

function toldFinding({ severity, message, advice }: JobEventData<'redfish.discover.succeeded'>['findings'][number]) {
  return `${severity}: ${message} (${advice})`
}

function effort({ attempts, elapsed_ms }: { readonly attempts: number; readonly elapsed_ms: number }): string {
  return ` (${count(attempts, 'attempt')}, ${duration(elapsed_ms)})`
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

/** `340 ms`, `12.4 s`, `7 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

function warning(message: string) {
  return { level: 'warning' as const, message }
}

function error(message: string) {
  return { level: 'error' as const, message }
}
