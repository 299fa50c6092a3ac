// An event store of one's own with a runtime on it, and jobs on their way through a successful run.

import { v7 as uuidv7 } from 'uuid'
import { type Cause, createRuntime, proposalOf, type Runtime } from '../../../actors/runtime.ts'
import type { Condition, NewEvent } from '../../../eventstore/log/commit.ts'
import { beginning, readTail, saveCheckpoint } from '../../../eventstore/log/tail.ts'
import { type Connections, connect, type Database } from '../../../eventstore/postgres/database.ts'
import { type Notifications, startNotifications } from '../../../eventstore/postgres/notifications.ts'
import type { DomainEvent } from '../../../machines/event.ts'
import type { JobEvent } from '../../../machines/job/events.ts'
import { jobStream, type StreamId, serverStream } from '../../../machines/kinds.ts'
import { freshDatabase } from '../../rig/postgres.ts'

export type World = {
  readonly url: string
  /** As the application's role, as a controller works. */
  readonly db: Database
  readonly raw: Connections['raw']
  /** As the database's owner, who is also superuser: for what an administrator or an attacker does. */
  readonly owner: Connections
  readonly runtime: Runtime
  readonly notifications: Notifications
  readonly close: () => Promise<void>
}

export async function openWorld(): Promise<World> {
  const { url, drop } = await freshDatabase()
  const application = connect({ url, poolMax: 10 })
  const owner = connect({ url, poolMax: 2, asApplication: false })
  const notifications = await startNotifications(application.raw, (error) => {
    throw error
  })
  const runtime = createRuntime({ db: application.db, nextId: uuidv7 })
  runtime.onAppended(notifications.announce)
  return {
    url,
    db: application.db,
    raw: application.raw,
    owner,
    runtime,
    notifications,
    close: async () => {
      await notifications.close()
      await Promise.all([application.close(), owner.close()])
      await drop()
    },
  }
}

/** What a publisher writes down when it has published everything. */
export async function saveAllPublished({ db, raw }: Pick<World, 'db' | 'raw'>): Promise<void> {
  const [log] = await raw`select count(*)::int as events from events`
  // The end of the log is shown late while anybody on the server has an older transaction open.
  let tail = await readTail(db, beginning, 100_000)
  while (tail.length < Number(log?.['events'])) tail = await readTail(db, beginning, 100_000)
  const last = tail.at(-1)
  if (last !== undefined) await saveCheckpoint(db, 'nats/PROVISIONER', last.checkpoint)
}

export const cause: Cause = { actor: 'principal:test', causationId: null, correlationId: null, trace: null }

/** Appends to one stream, whatever it holds. */
export function commit(
  { runtime }: Pick<World, 'runtime'>,
  stream: StreamId,
  events: readonly DomainEvent[],
  condition?: Condition,
): Promise<readonly NewEvent[]> {
  return runtime.commit({
    reads: [stream],
    decide: () => [proposalOf(stream, ...events)],
    cause,
    ...(condition === undefined ? {} : { condition }),
  })
}

export async function registerServer(world: Pick<World, 'runtime'>, serial = `SN-${uuidv7()}`): Promise<string> {
  await commit(world, serverStream(serial), [{ type: 'server.registered', data: registration(serial) }])
  return serial
}

export function registration(serial: string) {
  return {
    serial,
    bmc_address: 'https://192.0.2.10',
    credentials_ref: `bmc/${serial}/1`,
    vendor: null,
    tls: { mode: 'insecure' },
    labels: { rack: 'r1' },
  }
}

/** Creates a job and reserves its server: one commit, two streams. */
export async function requestJob(
  { runtime }: Pick<World, 'runtime'>,
  serial: string,
  { jobId = uuidv7(), idempotencyKey = null }: { jobId?: string; idempotencyKey?: string | null } = {},
): Promise<string> {
  await runtime.commit({
    reads: [jobStream(jobId), serverStream(serial)],
    decide: ({ now }) => [
      {
        stream: jobStream(jobId),
        events: [{ type: 'job.requested', data: requested({ jobId, serial, now, idempotencyKey }) }],
      },
      { stream: serverStream(serial), events: [{ type: 'server.reserved', data: { job_id: jobId } }] },
    ],
    cause: { ...cause, correlationId: jobId },
  })
  return jobId
}

export function requested(job: { jobId: string; serial: string; now: string; idempotencyKey: string | null }) {
  const { jobId, serial, now, idempotencyKey } = job
  return {
    job_id: jobId,
    server_serial: serial,
    recipe_ref: `recipe/${jobId}`,
    recipe: {
      schema_version: '1',
      task_target: 'install-linux.target',
      target_disk: '/dev/sda',
      oci_url: null,
      firmware_url: null,
      installer_url: null,
      partitions: 3,
      payloads: {},
      env_names: [],
      raw: { bytes: 10, sha256: sha256(1) },
    },
    warnings: [],
    maintenance_iso_url: null,
    budgets: {
      iso_build_ms: 60_000,
      redfish_ms: 60_000,
      redfish_poll_ms: 60_000,
      webhook_wait_ms: 60_000,
      cleanup_ms: 60_000,
      job_ms: 600_000,
    },
    created_at: now,
    idempotency: idempotencyKey === null ? null : { key_sha256: idempotencyKey, request_sha256: sha256(2) },
    retry_of: null,
  }
}

export function sha256(seed: number): string {
  return seed.toString(16).padStart(64, '0')
}

const power = { power_state: 'On', last_reset_time: null, boot_progress: null }
const override = { enabled: 'Once', target: 'Cd', mode: 'UEFI' }
const facts = { attempts: 1, elapsed_ms: 12.5 }
const mounted = {
  ...facts,
  slot: '/s',
  image: 'https://c/…/task.iso',
  inserted: true,
  connected_via: 'URI',
  also_ejected: [],
}
const resetDone = { ...facts, sent: ['ForceRestart'], evidence: 'power', after: power }

export const report = {
  status: 'success',
  failed_step: null,
  delivery_id: null,
  task_target: null,
  dispatcher_version: null,
  schema_id: null,
  started_at: null,
  finished_at: null,
  authenticated_by: 'job-token',
}

export function progress(percent: number): Extract<JobEvent, { type: 'progress.reported' }> {
  return { type: 'progress.reported', data: { step: 'os-image', percent, message: null } }
}

/** What follows `job.requested` in a run without a fault, in order. */
export const successfulRun: readonly DomainEvent[] = [
  { type: 'job.admission.succeeded', data: { redfish_mode: 'http' } },
  { type: 'iso.build.succeeded', data: { sha256: sha256(3), bytes: 2048, files: ['recipe.json'], elapsed_ms: 3 } },
  {
    type: 'redfish.discover.succeeded',
    data: {
      vendor: 'generic',
      model: null,
      firmware: null,
      system: '/redfish/v1/Systems/1',
      manager: '/redfish/v1/Managers/1',
      layout: { kind: 'two-slots', maintenance: '/a', task: '/b' },
      session: 'session',
      tls: 'insecure',
      power,
      findings: [],
      elapsed_ms: 5,
    },
  },
  { type: 'redfish.mount.maintenance.succeeded', data: mounted },
  { type: 'redfish.mount.task.succeeded', data: mounted },
  { type: 'redfish.boot-override.succeeded', data: { ...facts, changed: true, override, warnings: [] } },
  {
    type: 'redfish.reset.requested',
    data: { reset_type: 'ForceRestart', reason: 'boot', before: power, override_before: override },
  },
  { type: 'redfish.reset.succeeded', data: resetDone },
  { type: 'redfish.poll.succeeded', data: { ...facts, power } },
  progress(40),
  { type: 'report.received', data: report },
  { type: 'cleanup.power-off.succeeded', data: resetDone },
  { type: 'cleanup.unmount.succeeded', data: { ...facts, slots: [{ slot: '/a', already_empty: false }] } },
  { type: 'cleanup.boot-override.succeeded', data: { ...facts, changed: false, override, warnings: [] } },
  { type: 'cleanup.reset.succeeded', data: resetDone },
  { type: 'server.release.succeeded', data: {} },
]

/** Requests a job on a server of its own and takes it through the first `steps` of a successful run. */
export async function jobAfter(world: Pick<World, 'runtime'>, steps: number): Promise<StreamId<'job'>> {
  const stream = jobStream(await requestJob(world, await registerServer(world)))
  if (steps > 0) await commit(world, stream, successfulRun.slice(0, steps))
  return stream
}
