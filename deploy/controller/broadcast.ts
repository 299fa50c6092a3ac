/** Broadcasting: a NATS server, configured or local, and the publisher that follows the log. Jobs never wait for it. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Log } from '../../actors/log.ts'
import type { OnSeam } from '../../eventstore/log/seams.ts'
import type { Connections } from '../../eventstore/postgres/database.ts'
import type { Notifications } from '../../eventstore/postgres/notifications.ts'
import type { NatsAccess } from '../../eventstore/publish/jetstream.ts'
import { type Publisher, startPublisher } from '../../eventstore/publish/publisher.ts'
import { startNatsServer } from '../local/nats-server.ts'
import type { Config } from '../settings/config.ts'

export type BroadcastOptions = {
  readonly config: Config
  readonly connections: Connections
  readonly notifications: Notifications
  readonly log: Log
  readonly signal: AbortSignal
  readonly onProgress?: (message: string) => void
  readonly onSeam?: OnSeam
}

export type Broadcast = {
  readonly server: { readonly url: string } | { readonly url: null; readonly reason: string }
  /** Null where there is no server to publish to. */
  readonly publisher: Publisher | null
  readonly stop: () => Promise<void>
}

/** Folder of unpacked distribution packages, shared by all controllers that start from this source tree. */
const packagesDir = resolve(import.meta.dirname, '../../.cache/debian')

/**
 * Starts publishing. Without `NATS_URL` the controller starts a local server. When it cannot, it logs a warning and publishes
 * nothing: the log keeps every event, and the next controller that has a server publishes them all.
 */
export async function startBroadcast(options: BroadcastOptions): Promise<Broadcast> {
  const { config, connections, notifications, log, signal, onProgress } = options
  const publishing = { ...connections, notifications, log, ...(options.onSeam && { onSeam: options.onSeam }) }
  if (config.natsUrl !== undefined) {
    const access = await accessOf(config, config.natsUrl.reveal().join(','))
    const publisher = startPublisher({ ...publishing, ...access })
    return { server: { url: withoutCredentials(access.natsUrl) }, publisher, stop: publisher.stop }
  }
  const local = await startNatsServer({
    storeDir: join(config.storageRoot, 'nats'),
    packagesDir,
    signal,
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  if (!local.running) {
    log.warn({ reason: local.reason }, 'broadcasting waits: set NATS_URL, or install nats-server')
    return { server: { url: null, reason: local.reason }, publisher: null, stop: async () => {} }
  }
  const publisher = startPublisher({ ...publishing, natsUrl: local.url })
  return {
    server: { url: local.url },
    publisher,
    stop: async () => {
      await publisher.stop()
      await local.stop()
    },
  }
}

/** For messages: removes user names and passwords from the URLs. */
function withoutCredentials(servers: string): string {
  return servers.replace(/\/\/[^/@,]*@/g, '//')
}

async function accessOf(config: Config, natsUrl: string): Promise<NatsAccess> {
  const { natsCredsFile, natsTlsCaFile, natsTlsCertFile, natsTlsKeyFile } = config
  const tls = {
    ...(natsTlsCaFile === undefined ? {} : { caFile: natsTlsCaFile }),
    ...(natsTlsCertFile === undefined ? {} : { certFile: natsTlsCertFile }),
    ...(natsTlsKeyFile === undefined ? {} : { keyFile: natsTlsKeyFile }),
  }
  return {
    natsUrl,
    ...(natsCredsFile === undefined ? {} : { credentials: await readFile(natsCredsFile) }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
  }
}
