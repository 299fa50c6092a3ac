/** PostgreSQL and NATS of a chaos run, on ports of their own, so that whoever was cut off finds them again. */
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startNatsServer } from '../../deploy/local/nats-server.ts'
import { startPostgres } from '../../deploy/local/postgres.ts'
import { freePort } from '../e2e/rig/processes.ts'

export type Servers = {
  readonly postgresUrl: string
  readonly natsUrl: string
  /** Stops the server, which ends every session, and starts it again after a while. */
  readonly restartPostgres: (downMs: number) => Promise<void>
  readonly restartNats: (downMs: number) => Promise<void>
  readonly stop: () => Promise<void>
}

/** @throws when one of them cannot be started. */
export async function startServers(folder: string, signal: AbortSignal): Promise<Servers> {
  const [postgresPort, natsPort] = [await freePort(), await freePort()]
  const postgresUp = () => startPostgres({ dataDir: join(folder, 'chaos-postgres'), port: postgresPort, signal })
  const natsUp = async () => {
    const storeDir = join(folder, 'chaos-nats')
    const server = await startNatsServer({ storeDir, port: natsPort, packagesDir: resolve('.cache', 'debian'), signal })
    if (!server.running) throw new Error(server.reason)
    return server
  }
  let postgres = await postgresUp()
  const natsOrReason = await natsUp().catch((error: unknown) => ({ error }))
  if ('error' in natsOrReason) {
    await postgres.stop()
    throw natsOrReason.error
  }
  let nats = natsOrReason
  return {
    postgresUrl: postgres.url,
    natsUrl: nats.url,
    restartPostgres: async (downMs) => {
      await postgres.stop()
      await delay(downMs)
      postgres = await postgresUp()
    },
    restartNats: async (downMs) => {
      await nats.stop()
      await delay(downMs)
      nats = await natsUp()
    },
    stop: async () => {
      await postgres.stop()
      await nats.stop()
    },
  }
}
