// The local NATS server with JetStream, for a controller without NATS_URL: the machine's nats-server, else that of the
// distribution's package, else a container; without any of them the controller publishes nothing. The server runs detached and
// outlives a killed controller, so its subscribers stay connected; the next start finds it in the store folder and takes it over.
// It listens on the loopback address only and does not authenticate.
import { createHash } from 'node:crypto'
import { mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { z } from 'zod'
import { unpackDebianPackages } from './debian-packages.ts'
import { isRunning, launchDetached, stopProcess } from './detached-process.ts'
import { withFileLock } from './file-lock.ts'
import { firstExecutable, readIfPresent } from './files.ts'
import { startNatsContainer } from './nats-container.ts'
import { readGreeting } from './nats-greeting.ts'

/** A running server, or the reason why there is none, for the operator. `stop` resolves once it is gone and may be repeated. */
export type LocalNats = { running: true; url: string; stop(): Promise<void> } | { running: false; reason: string }

export type NatsOptions = {
  /** Folder of JetStream's streams and of the files by which the next start finds the server. */
  storeDir: string
  /** Folder to which the distribution's package is unpacked, when needed. */
  packagesDir: string
  /** Default: the port of the last start, so that subscribers reconnect, or a free one when that is taken. */
  port?: number
  signal: AbortSignal
  onProgress?: (message: string) => void
}

const startTimeoutMs = 30_000
const stopTimeoutMs = 10_000

/**
 * Resolves once a server with JetStream answers, or with the reason why none could be started. The signal aborts the start and
 * has no effect later.
 * @throws the signal's reason.
 */
export async function startNatsServer(options: NatsOptions): Promise<LocalNats> {
  const { signal } = options
  await mkdir(options.storeDir, { recursive: true })
  const storeDir = await realpath(options.storeDir)
  // The folder's digest in the server's name shows that an answer comes from the server of this folder.
  const name = `provisioner-${createHash('sha256').update(storeDir).digest('hex').slice(0, 12)}`
  return await withFileLock({ path: join(storeDir, 'lock'), signal }, async () => {
    const survivor = await takeOver({ storeDir, name, signal })
    if (survivor !== undefined) return survivor
    const program = await findProgram(options)
    if (typeof program === 'string') return await start({ ...options, storeDir, name, program })
    const container = await startNatsContainer({ ...options, name })
    if (typeof container !== 'string') return container
    return waits(`no nats-server on the PATH; ${program.reason}; ${container}`)
  })
}

function waits(why: string): LocalNats {
  return { running: false, reason: `events are stored, and broadcast once there is a NATS server (NATS_URL): ${why}` }
}

async function findProgram({ packagesDir, signal, onProgress }: NatsOptions): Promise<string | { reason: string }> {
  const dirs = (process.env['PATH'] ?? '').split(delimiter).filter((dir) => dir !== '')
  const installed = await firstExecutable(dirs.map((dir) => join(dir, 'nats-server')))
  if (installed !== undefined) return installed
  try {
    const progress = onProgress === undefined ? {} : { onProgress }
    const unpacked = await unpackDebianPackages({
      packages: ['nats-server'],
      cacheDir: packagesDir,
      signal,
      ...progress,
    })
    return unpacked.command('nats-server')
  } catch (error) {
    // Without the package a container may still work; the reason goes to the operator.
    signal.throwIfAborted()
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

type Start = NatsOptions & { name: string; program: string }

async function start({ storeDir, name, program, port, signal }: Start): Promise<LocalNats> {
  const lastPort = Number(await readIfPresent(join(storeDir, 'port')))
  // -1 lets the server choose; another program may have taken the port of the last start.
  const ports = port === undefined ? [...(lastPort > 0 ? [lastPort] : []), -1] : [port]
  let said = ''
  for (const candidate of ports) {
    const words = ['--addr', '127.0.0.1', '--port', String(candidate), '--ports_file_dir', storeDir]
    await removePortsFiles(storeDir)
    const launched = await launchDetached({
      commandLine: [program, ...wordsOf(storeDir), ...words, '--name', name, '--pid', join(storeDir, 'pid')],
      words: wordsOf(storeDir),
      env: { PATH: '/usr/bin:/bin' },
      outputPath: join(storeDir, 'server.log'),
      signal: AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)]),
      ready: async (pid) => await answer({ storeDir, name, pid, signal }),
    })
    if ('ready' in launched) {
      await writeFile(join(storeDir, 'port'), new URL(launched.ready.url).port)
      return launched.ready
    }
    said = launched.ended
  }
  return waits(`${program} did not start: ${said || 'it said nothing'}`)
}

/** A killed server leaves its ports file behind, and the kernel may reuse its process id. */
async function removePortsFiles(storeDir: string): Promise<void> {
  const names = (await readdir(storeDir)).filter((name) => name.endsWith('.ports'))
  await Promise.all(names.map((name) => rm(join(storeDir, name), { force: true })))
}

async function takeOver({
  storeDir,
  name,
  signal,
}: {
  storeDir: string
  name: string
  signal: AbortSignal
}): Promise<LocalNats | undefined> {
  const pid = Number(await readIfPresent(join(storeDir, 'pid')))
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const survivor = { pid, words: wordsOf(storeDir) }
  if (!(await isRunning(survivor))) return undefined
  const found = await answer({ storeDir, name, pid, signal })
  if (found !== undefined) return found
  // It runs but does not serve: its start was interrupted, or it is ending.
  await stopProcess({ ...survivor, signals: ['SIGTERM', 'SIGKILL'], graceMs: stopTimeoutMs })
  return undefined
}

/** Words of the command line that identify this folder's server. */
function wordsOf(storeDir: string): readonly string[] {
  return ['--jetstream', '--store_dir', storeDir]
}

const portsFile = z.object({ nats: z.tuple([z.string()]) })

type Asked = { storeDir: string; name: string; pid: number; signal: AbortSignal }

/** The server, once it has written its ports file (it does so when it listens) and greets with its name and JetStream on. */
async function answer({ storeDir, name, pid, signal }: Asked): Promise<(LocalNats & { running: true }) | undefined> {
  const text = await readIfPresent(join(storeDir, `nats-server_${pid}.ports`))
  if (!text?.trimEnd().endsWith('}')) return undefined
  const url = portsFile.parse(JSON.parse(text)).nats[0]
  const greeting = await readGreeting({ url, signal })
  if (greeting?.server_name !== name || greeting.jetstream !== true) return undefined
  const known = { pid, words: wordsOf(storeDir) }
  const stop = () => stopProcess({ ...known, signals: ['SIGTERM', 'SIGKILL'], graceMs: stopTimeoutMs })
  return { running: true, url, stop }
}
