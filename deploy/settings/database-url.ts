/** The URL of the database, for commands that work on it without a controller. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres } from '../local/postgres.ts'
import { readConfig } from './config.ts'

const startTimeoutMs = 60_000

/**
 * `DATABASE_URL`, else the embedded server of `STORAGE_ROOT`. `close` stops that server only when this command started it.
 * @throws Error with every fault of the settings.
 */
export async function openDatabase(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const reading = readConfig({ env, flags: {}, readFile: (path) => readFileSync(path, 'utf8') })
  if (!reading.ok) throw new Error(`settings:\n  ${reading.faults.join('\n  ')}`)
  const { databaseUrl, storageRoot } = reading.config
  if (databaseUrl !== undefined) return { url: databaseUrl.reveal(), close: async () => {} }
  const embedded = await startPostgres({
    dataDir: join(storageRoot, 'postgres'),
    signal: AbortSignal.timeout(startTimeoutMs),
  })
  return { url: embedded.url, close: embedded.takenOver ? async () => {} : embedded.stop }
}
