import { chmod, mkdir, mkdtemp, readFile, stat, watch, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { type EmbeddedPostgres, startPostgres } from '../../../deploy/local/postgres.ts'
import { patience, patienceMs } from '../../rig/patience.ts'
import { killAfter } from './killed-controller.ts'

const module = new URL('../../../deploy/local/postgres.ts', import.meta.url).href
const started: EmbeddedPostgres[] = []
let dataDir: string

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(inject('runDir'), 'pg-')), 'postgres')
})

afterEach(async () => {
  for (const server of started.splice(0)) await server.stop()
})

async function start(options: { port?: number } = {}): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dataDir, signal: patience(), ...options })
  started.push(server)
  return server
}

async function query(url: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 })
  try {
    return await sql.unsafe(statement)
  } finally {
    await sql.end()
  }
}

test('what was written is there after a stop and a start', async () => {
  const first = await start()
  await query(first.url, 'create table kept as select 42 as answer')
  await first.stop()
  await first.stop()
  const second = await start()
  expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
  expect(await query(second.url, `select current_setting('fsync') as fsync`)).toEqual([{ fsync: 'on' }])
})

test('the server of a killed controller is taken over, and still stops', async () => {
  const options = JSON.stringify({ dataDir })
  const expression = `started.startPostgres({ ...${options}, signal: AbortSignal.timeout(${patienceMs}) })`
  await killAfter({ module, expression })
  const pid = (await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]
  const server = await start()
  expect((await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8')).split('\n')[0]).toBe(pid)
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await server.stop()
  await expect(query(server.url, 'select 1')).rejects.toThrow('ECONNREFUSED')
})

test('two starts at once share one server', async () => {
  const [first, second] = await Promise.all([start(), start()])
  expect(second.url).toBe(first.url)
})

test('a pid file whose number belongs to another program by now does not keep the server from starting', async () => {
  await (await start()).stop()
  await writeFile(join(dataDir, 'cluster', 'postmaster.pid'), `${process.pid}\n${dataDir}/cluster\n1700000000\n5432\n`)
  const server = await start()
  expect(await query(server.url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('what a controller that was killed during initdb left behind is replaced', async () => {
  await mkdir(join(dataDir, 'cluster.partial'), { recursive: true })
  await writeFile(join(dataDir, 'cluster.partial', 'PG_VERSION'), '18')
  expect(await query((await start()).url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('the password is random, in a file that only its owner reads, and required', async () => {
  const { url } = await start()
  const file = join(dataDir, 'password')
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(new URL(url).password).toBe(await readFile(file, 'utf8'))
  expect(new URL(url).password).toMatch(/^[\w-]{43}$/)
  const wrong = new URL(url)
  wrong.password = 'postgres'
  await expect(query(wrong.href, 'select 1')).rejects.toThrow('password authentication failed')
})

test('a port that is taken is an error which says so', async () => {
  const other = createServer()
  await new Promise<void>((listening) => other.listen({ port: 0, host: '127.0.0.1' }, listening))
  const address = other.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  await expect(start({ port: address.port })).rejects.toThrow('Address already in use')
  other.close()
})

test.runIf(process.getuid?.() === 0)(
  'root starts it as another user, even below a folder closed to that user',
  async () => {
    await chmod(join(dataDir, '..'), 0o700)
    const { url } = await start()
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    expect((await stat(join(dataDir, 'cluster'))).uid).not.toBe(0)
  },
)

test('an aborted start leaves no server behind', async () => {
  await (await start()).stop()
  const abort = new AbortController()
  const changes = watch(join(dataDir, 'cluster'))
  const starting = startPostgres({ dataDir, signal: abort.signal })
  for await (const { filename } of changes) if (filename === 'postmaster.pid') break
  abort.abort(new Error('not wanted any more'))
  await expect(starting).rejects.toMatchObject({ cause: { message: 'not wanted any more' } })
  await expect(readFile(join(dataDir, 'cluster', 'postmaster.pid'))).rejects.toThrow('ENOENT')
})
