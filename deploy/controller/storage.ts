/** Everything that outlives the process: folders, keys, and the database with its notifications and its vault. */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createVault, type Vault } from '../../eventstore/ledgers/vault.ts'
import { type Connections, connect } from '../../eventstore/postgres/database.ts'
import { migrate } from '../../eventstore/postgres/migrate.ts'
import { type Notifications, startNotifications } from '../../eventstore/postgres/notifications.ts'
import { startPostgres } from '../local/postgres.ts'
import { deriveKey, readSecretsKey } from '../settings/secrets-key.ts'
import type { ControllerOptions } from './options.ts'

export type Storage = {
  readonly databaseUrl: string
  readonly connections: Connections
  readonly notifications: Notifications
  readonly vault: Vault
  /** A key for one purpose, derived from the secrets key. */
  readonly keyFor: (purpose: string) => Uint8Array
}

/** Makes the folders and the keys, starts PostgreSQL when none is configured, and migrates. @throws when one of them fails. */
export async function openStorage(
  { config, log, signal }: ControllerOptions,
  parts: AsyncDisposableStack,
): Promise<Storage> {
  const storageRoot = resolve(config.storageRoot)
  await Promise.all([config.taskIsoDir, config.imageDir].map((folder) => mkdir(folder, { recursive: true })))
  const key = await readSecretsKey({ storageRoot, given: config.secretsKey })
  const keyFor = (purpose: string) => deriveKey({ key, purpose })

  const embedded =
    config.databaseUrl === undefined ? await startPostgres({ dataDir: join(storageRoot, 'postgres'), signal }) : null
  if (embedded) parts.defer(() => embedded.stop())
  const databaseUrl = embedded?.url ?? config.databaseUrl?.reveal() ?? ''
  const migrated = await migrate(databaseUrl)
  if (!migrated.applicationRole) {
    log.warn({}, 'the database user may not create roles: the log is protected by its trigger alone')
  }
  const connections = connect({ url: databaseUrl, asApplication: migrated.applicationRole })
  parts.defer(connections.close)
  const notifications = await startNotifications(connections.raw, (error) =>
    log.warn({ err: error }, 'other controllers could not be notified; they look by themselves'),
  )
  parts.defer(notifications.close)
  return { databaseUrl, connections, notifications, vault: createVault(connections.db, keyFor('vault')), keyFor }
}
