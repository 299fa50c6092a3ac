// A NATS server of our own with JetStream, for when no NATS_URL is given: the machine's nats-server, else the distribution's package
// unpacked, else a container, else none, and broadcasting waits. The server is started detached and may outlive a killed
// controller, so that its subscribers stay connected; the next start finds it in the store folder and takes it over.
// It listens on the loopback address only and asks nobody who they are.
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

/** A running server, or why there is none: a line for the operator. `stop` resolves once it is gone; twice is no error. */
export type LocalNats = { running: true; url: string; stop(): Promise<void> } | { running: false; reason: string }

export type NatsOptions = {
  /** Where JetStream keeps its streams, and where a server that outlived its controller is found again. */
  storeDir: string
  /** Where the distribution's package is unpacked to, if it has to be. */
  packagesDir: string
  /** Free when not given, and then the one of the last start if it still is: subscribers find the server again. */
  port?: number
  signal: AbortSignal
  onProgress?: (message: string) => void
}

const startTimeoutMs = 30_000
const stopTimeoutMs = 10_000

/**
 * Resolves once a server with JetStream answers, or with the reason when none of the ways leads to one. The signal ends the
 * start only.
 * @throws the signal's reason.
 */
export async function startNatsServer(options: NatsOptions): Promise<LocalNats> {
  const { signal } = options
  await mkdir(options.storeDir, { recursive: true })
  const storeDir = await realpath(options.storeDir)
  // Its own digest in the server's name makes sure that an answer comes from the server of this folder.
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
    // Whatever keeps the package away, a container may still do. The operator reads why.
    signal.throwIfAborted()
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

type Start = NatsOptions & { name: string; program: string }

async function start({ storeDir, name, program, port, signal }: Start): Promise<LocalNats> {
  const lastPort = Number(await readIfPresent(join(storeDir, 'port')))
  // -1 lets the server choose. The port of the last start may be another program's by now.
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

/** A server that was killed leaves its own behind, and its process id may come again. */
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
  // It runs and does not serve: it was killed half-way through its start, or is ending.
  await stopProcess({ ...survivor, signals: ['SIGTERM', 'SIGKILL'], graceMs: stopTimeoutMs })
  return undefined
}

/** What tells this folder's server from other processes. */
function wordsOf(storeDir: string): readonly string[] {
  return ['--jetstream', '--store_dir', storeDir]
}

const portsFile = z.object({ nats: z.tuple([z.string()]) })

type Asked = { storeDir: string; name: string; pid: number; signal: AbortSignal }

/** The server, if it has written its ports file (which it does once it listens) and greets as itself with JetStream on. */
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
