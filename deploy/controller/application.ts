/** The HTTP application, made from the parts of the controller. */
import { createHash } from 'node:crypto'
import type postgres from 'postgres'
import type { JobCommands } from '../../actors/commands/jobs.ts'
import type { ServerCommands } from '../../actors/commands/servers.ts'
import type { Log } from '../../actors/log.ts'
import { BaseIsoError } from '../../actors/media/merge/base-error.ts'
import { composeIso } from '../../actors/media/task.ts'
import type { TaskMedia } from '../../actors/media/task-media.ts'
import type { Recordings } from '../../actors/recordings/recordings.ts'
import type { Runtime } from '../../actors/runtime.ts'
import type { SweepStatus } from '../../actors/sweep.ts'
import { defaultLimits } from '../../api/access/limits.ts'
import { createApp } from '../../api/app.ts'
import { databaseCheck, migrationsCheck, type ReadinessCheck } from '../../api/operation/health.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { Notifications } from '../../eventstore/postgres/notifications.ts'
import { throughOutage } from '../../eventstore/postgres/patience.ts'
import { eventStreamName } from '../../eventstore/publish/jetstream.ts'
import { taskFormOf } from '../../machines/job/layout.ts'
import { mediaAreLive } from '../../machines/job/view.ts'
import type { Config } from '../settings/config.ts'
import { version } from '../version.ts'
import { authOptions } from './basic-users.ts'
import type { Broadcast } from './broadcast.ts'
import { budgetsFor } from './budgets.ts'
import type { Media } from './media.ts'
import type { Metrics } from './metrics.ts'

export type ApplicationOptions = {
  readonly config: Config
  readonly log: Log
  readonly db: Database
  readonly raw: postgres.Sql
  readonly runtime: Runtime
  readonly notifications: Notifications
  readonly jobs: JobCommands
  readonly servers: ServerCommands
  readonly recordings: Recordings
  readonly media: Media
  readonly metrics: Metrics
  readonly broadcast: Broadcast
  readonly sweep: { readonly status: () => SweepStatus }
  readonly nextId: () => string
  /** Aborted when the controller begins to stop. */
  readonly drain: AbortSignal
}

/** PostgreSQL restarts in about two seconds; a BMC that fetches an image waits longer than that, and does not retry. */
const mediaPatienceMs = 5000

/** @throws RangeError when the authentication is not usable as configured. */
export async function createApplication(options: ApplicationOptions) {
  const { config, log, db, raw, broadcast } = options
  const { iso, images, signing, watch } = options.media
  const open = openTask(options)
  const patience = { patienceMs: mediaPatienceMs, signal: options.drain }
  const secrets = [config.webhookSecret, config.webhookSecretPrevious].flatMap((secret) => secret?.reveal() ?? [])
  const { app } = await createApp({
    db,
    notifications: options.notifications,
    jobs: options.jobs,
    servers: options.servers,
    recordings: options.recordings,
    media: {
      auth: config.mediaAuth,
      signing,
      tasks: { open: (jobId, form) => throughOutage(patience, () => open(jobId, form)) },
      images,
      mediaLive: (jobId) => throughOutage(patience, () => watch.mediaLive(jobId)),
      onRead: watch.onRead,
      onRefused: ({ medium, reason }) => log.warn({ medium, reason }, 'a request for a medium was refused'),
      now: () => new Date(),
    },
    auth: await authOptions(config.auth),
    webhook: { secrets, reportTokenKey: iso.reportTokenKey },
    limits: defaultLimits,
    registry: options.metrics.registry,
    readiness: [databaseCheck(db), migrationsCheck(raw), natsCheck(broadcast), sweepCheck(options.sweep)],
    drain: options.drain,
    budgetsFor: (target) => budgetsFor(config, target),
    isoDigest: async (preview) => {
      const { image } = composeIso(iso, preview)
      return { sha256: createHash('sha256').update(image).digest('hex'), bytes: image.length }
    },
    log,
    now: () => performance.now(),
    wallClock: () => new Date(),
    nextId: options.nextId,
    publicUrl: iso.publicUrl,
    version,
    streamName: eventStreamName,
  })
  return app
}

/** Opens a task medium. A lost medium that its job still needs is built again, and must have the digest of the job's history. */
function openTask({ runtime, media: { tasks }, log }: ApplicationOptions): TaskMedia['open'] {
  const find: TaskMedia['open'] = async (jobId, form) => {
    const stored = await tasks.open(jobId, form)
    if (stored !== null) return stored
    const actor = await runtime.read('job', jobId)
    if (actor === null || !mediaAreLive(actor.snapshot)) return null
    const { serverSerial, taskIso, layout } = actor.snapshot.context
    if (taskIso === null || taskFormOf(layout?.kind ?? '') !== form) return null
    await tasks.ensure({ jobId, serial: serverSerial, form, sha256: taskIso.sha256 })
    return tasks.open(jobId, form)
  }
  return (jobId, form) =>
    find(jobId, form).catch((error: unknown) => {
      if (!(error instanceof BaseIsoError)) throw error
      log.warn({ err: error, job_id: jobId }, 'a merged ISO cannot be served')
      return null
    })
}

/** Never fatal: without NATS, events wait in the log. */
function natsCheck({ publisher, server }: Broadcast): ReadinessCheck {
  return {
    name: 'nats',
    fatal: false,
    check: async () => {
      if (publisher === null)
        return {
          ok: false,
          detail: server.url === null ? `broadcasting waits: ${server.reason}` : 'broadcasting waits',
        }
      const { state, problem, lag, statesProblem } = publisher.status()
      const states = statesProblem === null ? '' : `; latest states are not written: ${statesProblem}`
      const ok = state !== 'disconnected' && statesProblem === null
      return { ok, detail: (problem ?? `${state}, ${lag.events} events behind`) + states }
    },
  }
}

/** Never fatal: one actor that stands still does not keep this controller from working for the others. */
export function sweepCheck(sweep: ApplicationOptions['sweep']): ReadinessCheck {
  return {
    name: 'sweep',
    fatal: false,
    check: async () => {
      const { last, failed } = sweep.status()
      if (failed) return { ok: false, detail: 'the latest sweep could not be done; see the log' }
      if (last === null) return { ok: true, detail: 'the first sweep is under way' }
      const { at, repaired, standing, whole } = last
      const found = [
        standing.length === 0 ? 'every actor has what it waits for' : `${told(standing)} to be looked into`,
        ...(repaired === 0 ? [] : [`${repaired} put right`]),
        ...(whole ? [] : ['not all actors looked at in one go']),
      ]
      return { ok: standing.length === 0, detail: `${found.join(', ')} (${at})` }
    },
  }
}

/** `reservation.missing 2, lease.abandoned 1`. */
function told(standing: readonly { readonly reason: string }[]): string {
  const counts = Map.groupBy(standing, ({ reason }) => reason)
  return [...counts].map(([reason, ones]) => `${reason} ${ones.length}`).join(', ')
}
