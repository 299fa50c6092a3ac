import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { unpackDebianPackages } from '../../../deploy/local/debian-packages.ts'
import { type NatsAccess, openEventStream } from '../../../eventstore/publish/jetstream.ts'
import { patience } from '../../rig/patience.ts'

const servers: ChildProcess[] = []
let withPassword: string
let withToken: string

beforeAll(async () => {
  withPassword = await startServer('--user', 'broadcast', '--pass', 'marked p@ss')
  withToken = await startServer('--auth', 'marked-token')
})
afterAll(async () => {
  for (const server of servers) {
    const gone = once(server, 'exit')
    server.kill()
    await gone
  }
})

/** A server that asks who one is. Resolves with its address. */
async function startServer(...login: string[]): Promise<string> {
  const cacheDir = resolve(import.meta.dirname, '../../../.cache/debian')
  const signal = patience()
  const unpacked = await unpackDebianPackages({ packages: ['nats-server'], cacheDir, signal })
  const storeDir = await mkdtemp(join(inject('runDir'), 'nats-access-'))
  const server = spawn(unpacked.command('nats-server'), [
    ...['--addr', '127.0.0.1', '--port', '-1', '--jetstream', '--store_dir', storeDir],
    ...login,
  ])
  servers.push(server)
  let said = ''
  for await (const line of createInterface(server.stderr)) {
    said += `${line}\n`
    const address = /client connections on (\S+)/.exec(said)?.[1]
    if (address !== undefined && line.includes('Server is ready')) return address
  }
  throw new Error(`nats-server did not start: ${said}`)
}

async function lastSequence(access: NatsAccess): Promise<number> {
  const stream = await openEventStream(access, 'PROVISIONER')
  try {
    return (await stream.end()).sequence
  } finally {
    await stream.close()
  }
}

test.each([
  ['a user and password in the URL', () => ({ natsUrl: `nats://broadcast:marked%20p%40ss@${withPassword}` })],
  ['a token in the URL', () => ({ natsUrl: `nats://marked-token@${withToken}` })],
  ['a token apart from the URL', () => ({ natsUrl: withToken, token: 'marked-token' })],
  [
    'the first of several servers that answers',
    () => ({ natsUrl: `nats://127.0.0.1:1,${withToken}`, token: 'marked-token' }),
  ],
])('NATS is reached with %s', async (_what, access) => {
  expect(await lastSequence(access())).toBe(0)
})

test('a wrong password is refused without being repeated', async () => {
  const refused: unknown = await lastSequence({ natsUrl: `nats://broadcast:marked-wrong@${withPassword}` }).catch(
    (error: unknown) => error,
  )
  expect(refused).toBeInstanceOf(Error)
  const { message, stack, cause } = refused as Error
  expect(message).toMatch(/authorization/i)
  expect(`${message} ${stack} ${cause} ${JSON.stringify(refused)}`).not.toContain('marked')
})
