// The embedded PostgreSQL server. It runs detached, so neither a terminal's Ctrl-C nor the death of the controller interrupts it.
// It may outlive a killed controller; the next start finds it by its postmaster.pid and takes it over. One controller per data
// folder: a controller that stops also stops the server.
import { mkdir, realpath, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { isInUse, isRunning, launchDetached, pollMs, stopProcess } from './detached-process.ts'
import { withFileLock } from './file-lock.ts'
import { readIfPresent } from './files.ts'
import { type Cluster, postgresEnv, prepareCluster } from './postgres-cluster.ts'

/** A running server. `url` holds the password of the cluster's superuser and names the database `provisioner`. */
export type EmbeddedPostgres = {
  url: string
  /** True when the server was running already: another process may be using it. */
  takenOver: boolean
  /**
   * Ends all sessions, writes everything and resolves once the server is gone. After a time-out it stops the server at once,
   * which costs a recovery at the next start but no data. It may be repeated.
   */
  stop(): Promise<void>
}

const database = 'provisioner'
const startTimeoutMs = 60_000
const stopTimeoutMs = 30_000
const portAttemptsMax = 3

/**
 * These keep the log (`server.log`, emptied at each start) small and free of statements: the client logs errors of statements.
 * PostgreSQL's log collector is off, since it hides why a start failed.
 */
const ownSettings: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_min_messages: 'log',
  log_checkpoints: 'off',
}

/**
 * Resolves once the server answers on 127.0.0.1 with a random password, which is kept beside the cluster (0600). Makes the
 * cluster when there is none, takes over a server that still runs on it, on its port; the pid file of a dead server is no obstacle.
 * `port`: a free one by default; `settings` are PostgreSQL's own (`fsync`). The signal aborts the start and has no effect later.
 * @throws when the server does not start within a minute, with the end of its output.
 */
export async function startPostgres(options: {
  dataDir: string
  port?: number
  settings?: Record<string, string>
  signal: AbortSignal
}): Promise<EmbeddedPostgres> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o711 })
  const dir = await realpath(options.dataDir)
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(startTimeoutMs)])
  return await withFileLock({ path: join(dir, 'lock'), signal }, async () => {
    const settings = { ...ownSettings, ...options.settings }
    const cluster = await prepareCluster({ dir, durable: settings['fsync'] !== 'off', signal })
    const survivor = await takeOver({ cluster, signal })
    const server = survivor ?? (await start({ dir, cluster, settings, port: options.port, signal }))
    const url = (name: string) => `postgres://postgres:${cluster.password}@127.0.0.1:${server.port}/${name}`
    await createDatabase(url('postgres'))
    const running = { pid: server.pid, words: wordsOf(cluster) }
    const stop = () => stopProcess({ ...running, signals: ['SIGINT', 'SIGQUIT'], graceMs: stopTimeoutMs })
    return { url: url(database), takenOver: survivor !== undefined, stop }
  })
}

type Postmaster = { pid: number; port: number; ready: boolean }

/** Words of the command line that identify this cluster's server. */
function wordsOf({ dataPath }: Cluster): readonly string[] {
  return ['-D', dataPath]
}

async function takeOver({
  cluster,
  signal,
}: {
  cluster: Cluster
  signal: AbortSignal
}): Promise<Postmaster | undefined> {
  for (;;) {
    const found = await readPostmaster(cluster)
    if (found === undefined) return undefined
    if (!(await isRunning({ pid: found.pid, words: wordsOf(cluster) }))) {
      // After a reboot another program may have this pid; PostgreSQL refuses to start while any process has it.
      if (await isInUse(found.pid)) await rm(join(cluster.dataPath, 'postmaster.pid'), { force: true })
      return undefined
    }
    if (found.ready) return found
    // The server is starting, recovering or stopping, and each of them ends.
    await delay(pollMs, undefined, { signal })
  }
}

async function start(options: {
  dir: string
  cluster: Cluster
  settings: Record<string, string>
  port: number | undefined
  signal: AbortSignal
}): Promise<Postmaster> {
  const { dir, cluster, settings, signal } = options
  const set = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // Another program may take a free port before the server binds it, so that is tried again; a given port is not.
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort())
    const launched = await launchDetached({
      commandLine: [...cluster.user.prefix, cluster.postgres, ...wordsOf(cluster), '-p', String(port), ...set],
      words: wordsOf(cluster),
      env: postgresEnv,
      outputPath: join(dir, 'server.log'),
      signal,
      ready: async (pid) => {
        const found = await readPostmaster(cluster)
        return found?.pid === pid && found.ready ? found : undefined
      },
    })
    if ('ready' in launched) return launched.ready
    const retry = options.port === undefined && attempt < portAttemptsMax && launched.ended.includes('could not bind')
    if (!retry) throw new Error(`PostgreSQL did not start: ${launched.ended || 'it said nothing'}`)
  }
}

/** Lines of postmaster.pid: 1 pid, 4 port, 8 status (PostgreSQL's utils/pidfile.h). The file grows line by line. */
async function readPostmaster({ dataPath }: Cluster): Promise<Postmaster | undefined> {
  const lines = (await readIfPresent(join(dataPath, 'postmaster.pid')))?.split('\n') ?? []
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready' }
}

async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.on('error', reject)
  server.listen({ port: 0, host: '127.0.0.1' }, resolve)
  await promise
  const address = server.address()
  await new Promise<void>((closed) => server.close(() => closed()))
  if (address === null || typeof address === 'string') throw new Error('the system gave no free port')
  return address.port
}

async function createDatabase(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 10 })
  try {
    const known = await sql`select from pg_database where datname = ${database}`
    if (known.length === 0) await sql`create database ${sql(database)}`
  } finally {
    await sql.end({ timeout: 5 })
  }
}
