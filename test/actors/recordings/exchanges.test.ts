/** Which exchanges a recording keeps, and that it says so where it does not keep some. */

import { randomUUID } from 'node:crypto'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createServerCommands } from '../../../actors/commands/servers.ts'
import { createExchangeRecorder } from '../../../actors/recordings/exchanges.ts'
import { createRecordingHistory } from '../../../actors/recordings/history.ts'
import { createRecordings } from '../../../actors/recordings/recordings.ts'
import { realTiming } from '../../../actors/timing.ts'
import {
  beginRecording,
  findRecording,
  forgetRecording,
  readExchanges,
} from '../../../eventstore/ledgers/bmc-recordings.ts'
import { createVault } from '../../../eventstore/ledgers/vault.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { serverStream } from '../../../machines/kinds.ts'
import type { ExchangeObservation } from '../../../redfish/client/options.ts'
import { createNoopBmc } from '../../../redfish/noop.ts'
import { openWorld } from '../../eventstore/rig/world.ts'
import { patience } from '../../rig/patience.ts'

const world = await openWorld()
afterAll(world.close)
const { db } = world
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const requester = { actor: 'principal:tester', requestId: 'r1', trace: null }

let serial: string
beforeEach(() => {
  serial = `SRV-${randomUUID()}`
})

const history = createRecordingHistory({ db, runtime: world.runtime, owner: 'one' })
const recorder = (controller: string) => createExchangeRecorder({ db, controller, history, log })
/** Ends of recordings in the server's history. */
const endsOf = async () => {
  const events = await readStream(db, serverStream(serial))
  return events.filter(({ type }) => type === 'server.recording.ended')
}
const begin = async () => {
  const id = randomUUID()
  await beginRecording(db, { serial, id, startedBy: 'tester' })
  return id
}
const exchange = (path: string, over: Partial<ExchangeObservation> = {}): ExchangeObservation => ({
  operation: 'discover',
  method: 'GET',
  path,
  status: 200,
  elapsedMs: 3,
  request: {},
  response: { headers: {}, body: { Id: path } },
  ...over,
})

test('exchanges are kept from the look on that finds a recording, by every controller, each in its order', async () => {
  const [one, two] = [recorder('one'), recorder('two')]
  await one.prepare(serial)
  one.observe(serial, exchange('/before'))
  const id = await begin()
  one.refresh(serial)
  for (const controller of [one, two]) await controller.prepare(serial)
  one.observe(serial, exchange('/1'))
  one.observe(serial, exchange('/1/again'))
  await one.flush()
  two.observe(serial, exchange('/2'))
  await two.flush()
  two.observe('ANOTHER', exchange('/3'))
  one.observe(serial, exchange('/tree', { operation: 'readTree' }))
  await one.flush()
  const kept = await readExchanges(db, id)
  const of = (wanted: string) =>
    kept
      .filter(({ controller }) => controller === wanted)
      .map(({ number, exchange: text }) => [number, JSON.parse(text).path])
  // What controllers know of the database's clock differs by milliseconds, and so may the order between them.
  expect([of('one'), of('two')]).toEqual([
    [
      [1, '/1'],
      [2, '/1/again'],
    ],
    [[1, '/2']],
  ])
})

test('an exchange that waited for its turn to be stored was over when it was over', async () => {
  const one = recorder('one')
  const id = await begin()
  await one.prepare(serial)
  const released = await world.raw.begin(async (holding) => {
    await holding`select from bmc_recordings where id = ${id} for update`
    one.observe(serial, exchange('/1'))
    one.observe(serial, exchange('/2'))
    const [row] = await holding<{ at: Date }[]>`select clock_timestamp() as at from pg_sleep(0.3)`
    return Number(row?.at)
  })
  await one.flush()
  const ended = (await readExchanges(db, id)).map(({ endedAt }) => Date.parse(endedAt))
  expect(ended.length).toBe(2)
  for (const at of ended) expect(at).toBeLessThan(released)
})

test('exchanges of a recording that has ended are dropped, and nothing of it is left', async () => {
  const one = recorder('one')
  const id = await begin()
  await one.prepare(serial)
  one.observe(serial, exchange('/1'))
  await one.flush()
  await forgetRecording(db, serial)
  one.observe(serial, exchange('/2'))
  await one.flush()
  expect(await readExchanges(db, id)).toEqual([])
})

test('what is too much is counted, and the file says so', async () => {
  const one = recorder('one')
  await begin()
  await one.prepare(serial)
  const large = 'x'.repeat(5 * 1024 * 1024)
  for (const path of ['/1', '/2', '/3', '/4', '/5'])
    one.observe(serial, exchange(path, { response: { headers: {}, body: { large } } }))
  await one.flush()
  expect((await findRecording(db, serial))?.lost).toBe(2)

  const { servers, recordings } = await registered(one)
  expect(servers).toBeDefined()
  const file = await recordings.file(serial, { jobId: null, requester, signal: patience() })
  expect(file.exchanges.map(({ path }) => path)).toEqual(['/1', '/2', '/3'])
  expect(file.header.missing).toContainEqual(expect.stringContaining('2 exchanges'))
})

test('a recording whose limits are reached ends, for every controller, and its end is in the history', async () => {
  const [one, two] = [recorder('one'), recorder('two')]
  await registered(one)
  const id = await begin()
  await one.prepare(serial)
  const large = 'x'.repeat(9 * 1024 * 1024)
  for (const path of ['/1', '/2', '/3'])
    one.observe(serial, exchange(path, { response: { headers: {}, body: { large } } }))
  await one.flush()
  await two.prepare(serial)
  two.observe(serial, exchange('/4'))
  await two.flush()
  expect((await readExchanges(db, id)).length).toBe(1)
  expect(await endsOf()).toMatchObject([
    { actor: 'controller:one', data: { recording_id: id, reason: 'limit-reached', exchanges: 1, lost: 2 } },
  ])
})

test('a recording that is a day old ends when its BMC is used next, or another is begun, once', async () => {
  const one = recorder('one')
  const { recordings } = await registered(one)
  const id = await begin()
  await world.raw`update bmc_recordings set started_at = started_at - interval '25 hours' where id = ${id}`
  await one.prepare(serial)
  one.observe(serial, exchange('/late'))
  one.refresh(serial)
  await one.prepare(serial)
  await one.flush()
  expect(await readExchanges(db, id)).toEqual([])
  await recordings.start(serial, requester, patience())
  expect(await endsOf()).toMatchObject([{ actor: 'controller:one', data: { recording_id: id, reason: 'time-over' } }])
})

test('a controller that could not store exchanges leaves a gap that the file names, and a second one a doubt', async () => {
  const id = await begin()
  const insert = (controller: string, number: number) =>
    world.raw`insert into bmc_exchanges values (${id}, ${controller}, ${number}, clock_timestamp(), ${JSON.stringify({ ...exchange('/x'), elapsed_ms: 1 })})`
  for (const [controller, number] of [
    ['one', 1],
    ['one', 4],
    ['two', 1],
  ] as const)
    await insert(controller, number)
  const { recordings } = await registered(recorder('one'))
  const { header } = await recordings.file(serial, { jobId: null, requester, signal: patience() })
  expect(header.missing).toEqual([
    '2 exchanges that could not be stored',
    expect.stringContaining('2 controllers took part'),
    expect.stringContaining('no BMC is spoken to'),
  ])
})

/** Commands on a server of its own, whose BMC is not there. */
async function registered(one: ReturnType<typeof recorder>) {
  const nextId = randomUUID
  const vault = createVault(db, Buffer.alloc(32, 7))
  const servers = createServerCommands({
    db,
    runtime: world.runtime,
    vault,
    notifications: world.notifications,
    nextId,
  })
  await servers.put(
    { serial, bmc_address: 'https://192.0.2.10', vendor: null, tls: { mode: 'system' }, labels: {} },
    { username: 'root', password: 'a password' },
    requester,
  )
  const recordings = createRecordings({
    db,
    bmcs: { use: (_serial, work) => work(createNoopBmc({ serial })), forgetRead: () => {}, close: async () => {} },
    access: servers.access,
    recorder: one,
    history,
    owner: 'one',
    ttlMs: 5000,
    nextId,
    timing: realTiming,
    log,
    version: '1.0.0',
  })
  return { servers, recordings }
}
