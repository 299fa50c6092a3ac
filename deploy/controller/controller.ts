/**
 * The controller: everything wired together, from settings to a listening server. Start reading the product here.
 *
 * Each part starts one thing and defers its end. The order: socket (answers 503), storage, runtime, broadcasting, BMCs,
 * media, work, then the API on the socket. The stop runs in reverse: HTTP first, then effects, the database last.
 */
import { v7 as uuidv7 } from 'uuid'
import { createJobCommands } from '../../actors/commands/jobs.ts'
import { createServerCommands } from '../../actors/commands/servers.ts'
import { createRuntime, type Runtime } from '../../actors/runtime.ts'
import { countJobsByStatus } from '../../eventstore/read-models/jobs.ts'
import { createApplication } from './application.ts'
import { openBmcs } from './bmcs.ts'
import { startBroadcast } from './broadcast.ts'
import { budgetsFor } from './budgets.ts'
import { listen } from './listener.ts'
import { openMedia } from './media.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import type { ControllerOptions } from './options.ts'
import { openStorage, type Storage } from './storage.ts'
import { startWork } from './work.ts'

export type Controller = {
  readonly url: string
  readonly publicUrl: string
  readonly databaseUrl: string
  /** Null when the controller publishes nothing; `reason` says why. */
  readonly nats: { readonly url: string } | { readonly url: null; readonly reason: string }
  /** Releases the leases of effects under way, for other controllers. Resolves when nothing is left running. */
  readonly stop: () => Promise<void>
}

const httpGraceMs = 5000

/** Starts a controller. @throws when a part does not start; the parts that were started before are stopped first. */
export async function startController(options: ControllerOptions): Promise<Controller> {
  await using parts = new AsyncDisposableStack()
  const { config, log } = options
  const nextId = () => uuidv7()

  const listener = await listen(config)
  parts.defer(() => listener.close(0))
  const publicUrl = config.publicUrl ?? listener.url
  const metrics = createMetrics()
  const storage = await openStorage(options, parts)
  const { databaseUrl, connections, notifications, vault } = storage
  const { db } = connections
  const runtime = openRuntime({ ...options, storage, metrics, nextId })
  const broadcast = await startBroadcast({ ...options, connections, notifications })
  parts.defer(broadcast.stop)

  const servers = createServerCommands({ db, runtime, vault, notifications, nextId })
  const jobs = createJobCommands({ db, runtime, vault, nextId, budgetsFor: (target) => budgetsFor(config, target) })
  const bmcSide = openBmcs({ ...options, storage, runtime, servers, nextId, onRequest: metrics.redfishRequest }, parts)
  const media = openMedia({ ...options, storage, runtime, jobs, publicUrl }, parts)
  const onFinished = metrics.effectFinished
  const work = startWork({ ...options, storage, runtime, bmcSide, media, publicUrl, onFinished }, parts)
  metrics.watch({
    performer: work.performer,
    jobsByStatus: () => countJobsByStatus(db),
    sweptAt: () => work.sweep.status().last?.at ?? null,
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
    recordings: bmcSide.recordings,
    media,
    metrics,
    broadcast,
    sweep: work.sweep,
    nextId,
    drain: draining.signal,
  })
  listener.open(application.fetch)
  // These run first at the stop: open streams end, and the socket takes no new requests.
  parts.defer(() => listener.close(httpGraceMs))
  parts.defer(() => draining.abort())

  log.info({ url: listener.url, public_url: publicUrl, redfish: config.redfishMode }, 'the controller is ready')
  const started = parts.move()
  const stop = () => started.disposeAsync()
  return { url: listener.url, publicUrl, databaseUrl, nats: broadcast.server, stop }
}

type RuntimeOptions = ControllerOptions & {
  readonly storage: Storage
  readonly metrics: Metrics
  readonly nextId: () => string
}

/** The runtime. It announces every append to other controllers, counts it in the metrics, and logs it. */
function openRuntime({ log, onSeam, storage, metrics, nextId }: RuntimeOptions): Runtime {
  const runtime = createRuntime({ db: storage.connections.db, nextId, ...(onSeam === undefined ? {} : { onSeam }) })
  runtime.onAppended((appended) => {
    storage.notifications.announce()
    metrics.appended(appended)
    for (const { event } of appended) {
      const { id, stream, version, type, state_to, correlation_id } = event
      log.info({ event_id: id, stream, seq: version, job_id: correlation_id, state: state_to }, type)
    }
  })
  return runtime
}
