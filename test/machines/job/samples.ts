/** One event of every type of a job, as it would be recorded, and the way of a job that succeeds. */
import type { DomainEvent } from '../../../machines/event.ts'
import type { JobEvent, JobEventData, jobEvents } from '../../../machines/job/events.ts'

export type JobEventType = keyof typeof jobEvents
type Samples = { readonly [Type in JobEventType]: JobEventData<Type> }

export const jobId = '0199e1d2-7c4e-7a10-8f00-0123456789ab'
export const slots = { maintenance: '/redfish/v1/VirtualMedia/1', task: '/redfish/v1/VirtualMedia/2' }
export const digest = 'a'.repeat(64)

/** All different, so that a deadline that takes another's budget is seen. */
export const budgets = {
  iso_build_ms: 60_000,
  redfish_ms: 1_200_000,
  redfish_poll_ms: 900_000,
  webhook_wait_ms: 7_200_000,
  cleanup_ms: 600_000,
  job_ms: 14_400_000,
}

const power = { power_state: 'On', last_reset_time: '2026-03-01T10:00:00Z', boot_progress: 'OSRunning' }
const override = { enabled: 'Once', target: 'Cd', mode: 'UEFI' }
const noOverride = { enabled: 'Disabled', target: 'None', mode: 'UEFI' }
const went = { attempts: 1, elapsed_ms: 12 }
const mounted = {
  ...went,
  slot: slots.maintenance,
  image: 'http://192.0.2.1/media',
  inserted: true,
  connected_via: 'URI',
  also_ejected: [],
}
const reset = { ...went, sent: ['GracefulRestart'], evidence: 'last-reset-time', after: power }
const refused = { kind: 'refused', message: '[POST] /redfish/v1: 400', status: 400 }
const report = {
  status: 'success' as const,
  failed_step: null,
  delivery_id: 'delivery-1',
  task_target: 'install-linux.target',
  dispatcher_version: '1.0.0',
  schema_id: null,
  started_at: '2026-03-01T10:05:00Z',
  finished_at: '2026-03-01T10:25:00Z',
  authenticated_by: 'job-token' as const,
}

export const samples: Samples = {
  'job.requested': {
    job_id: jobId,
    server_serial: 'SN-0001',
    recipe_ref: `recipe/${jobId}`,
    recipe: {
      schema_version: '1',
      task_target: 'install-linux.target',
      target_disk: '/dev/sda',
      oci_url: 'registry.example/linux:1',
      firmware_url: null,
      installer_url: null,
      partitions: 2,
      payloads: { user_data: { bytes: 20, sha256: digest } },
      env_names: ['HTTP_PROXY'],
      raw: { bytes: 400, sha256: digest },
    },
    warnings: [],
    maintenance_iso_url: null,
    budgets,
    created_at: '2026-03-01T09:59:00.000Z',
    idempotency: null,
    retry_of: null,
  },
  'job.admission.succeeded': { redfish_mode: 'http' },
  'job.admission.failed': { kind: 'unknown-server', message: 'server SN-0001 is not registered' },
  'job.admission.elapsed': {},
  'job.elapsed': {},
  'cancel.requested': { reason: 'wrong server' },
  'iso.build.succeeded': { sha256: digest, bytes: 400_000, files: ['recipe.json'], elapsed_ms: 5 },
  'iso.build.failed': { kind: 'recipe', message: 'the recipe does not pass any more' },
  'iso.build.elapsed': {},
  'redfish.discover.succeeded': {
    vendor: 'generic',
    model: 'R1',
    firmware: '1.0',
    system: '1',
    manager: '1',
    layout: { kind: 'two-cds', ...slots },
    session: 'session',
    tls: 'verified',
    power,
    findings: [],
    elapsed_ms: 300,
  },
  'redfish.discover.failed': refused,
  'media.build.succeeded': { form: 'img', sha256: 'b'.repeat(64), bytes: 4_194_304, base_sha256: null, elapsed_ms: 8 },
  'media.build.failed': { kind: 'maintenance-iso', message: 'the maintenance ISO will not do' },
  'redfish.mount.maintenance.succeeded': mounted,
  'redfish.mount.maintenance.failed': refused,
  'redfish.mount.task.succeeded': { ...mounted, slot: slots.task },
  'redfish.mount.task.failed': refused,
  'redfish.boot-override.succeeded': { ...went, changed: true, override, warnings: [] },
  'redfish.boot-override.failed': refused,
  'redfish.reset.requested': {
    reset_type: 'GracefulRestart',
    reason: 'a restart was asked for',
    before: power,
    override_before: override,
  },
  'redfish.reset.resolved': { happened: 'yes', evidence: 'power-state', after: power },
  'redfish.reset.succeeded': reset,
  'redfish.reset.failed': refused,
  'redfish.elapsed': {},
  'redfish.poll.succeeded': { ...went, power },
  'redfish.poll.failed': { kind: 'unauthorized', message: '[GET] /redfish/v1/Systems/1: 401', status: 401 },
  'redfish.poll.elapsed': {},
  'media.read.observed': {
    medium: 'task',
    attempt: 1,
    first_read_at: '2026-03-01T10:02:00.000Z',
    last_read_at: '2026-03-01T10:03:00.000Z',
    highest_offset: 400_000,
    bytes: 400_000,
    requests: 7,
  },
  'progress.reported': { step: 'image-linux.service', percent: 40, message: null },
  'report.received': report,
  'report.duplicated': report,
  'webhook.wait.elapsed': {},
  'cleanup.power-off.succeeded': { ...reset, sent: ['GracefulShutdown'], evidence: 'power-state' },
  'cleanup.power-off.failed': refused,
  'cleanup.unmount.succeeded': { ...went, slots: [{ slot: slots.task, already_empty: false }] },
  'cleanup.unmount.failed': refused,
  'cleanup.boot-override.succeeded': { ...went, changed: true, override: noOverride, warnings: [] },
  'cleanup.boot-override.failed': refused,
  'cleanup.reset.succeeded': { ...reset, sent: ['On'], evidence: 'power-state' },
  'cleanup.reset.failed': refused,
  'cleanup.elapsed': {},
  'server.release.succeeded': {},
  'server.release.failed': { kind: 'internal', message: 'an error inside the controller, see its log' },
  'server.release.retry.elapsed': {},
  'actor.stall.observed': { reason: 'effect.missing', subject: '0199e1d2/iso.build', repaired: true },
}

export const jobEventTypes = Object.keys(samples) as JobEventType[]

/** The sample of a type, with what the test is about. */
export function happened<Type extends JobEventType>(
  type: Type,
  about: Partial<JobEventData<Type>> = {},
): Extract<JobEvent, { type: Type }> {
  return { type, data: { ...samples[type], ...about } } as Extract<JobEvent, { type: Type }>
}

/** The types of a job that succeeds, each with the state that it leads to. */
export const successfulWay = [
  ['job.requested', 'queued'],
  ['job.admission.succeeded', 'provisioning.buildingIso'],
  ['iso.build.succeeded', 'provisioning.redfish.discovering'],
  ['redfish.discover.succeeded', 'provisioning.redfish.mountingMaintenance'],
  ['redfish.mount.maintenance.succeeded', 'provisioning.redfish.mountingTask'],
  ['redfish.mount.task.succeeded', 'provisioning.redfish.settingBootOverride'],
  ['redfish.boot-override.succeeded', 'provisioning.redfish.resetting'],
  ['redfish.reset.requested', 'provisioning.redfish.resetting'],
  ['redfish.reset.succeeded', 'provisioning.polling'],
  ['redfish.poll.succeeded', 'provisioning.waitingForReport'],
  ['report.received', 'cleaningUp.poweringOff'],
  ['cleanup.power-off.succeeded', 'cleaningUp.unmounting'],
  ['cleanup.unmount.succeeded', 'cleaningUp.clearingBootOverride'],
  ['cleanup.boot-override.succeeded', 'cleaningUp.poweringOn'],
  ['cleanup.reset.succeeded', 'releasing.asking'],
  ['server.release.succeeded', 'complete'],
] as const satisfies readonly (readonly [JobEventType, string])[]

export type WayState = (typeof successfulWay)[number][1]

/** The states of a successful job, in order, each once. */
export const wayStates: readonly WayState[] = [...new Set(successfulWay.map(([, state]) => state))]

/** The events of a successful job up to its arrival in a state. */
export function wayTo(state: WayState): readonly DomainEvent[] {
  const arrival = successfulWay.findIndex(([, reached]) => reached === state)
  return successfulWay.slice(0, arrival + 1).map(([type]) => happened(type))
}

/** The events up to `resetting` with a reset announced: the host may be running from our media. */
export function wayToAnnouncedReset(): readonly DomainEvent[] {
  return [...wayTo('provisioning.redfish.resetting'), happened('redfish.reset.requested')]
}
