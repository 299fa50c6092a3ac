/**
 * The controller: everything wired together, from settings to a listening server. Start reading the product here.
 *
 * The start: socket (503), storage and keys, database and migrations, broadcasting, actors, then HTTP in earnest. The
 * stop goes the other way: what is under way is handed over first, the database goes last.
 */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { createBmcs } from '../../actors/bmcs/clients.ts'
import { recordLessons } from '../../actors/bmcs/lessons.ts'
import { createSessionLedgers } from '../../actors/bmcs/session-ledgers.ts'
import { startSessionReaper } from '../../actors/bmcs/session-reaper.ts'
import { createBmcWriters } from '../../actors/bmcs/writers.ts'
import { createJobCommands } from '../../actors/commands/jobs.ts'
import { createServerCommands } from '../../actors/commands/servers.ts'
import { startDeadlines } from '../../actors/deadlines.ts'
import { watchMedia } from '../../actors/media/access/media-watch.ts'
import { redactMediaTokens } from '../../actors/media/access/redaction.ts'
import { mediaSigning } from '../../actors/media/access/signing.ts'
import { imageStore, taskStore } from '../../actors/media/files/store.ts'
import { startRetention } from '../../actors/media/retention.ts'
import { createTaskMedia } from '../../actors/media/task-media.ts'
import { startPerformer } from '../../actors/performer.ts'
import { createExchangeRecorder } from '../../actors/recordings/exchanges.ts'
import { createRecordingHistory } from '../../actors/recordings/history.ts'
import { createRecordings } from '../../actors/recordings/recordings.ts'
import { createRuntime, jobContext } from '../../actors/runtime.ts'
import { createServiceTable } from '../../actors/services/table.ts'
import { startSweep } from '../../actors/sweep.ts'
import { realTiming, type Timing } from '../../actors/timing.ts'
import { createVault } from '../../eventstore/ledgers/vault.ts'
import type { OnSeam } from '../../eventstore/log/seams.ts'
import { connect } from '../../eventstore/postgres/database.ts'
import { migrate } from '../../eventstore/postgres/migrate.ts'
import { startNotifications } from '../../eventstore/postgres/notifications.ts'
import { countJobsByStatus } from '../../eventstore/read-models/jobs.ts'
import type { Limits } from '../../redfish/client/options.ts'
import { startPostgres } from '../local/postgres.ts'
import type { Config } from '../settings/config.ts'
import { deriveKey, readSecretsKey } from '../settings/secrets-key.ts'
import { createApplication, version } from './application.ts'
import { createBmcAccess } from './bmc-access.ts'
import { startBroadcast } from './broadcast.ts'
import { budgetsFor } from './budgets.ts'
import { listen } from './listener.ts'
import { createMetrics } from './metrics.ts'

export type ControllerOptions = {
  readonly config: Config
  readonly log: Logger
  /** Unique to this process; it owns leases. */
  readonly controllerId: string
  /** Ends a start that takes too long. */
  readonly signal: AbortSignal
  /** Waits of the Redfish client that differ from its own: simulated BMCs are quicker than real ones. */
  readonly redfishLimits?: Partial<Limits>
  /** Hears of what takes long at the first start, for a person who waits. */
  readonly onProgress?: (message: string) => void
  /** Hears of every seam of this controller's work. */
  readonly onSeam?: OnSeam
  /** Time as services see it; the machine's own by default. */
  readonly timing?: Timing
}

export type Controller = {
  readonly url: string
  readonly publicUrl: string
  readonly databaseUrl: string
  /** Null where broadcasting waits; `reason` says for what. */
  readonly nats: { readonly url: string } | { readonly url: null; readonly reason: string }
  /** Hands over what is under way and ends. Resolves when nothing is left running. */
  readonly stop: () => Promise<void>
}

const httpGraceMs = 5000
const readEvidenceEveryMs = 5000

/** Starts a controller. @throws when a part of it cannot be started; what was started before is stopped again. */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const started: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    return await start(options, (end) => void started.push(end), stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(
  { config, log, controllerId, signal, redfishLimits, onProgress, onSeam, timing = realTiming }: ControllerOptions,
  onStop: (end: () => Promise<void>) => void,
  stop: () => Promise<void>,
): Promise<Controller> {
  const listener = await listen(config)
  const publicUrl = config.publicUrl ?? listener.url
  const storageRoot = resolve(config.storageRoot)
  await Promise.all([config.taskIsoDir, config.imageDir].map((folder) => mkdir(folder, { recursive: true })))
  const secretsKey = await readSecretsKey({ storageRoot, given: config.secretsKey })
  const reportTokenKey = deriveKey({ key: secretsKey, purpose: 'report token' })
  const metrics = createMetrics()

  const embedded =
    config.databaseUrl === undefined ? await startPostgres({ dataDir: join(storageRoot, 'postgres'), signal }) : null
  if (embedded) onStop(() => embedded.stop())
  const databaseUrl = embedded?.url ?? config.databaseUrl?.reveal() ?? ''
  const migrated = await migrate(databaseUrl)
  if (!migrated.applicationRole) {
    log.warn({}, 'the database user may not create roles: the log is protected by its trigger alone')
  }
  const connections = connect({ url: databaseUrl, asApplication: migrated.applicationRole })
  onStop(connections.close)
  const { db } = connections
  const notifications = await startNotifications(connections.raw, (error) =>
    log.warn({ err: error }, 'other controllers could not be notified; they look by themselves'),
  )
  onStop(notifications.close)

  const nextId = () => uuidv7()
  const seams = onSeam === undefined ? {} : { onSeam }
  const runtime = createRuntime({ db, nextId, ...seams })
  runtime.onAppended((appended) => {
    notifications.announce()
    metrics.appended(appended)
    for (const { event } of appended) {
      const { id, stream, version, type, state_to, correlation_id } = event
      log.info({ event_id: id, stream, seq: version, job_id: correlation_id, state: state_to }, type)
    }
  })
  const broadcast = await startBroadcast({
    config,
    connections,
    notifications,
    log,
    signal,
    ...(onProgress === undefined ? {} : { onProgress }),
    ...seams,
  })
  onStop(broadcast.stop)

  const vault = createVault(db, deriveKey({ key: secretsKey, purpose: 'vault' }))
  const servers = createServerCommands({ db, runtime, vault, notifications, nextId })
  const jobs = createJobCommands({ db, runtime, vault, nextId, budgetsFor: (target) => budgetsFor(config, target) })
  const owning = { db, vault, owner: controllerId, ttlMs: config.jobLeaseTtlMs, log }
  const history = createRecordingHistory({ db, runtime, owner: controllerId })
  const recorder = createExchangeRecorder({ db, controller: controllerId, history, log })
  onStop(recorder.flush)
  const writers = createBmcWriters(owning)
  const bmcAccess = createBmcAccess({
    config,
    recorder,
    mayWrite: writers.mayWrite,
    access: servers.access,
    onRequest: metrics.redfishRequest,
    sessions: createSessionLedgers({ ...owning, nextId }),
    ...(redfishLimits === undefined ? {} : { limits: redfishLimits }),
  })
  const bmcs = createBmcs({ ...bmcAccess, log, recordLessons: recordLessons({ runtime, owner: controllerId, log }) })
  onStop(bmcs.close)
  const sessionReaper = startSessionReaper({ ...owning, bmcs, access: bmcAccess.access })
  onStop(sessionReaper.stop)
  const recordings = createRecordings({
    ...owning,
    bmcs,
    recorder,
    history,
    access: bmcAccess.access,
    nextId,
    timing,
    version,
  })
  const store = taskStore(config.taskIsoDir)
  const images = imageStore(config.imageDir)
  const signing = mediaSigning({
    current:
      config.mediaSigningSecret?.reveal() ??
      Buffer.from(deriveKey({ key: secretsKey, purpose: 'media signing' })).toString('hex'),
    previous: config.mediaSigningSecretPrevious?.reveal(),
  })
  const mediaWatch = watchMedia({ jobs, runtime, log, flushEveryMs: readEvidenceEveryMs })
  onStop(mediaWatch.stop)

  const iso = { vault, publicUrl, reportTokenKey, paddingSectors: config.taskIsoPaddingSectors }
  const maintenanceIsoUrl = config.maintenanceIsoUrl ?? null
  const media = createTaskMedia({
    ...iso,
    store,
    images,
    maintenanceIsoUrl,
    sourceOf: (jobId) => jobContext(runtime, jobId),
  })

  const services = createServiceTable({
    runtime,
    bmcs,
    access: bmcAccess.access,
    firstFingerprint: bmcAccess.firstFingerprint,
    media,
    images,
    signing,
    publicUrl,
    timing,
    owner: controllerId,
    redfishMode: config.redfishMode,
    maintenanceIsoUrl,
  })
  const performer = startPerformer({
    db,
    runtime,
    notifications,
    services,
    writers,
    log,
    owner: controllerId,
    concurrencyMax: config.workerConcurrency,
    leaseTtlMs: config.jobLeaseTtlMs,
    forgetRead: bmcs.forgetRead,
    redact: redactMediaTokens,
    onFinished: metrics.effectFinished,
    ...seams,
  })
  onStop(performer.stop)
  const deadlines = startDeadlines({ db, runtime, notifications, log })
  onStop(deadlines.stop)
  const sweep = startSweep({ db, runtime, log, leaseTtlMs: config.jobLeaseTtlMs })
  onStop(sweep.stop)
  const retention = startRetention({ db, store, days: config.jobRetentionDays, log })
  onStop(retention.stop)

  metrics.watch({
    performer,
    jobsByStatus: () => countJobsByStatus(db),
    sweptAt: () => sweep.status().last?.at ?? null,
    publishLagSeconds: () => broadcast.publisher?.status().lag.seconds ?? 0,
  })
  const draining = new AbortController()
  const application = await createApplication({
    config,
    log,
    db,
    raw: connections.raw,
    runtime,
    notifications,
    jobs,
    servers,
    recordings,
    media,
    images,
    signing,
    iso,
    mediaWatch,
    metrics,
    broadcast,
    sweep,
    nextId,
    drain: draining.signal,
  })
  listener.open(application.fetch)
  // Stopped first: no new requests, and streams that are open end.
  onStop(async () => {
    draining.abort()
    await listener.close(httpGraceMs)
  })
  log.info({ url: listener.url, public_url: publicUrl, redfish: config.redfishMode }, 'the controller is ready')
  return { url: listener.url, publicUrl, databaseUrl, nats: broadcast.server, stop }
}
