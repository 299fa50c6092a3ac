// Once per test run, before the first test: one PostgreSQL cluster with a migrated template database, one NATS server.
// test/rig/postgres.ts and test/rig/nats.ts hand them to tests.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestProject } from 'vitest/node'
import { startNatsServer } from '../../deploy/local/nats-server.ts'
import { startPostgres } from '../../deploy/local/postgres.ts'
import { migrate } from '../../eventstore/postgres/migrate.ts'
import { patience } from './patience.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The migrated database that test databases are copies of. */
    postgresTemplateUrl: string
    nats: { url: string } | { reason: string }
    /** Where a test's own servers keep their files; servers left there end with the run. */
    runDir: string
  }
}

/** Vitest calls it before the tests; what it returns, after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const runDir = await mkdtemp(join(tmpdir(), 'provisioner-test-'))
  // PostgreSQL's unprivileged user must be able to enter when the tests run as root.
  await chmod(runDir, 0o711)
  const endGuard = guard(runDir)
  try {
    const stop = await startServers({ project, runDir })
    return async () => {
      await stop()
      await endGuard()
    }
  } catch (error) {
    await endGuard()
    throw error
  }
}

async function startServers({
  project,
  runDir,
}: {
  project: TestProject
  runDir: string
}): Promise<() => Promise<void>> {
  const signal = patience()
  const packagesDir = resolve(import.meta.dirname, '../../.cache/debian')
  // What a test writes need not survive a power failure.
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  const [postgres, nats] = await Promise.all([
    startPostgres({ dataDir: join(runDir, 'postgres'), settings, signal }),
    startNatsServer({ storeDir: join(runDir, 'nats'), packagesDir, signal }),
  ])
  await migrate(postgres.url)
  project.provide('postgresTemplateUrl', postgres.url)
  project.provide('nats', nats.running ? { url: nats.url } : { reason: nats.reason })
  project.provide('runDir', runDir)
  return async () => {
    await Promise.all([postgres.stop(), nats.running ? nats.stop() : undefined])
  }
}

/**
 * A process that lives until the run ends, in whatever way: its standard input is closed by us, or by the kernel when
 * we are killed. Then it stops the servers that still have a pid file below the folder and removes the folder.
 */
function guard(runDir: string): () => Promise<void> {
  const script = `
    cat >/dev/null
    for file in "$1"/*/pid "$1"/*/cluster/postmaster.pid; do
      pid=$(head -n 1 "$file" 2>/dev/null) || continue
      kill -INT "$pid" 2>/dev/null || continue
      for tenth in $(seq 50); do grep -q . "/proc/$pid/cmdline" 2>/dev/null || break; sleep 0.1; done
    done
    rm -rf "$1"`
  const child = spawn('sh', ['-c', script, 'guard', runDir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  child.unref()
  return async () => {
    const gone = once(child, 'exit')
    child.ref()
    child.stdin.end()
    await gone
  }
}
