// The example subscriber as what it is: a process that is killed, restarted and cut off.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { getRequestListener } from '@hono/node-server'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import type { State } from '../../../deploy/examples/subscriber/state.ts'
import type { StreamId } from '../../../machines/kinds.ts'
import { siteOn } from '../../api/site.ts'
import { caughtUp, idsInLog, openSite, type Site, streamName, withNats } from '../../eventstore/publish/rig.ts'
import { commit, jobAfter, successfulRun } from '../../eventstore/rig/world.ts'
import { processEnv } from '../../rig/process-env.ts'

const program = resolve(import.meta.dirname, '../../../deploy/examples/subscriber.ts')
const eventsOfJob = successfulRun.length + 3

let site: Site
let dir: string
let running: Subscriber[]
beforeEach(async () => {
  site = await openSite()
  dir = await mkdtemp(join(inject('runDir'), 'subscriber-'))
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((one) => one.end('SIGKILL')))
  await site.close()
})

type Subscriber = {
  readonly lines: readonly string[]
  /** Resolves when a line like this has been said. */
  readonly said: (pattern: RegExp) => Promise<void>
  /** Resolves with the exit code; null after SIGKILL. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>
}

type Line = { readonly id: string; readonly stream: string; readonly seq: number; readonly data: unknown }

const statePath = () => join(dir, 'state.json')
const outputPath = () => join(dir, 'events.jsonl')

function subscribe(...flags: string[]): Subscriber {
  const files = ['--state', statePath(), '--output', outputPath()]
  const child: ChildProcess = spawn(process.execPath, [program, '--nats-url', site.natsUrl(), ...files, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: processEnv,
  })
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const exited = once(child, 'exit')
  if (child.stderr === null) throw new Error('no stderr')
  createInterface(child.stderr).on('line', (line) => {
    lines.push(line)
    for (const look of waiting) look()
  })
  const subscriber: Subscriber = {
    lines,
    said: (pattern) =>
      new Promise((found) => {
        const look = () => {
          if (lines.some((line) => pattern.test(line))) found()
        }
        waiting.add(look)
        look()
      }),
    end: async (signal) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
      return child.exitCode
    },
  }
  running.push(subscriber)
  return subscriber
}

async function outputLines(): Promise<Line[]> {
  const text = await readFile(outputPath(), 'utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

async function savedState(): Promise<Omit<State, 'streams'> & { streams: Record<string, { seq: number }> }> {
  return JSON.parse(await readFile(statePath(), 'utf8'))
}

/** Waits until the state on disk, which is there before anything is acknowledged, has come this far. */
async function handled(sequence: number): Promise<void> {
  await withNats(site.natsUrl(), async (connection) => {
    const manager = await connection.jetstreamManager()
    await expect
      .poll(async () => (await manager.consumers.info(streamName, 'subscriber-example')).ack_floor.stream_seq, {
        interval: 20,
      })
      .toBeGreaterThanOrEqual(sequence)
  })
}

/** Every event of the log is in the output once, in the order of the log, and the state says the same. */
async function expectEverything(): Promise<void> {
  const lines = await outputLines()
  expect(lines.map(({ id }) => id)).toEqual(await idsInLog(site.world))
  const versions = new Map<string, number>()
  for (const { stream, seq } of lines) {
    expect(seq).toBe((versions.get(stream) ?? 0) + 1)
    versions.set(stream, seq)
  }
  const { streams, gaps } = await savedState()
  expect(new Map(Object.entries(streams).map(([stream, { seq }]) => [stream, seq]))).toEqual(versions)
  expect(gaps).toEqual([])
}

/** Two jobs at a time, step by step, until it is told to stop. */
async function workUntil(signal: AbortSignal): Promise<void> {
  const oneAfterTheOther = async () => {
    while (!signal.aborted) {
      const stream = await jobAfter(site.world, 0)
      for (const event of successfulRun) await commit(site.world, stream, [event])
    }
  }
  await Promise.all([oneAfterTheOther(), oneAfterTheOther()])
}

test('killed in the middle again and again, and NATS restarted: every event once and in order', async () => {
  const publisher = site.publish()
  const enough = new AbortController()
  const working = workUntil(enough.signal)
  let soFar = 0
  for (let kills = 0; kills < 3; kills += 1) {
    const subscriber = subscribe()
    await subscriber.said(/receiving after/)
    await handled(soFar + 40)
    await subscriber.end('SIGKILL')
    const { sequence, output_bytes: bytes } = await savedState()
    expect(sequence).toBeGreaterThanOrEqual(soFar + 40)
    soFar = sequence
    expect((await readFile(outputPath())).byteLength).toBeGreaterThanOrEqual(bytes)
    // As when it dies between the output and the state.
    await appendFile(outputPath(), '{"id": "written, and the state does not know of it"}\n{"id": "half a li')
  }
  const subscriber = subscribe()
  await subscriber.said(/receiving after/)
  await site.stopNats()
  await subscriber.said(/waits: /)
  enough.abort()
  await working
  await site.startNats()
  const { length } = await caughtUp(site, publisher)
  expect(length).toBeGreaterThan(soFar)
  await handled(length)
  expect(await subscriber.end('SIGTERM')).toBe(0)
  expect(subscriber.lines.at(-1)).toBe(`stopped after ${length}`)
  await expectEverything()
})

test('a stream that is not the one it knew, with the same events: none is taken twice', async () => {
  const publisher = site.publish()
  const stream = await jobAfter(site.world, 6)
  await caughtUp(site, publisher)
  const first = subscribe()
  await first.said(/receiving after/)
  await handled(9)
  await first.end('SIGTERM')
  // The server lost everything but the beginning, and the publisher publishes it again, one later.
  await publisher.stop()
  await site.deleteStream()
  await site.configureStream({})
  await withNats(site.natsUrl(), (connection) => connection.jetstream().publish('provisioner.v1.jobs.x.y', 'not JSON'))
  await site.world.owner.raw`delete from checkpoints`
  await commit(site.world, stream, successfulRun.slice(6))
  const again = site.publish()
  await caughtUp(site, again)
  const second = subscribe()
  await second.said(/this is another stream/)
  await second.said(/message 1 is no event of ours/)
  await handled(eventsOfJob + 1)
  await second.end('SIGTERM')
  await expectEverything()
})

test('events that the stream has lost are said to be missing, and with the API there are none', async () => {
  const publisher = site.publish()
  const stream = await jobAfter(site.world, successfulRun.length)
  await caughtUp(site, publisher)
  const lost = await deleteMessages(stream, [3, 4, 5, 9])
  const without = subscribe()
  await without.said(/receiving after/)
  await handled(eventsOfJob)
  await without.end('SIGTERM')
  expect((await savedState()).gaps).toEqual([
    { stream, after_seq: 2, before_seq: 6 },
    { stream, after_seq: 8, before_seq: 10 },
  ])
  expect(without.lines.join('\n')).toContain(`${stream}: nothing seen after 2 and before 6`)
  const all = await idsInLog(site.world)
  expect((await outputLines()).map(({ id }) => id)).toEqual(all.filter((id) => !lost.includes(id)))

  dir = await mkdtemp(join(inject('runDir'), 'subscriber-'))
  const { app } = await siteOn(site.world)
  const server = createServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const api = subscribe('--api', `http://127.0.0.1:${address.port}/`)
  await api.said(/4 events asked of the API, up to 6/)
  await handled(eventsOfJob)
  await api.end('SIGTERM')
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
  await expectEverything()
  expect((await outputLines()).every(({ data }) => data !== null)).toBe(true)
})

/** Takes events out of the JetStream stream; answers their ids. */
function deleteMessages(stream: StreamId, versions: readonly number[]): Promise<string[]> {
  return withNats(site.natsUrl(), async (connection) => {
    const { streams } = await connection.jetstreamManager()
    const ids: string[] = []
    for (let sequence = 1; sequence <= eventsOfJob; sequence += 1) {
      const message = await streams.getMessage(streamName, { seq: sequence })
      const event = message.json<{ id: string; stream: string; streamversion: number }>()
      if (event.stream !== stream || !versions.includes(event.streamversion)) continue
      ids.push(event.id)
      await streams.deleteMessage(streamName, sequence)
    }
    return ids
  })
}
