// Trouble with NATS ends as a line that says what to do.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { DiscardPolicy } from 'nats'
import { afterEach, expect, inject, test } from 'vitest'
import { unpackDebianPackages } from '../../../deploy/local/debian-packages.ts'
import type { EventMessage } from '../../../eventstore/publish/cloud-event.ts'
import { type NatsAccess, openEventStream } from '../../../eventstore/publish/jetstream.ts'
import { openStatesBucket } from '../../../eventstore/publish/latest-states-bucket.ts'
import { problemOf } from '../../../eventstore/publish/nats-problem.ts'
import { freePort } from '../../e2e/rig/processes.ts'
import { patience } from '../../rig/patience.ts'
import { withNats } from './rig.ts'

const servers: ChildProcess[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    const gone = once(server, 'exit')
    server.kill()
    await gone
  }
})

const stream = { what: 'stream', name: 'PROVISIONER' } as const
const bucket = { what: 'bucket', name: 'provisioner_states' } as const
const messages = ['one', 'two'].map(
  (id): EventMessage => ({
    id,
    subject: `provisioner.v1.jobs.${id}.job.requested`,
    headers: {},
    payload: new Uint8Array(200),
  }),
)

/** A server with this configuration. Resolves with its address. */
async function startServer(config: string): Promise<string> {
  const cacheDir = resolve(import.meta.dirname, '../../../.cache/debian')
  const unpacked = await unpackDebianPackages({
    packages: ['nats-server'],
    cacheDir,
    signal: patience(),
  })
  const dir = await mkdtemp(join(inject('runDir'), 'nats-problem-'))
  await writeFile(join(dir, 'nats.conf'), config.replace('STORE', dir))
  const words = ['--config', join(dir, 'nats.conf'), '--addr', '127.0.0.1', '--port', '-1']
  const server = spawn(unpacked.command('nats-server'), words)
  servers.push(server)
  let said = ''
  for await (const line of createInterface(server.stderr)) {
    said += `${line}\n`
    const address = /client connections on (\S+)/.exec(said)?.[1]
    if (address !== undefined && line.includes('Server is ready')) return address
  }
  throw new Error(`nats-server did not start: ${said}`)
}

/** Publishes as the publisher does and answers what it would say. */
async function publishingProblem(access: NatsAccess): Promise<string> {
  try {
    const events = await openEventStream(access, stream.name)
    try {
      const { sequence } = await events.end()
      const { failure } = await events.publish(messages, { after: sequence })
      return failure === null ? 'none' : problemOf(failure, stream)
    } finally {
      await events.close()
    }
  } catch (error) {
    return problemOf(error, stream)
  }
}

const jetStream = 'jetstream { store_dir: "STORE" }'

test('nothing listens: start the server or correct the address', async () => {
  const natsUrl = `127.0.0.1:${await freePort()}`
  expect(await publishingProblem({ natsUrl })).toMatch(
    /CONNECTION_REFUSED: .*start the NATS server, or correct NATS_URL/,
  )
})

test('a server without JetStream: start it with JetStream', async () => {
  const natsUrl = await startServer('')
  expect(await publishingProblem({ natsUrl })).toMatch(
    /: the NATS server has no JetStream for us: start it with --jetstream/,
  )
  const error = await openStatesBucket({ natsUrl }, bucket.name).catch((reason: unknown) => reason)
  expect(problemOf(error, bucket)).toMatch(/start it with --jetstream/)
})

test('an account without JetStream: enable it', async () => {
  const natsUrl = await startServer(
    `${jetStream}
     accounts { PLAIN { users: [{ user: a, password: b }] }, STORING { jetstream: enabled, users: [{ user: c, password: d }] } }`,
  )
  expect(await publishingProblem({ natsUrl: `nats://a:b@${natsUrl}` })).toMatch(/enable JetStream for the account/)
})

test('a user who may not: which subjects to allow', async () => {
  const natsUrl = await startServer(
    `${jetStream}
     authorization { users: [{ user: a, password: marked, permissions: { publish: ["$JS.API.>"], subscribe: ["_INBOX.>"] } },
                             { user: b, password: marked, permissions: { publish: ["other"], subscribe: ["_INBOX.>"] } }] }`,
  )
  const asking = await publishingProblem({ natsUrl: `nats://b:marked@${natsUrl}` })
  expect(asking).toMatch(/Permissions Violation.*allow it to publish to \$JS\.API\.> and provisioner\.v1\.>/)
  const publishing = await publishingProblem({ natsUrl: `nats://a:marked@${natsUrl}` })
  expect(publishing).toMatch(/Permissions Violation.*allow it to publish to \$JS\.API\.> and provisioner\.v1\.>/)
  expect(asking + publishing).not.toContain('marked')
  const states = await openStatesBucket({ natsUrl: `nats://a:marked@${natsUrl}` }, bucket.name)
  const error = await states
    .cover({ eventId: '01a203b9-8a6a-734d-bdb4-a62f17584b34', removal: 0n })
    .catch((reason: unknown) => reason)
  await states.close()
  expect(problemOf(error, bucket)).toMatch(/allow it to publish to \$JS\.API\.> and \$KV\.>/)
})

test('a wrong password: where it comes from', async () => {
  const natsUrl = await startServer(`${jetStream}\n authorization { user: a, password: right }`)
  const problem = await publishingProblem({ natsUrl: `nats://a:marked@${natsUrl}` })
  expect(problem).toMatch(/check the user and password in NATS_URL, or NATS_CREDS_FILE/)
  expect(problem).not.toContain('marked')
})

test.each([
  ['bytes', { max_bytes: 100 }, /maximum bytes exceeded: the stream PROVISIONER is full.*--max-bytes.*--discard=old/],
  ['messages', { max_msgs: 1 }, /maximum messages exceeded: the stream PROVISIONER is full.*--max-msgs.*--discard=old/],
])('a stream that is full of %s: raise the limit or let it drop old messages', async (_what, limits, pattern) => {
  const natsUrl = await startServer(jetStream)
  await withNats(natsUrl, async (connection) => {
    const manager = await connection.jetstreamManager()
    const config = { name: stream.name, subjects: ['provisioner.v1.>'], discard: DiscardPolicy.New }
    await manager.streams.add({ ...config, ...limits })
  })
  expect(await publishingProblem({ natsUrl })).toMatch(pattern)
})

test('a server without storage: make room', async () => {
  const natsUrl = await startServer('jetstream { store_dir: "STORE", max_file_store: 100 }')
  expect(await publishingProblem({ natsUrl })).toMatch(/no storage left for JetStream: raise max_file_store/)
})

test('a stream with other subjects, or another stream with ours: which to change', async () => {
  const natsUrl = await startServer(jetStream)
  await withNats(natsUrl, async (connection) => {
    const { streams } = await connection.jetstreamManager()
    await streams.add({ name: stream.name, subjects: ['something.else'] })
    expect(await publishingProblem({ natsUrl })).toMatch(
      /the stream PROVISIONER has other subjects: add provisioner.v1.>/,
    )
    await streams.delete(stream.name)
    await streams.add({ name: 'OTHER', subjects: ['provisioner.>'] })
  })
  expect(await publishingProblem({ natsUrl })).toMatch(/another stream takes provisioner.v1.> already/)
})

test('what nobody foresaw is said as it is', () => {
  expect(problemOf(new Error('strange'), stream)).toBe('strange')
})
