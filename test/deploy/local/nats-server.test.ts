import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { connect, type NatsConnection } from 'nats'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { unpackDebianPackages } from '../../../deploy/local/debian-packages.ts'
import { type LocalNats, startNatsServer } from '../../../deploy/local/nats-server.ts'
import { patience, patienceMs } from '../../rig/patience.ts'
import { killAfter } from './killed-controller.ts'

const module = new URL('../../../deploy/local/nats-server.ts', import.meta.url).href
const packagesDir = resolve(import.meta.dirname, '../../../.cache/debian')
const path = process.env['PATH'] ?? ''
const started: LocalNats[] = []
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(inject('runDir'), 'nats-test-'))
})

afterEach(async () => {
  for (const server of started.splice(0)) if (server.running) await server.stop()
  process.env['PATH'] = path
})

async function start(options: { packagesDir?: string } = {}): Promise<LocalNats & { running: true }> {
  const server = await tryStart(options)
  if (!server.running) throw new Error(server.reason)
  return server
}

async function tryStart(options: { packagesDir?: string } = {}): Promise<LocalNats> {
  const signal = patience()
  const server = await startNatsServer({ storeDir: join(dir, 'store'), packagesDir, signal, ...options })
  started.push(server)
  return server
}

async function withConnection<T>(url: string, work: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: url })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}

/** Stored in a stream, read back later by sequence. */
async function store(url: string): Promise<void> {
  await withConnection(url, async (connection) => {
    const manager = await connection.jetstreamManager()
    await manager.streams.add({ name: 'kept', subjects: ['kept'] })
    await connection.jetstream().publish('kept', 'hello')
  })
}

async function stored(url: string): Promise<string> {
  return await withConnection(url, async (connection) => {
    const manager = await connection.jetstreamManager()
    return (await manager.streams.getMessage('kept', { seq: 1 })).string()
  })
}

test('streams are there after a stop and a start, on the same port', async () => {
  const first = await start()
  await store(first.url)
  await first.stop()
  await first.stop()
  const second = await start()
  expect(second.url).toBe(first.url)
  expect(await stored(second.url)).toBe('hello')
})

test('the server of a killed controller is taken over, and still stops', async () => {
  const options = JSON.stringify({ storeDir: join(dir, 'store'), packagesDir })
  const expression = `started.startNatsServer({ ...${options}, signal: AbortSignal.timeout(${patienceMs}) })`
  await killAfter({ module, expression })
  const server = await start()
  await store(server.url)
  expect((await start()).url).toBe(server.url)
  await server.stop()
  await expect(connect({ servers: server.url, reconnect: false })).rejects.toThrow('CONNECTION_REFUSED')
})

test('two starts at once share one server', async () => {
  const [first, second] = await Promise.all([start(), start()])
  expect(second.url).toBe(first.url)
})

test('without a server, apt or a container engine the operator is told that broadcasting waits, and why', async () => {
  process.env['PATH'] = await folderWith({ links: ['flock', 'sh', 'cat'] })
  const server = await tryStart()
  expect(server).toMatchObject({
    running: false,
    reason: expect.stringContaining('broadcast once there is a NATS server'),
  })
  expect(server).toMatchObject({
    reason: expect.stringMatching(/no apt-get.*docker could not be run.*podman could not be run/s),
  })
})

test('a nats-server that does not start makes broadcasting wait, with what it said', async () => {
  const folder = await folderWith({ links: [], scripts: { 'nats-server': 'echo no disk >&2; exit 1' } })
  process.env['PATH'] = `${folder}${delimiter}${path}`
  const server = await tryStart()
  expect(server).toMatchObject({ running: false, reason: expect.stringContaining('did not start: no disk') })
})

test('a container engine is used when there is neither a server nor apt, and finds its container again', async () => {
  const unpacked = await unpackDebianPackages({
    packages: ['nats-server'],
    cacheDir: packagesDir,
    signal: patience(),
  })
  // Stands for an engine: a container is a process that keeps its state in a folder.
  const engine = `
    cd ${dir}
    case "$1" in
    ps) [ -e container ] && echo id; true ;;
    port) echo "127.0.0.1:$(sed 's/.*:\\([0-9]*\\)".*/\\1/' ports/*.ports)" ;;
    stop) kill "$(cat container)"; while [ -e ports/*.ports ]; do sleep 0.01; done ;;
    rm) rm container ;;
    run)
      mkdir -p ports; while [ "$1" != --store_dir ]; do shift; done
      ${unpacked.command('nats-server')} --jetstream --store_dir data --addr 127.0.0.1 --port -1 \\
        --ports_file_dir ports --name "$4" --pid container >/dev/null 2>&1 &
      while [ -z "$(ls ports)" ]; do sleep 0.01; done ;;
    esac`
  const links = ['flock', 'sh', 'cat', 'sed', 'mkdir', 'ls', 'sleep', 'rm']
  process.env['PATH'] = await folderWith({ links, scripts: { docker: engine } })
  const server = await start()
  await store(server.url)
  expect((await start()).url).toBe(server.url)
  expect(await stored(server.url)).toBe('hello')
})

/** A folder to be the whole PATH: some of the system's programs, and scripts. */
async function folderWith({
  links,
  scripts = {},
}: {
  links: string[]
  scripts?: Record<string, string>
}): Promise<string> {
  const folder = join(dir, 'bin')
  await mkdir(folder)
  const files = Object.entries(scripts)
  for (const name of links) files.push([name, `exec ${join('/bin', name)} "$@"`])
  for (const [name, text] of files) {
    await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`)
    await chmod(join(folder, name), 0o755)
  }
  return folder
}
