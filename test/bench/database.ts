/** A PostgreSQL server of a benchmark's own, with its default settings: what is committed is on the disk. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../deploy/local/postgres.ts'
import { migrate } from '../../eventstore/postgres/migrate.ts'

const startTimeoutMs = 60_000

/**
 * Runs `work` with the url of a migrated database and a folder that goes with it; the server is gone afterwards.
 * `settings` are PostgreSQL's own.
 */
export async function withDatabase<Result>(
  work: (url: string, folder: string) => Promise<Result>,
  settings: Record<string, string> = {},
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-bench-'))
  // PostgreSQL's unprivileged user must be able to enter when the benchmark runs as root.
  await chmod(folder, 0o711)
  const signal = AbortSignal.timeout(startTimeoutMs)
  const server = await startPostgres({ dataDir: join(folder, 'postgres'), settings, signal })
  try {
    await migrate(server.url)
    return await work(server.url, folder)
  } finally {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
}
