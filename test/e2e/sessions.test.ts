/**
 * Sessions on BMCs, counted on the BMCs: at most one per controller while controllers work and are killed, none when the
 * last one has stopped.
 */
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, createClient } from '../../deploy/cli/client.ts'
import { type Simulator, startSimulator } from '../../redfish/simulator/server.ts'
import { freshNats } from '../nats.ts'
import { freshDatabase } from '../postgres.ts'
import { orphansEnded, tooManySessions } from './open-sessions.ts'
import { type ControllerProcess, freePort, startProcess } from './processes.ts'
import { bmcConfigs, completed, register, submit } from './site.ts'
import { storageFolder } from './storage.ts'

const leaseTtlMs = 1500
const serials = ['S1', 'S2', 'S3', 'S4']

let simulator: Simulator
let database: Awaited<ReturnType<typeof freshDatabase>>
let nats: Awaited<ReturnType<typeof freshNats>>
let folders: string[]
let clients: [Client, Client]
let settings: [NodeJS.ProcessEnv, NodeJS.ProcessEnv]
let controllers: [ControllerProcess, ControllerProcess]

beforeAll(async () => {
  const ports = [await freePort(), await freePort()] as const
  folders = [await storageFolder(), await storageFolder()]
  ;[database, nats] = await Promise.all([freshDatabase(), freshNats()])
  simulator = await startSimulator({ speed: 50, bmcs: bmcConfigs(serials.map(() => ({}))) })
  const settingsOf = (port: number, folder: string | undefined) => ({
    STORAGE_ROOT: folder,
    HTTP_ADDR: `127.0.0.1:${port}`,
    PUBLIC_URL: `http://127.0.0.1:${ports[0]}`,
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    SECRETS_KEY: Buffer.alloc(32, 7).toString('base64'),
    REDFISH_MODE: 'http',
    REDFISH_TIMEOUT: '2s',
    JOB_LEASE_TTL: `${leaseTtlMs}ms`,
  })
  settings = [settingsOf(ports[0], folders[0]), settingsOf(ports[1], folders[1])]
  controllers = [await startProcess(settings[0]), await startProcess(settings[1])]
  clients = [
    createClient({ url: `http://127.0.0.1:${ports[0]}` }),
    createClient({ url: `http://127.0.0.1:${ports[1]}` }),
  ]
  for (const bmc of simulator.bmcs) await register(clients[0], bmc)
  await everyBmcProbed()
})

afterAll(async () => {
  await Promise.all(controllers.map((controller) => controller.stop()))
  await simulator.close()
  await nats.stop()
  await database.drop()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

const probe = (serial: string, client: Client) =>
  client.request(`/api/v1/servers/${serial}/probe`, { method: 'POST', timeoutMs: 30_000 })

const everyBmcProbed = () => Promise.all(serials.map((serial) => probe(serial, clients[0])))

const endOfOrphans = () => orphansEnded(database.url, { leaseTtlMs, signal: AbortSignal.timeout(20_000) })

test('a killed controller’s sessions are ended although nobody has anything to do on those BMCs', async () => {
  expect(simulator.bmcs.filter(({ state }) => state.sessions > 0)).toHaveLength(serials.length)
  await controllers[0].kill()
  await endOfOrphans()
  expect(tooManySessions(simulator, { max: 1 })).toEqual([])
  await controllers[1].kill()
  ;[controllers[0], controllers[1]] = [await startProcess(settings[0]), await startProcess(settings[1])]
  await endOfOrphans()
  expect(tooManySessions(simulator, { max: 0 })).toEqual([])
}, 60_000)

test('a controller that stood still for longer than its lease logs in anew', async () => {
  await everyBmcProbed()
  for (const controller of controllers) controller.pause()
  const third = await startProcess({ ...settings[0], HTTP_ADDR: `127.0.0.1:${await freePort()}` })
  await endOfOrphans()
  expect(tooManySessions(simulator, { max: 0 })).toEqual([])
  await third.stop()
  for (const controller of controllers) controller.resume()
  await everyBmcProbed()
  expect(tooManySessions(simulator, { max: controllers.length })).toEqual([])
}, 60_000)

test('a hundred operations, cancelled jobs and a kill leave at most one session per controller', async () => {
  let most = 0
  const look = setInterval(() => {
    most = Math.max(most, ...simulator.bmcs.map(({ state }) => state.sessions))
  }, 5)
  try {
    for (let round = 0; round < 10; round++) {
      const jobs = await Promise.all(serials.map((serial) => submit(clients[0], serial)))
      await Promise.all(jobs.map((jobId) => clients[0].request(`/api/v1/jobs/${jobId}/cancel`, { method: 'POST' })))
      await Promise.all(jobs.map((jobId) => completed(clients[0], jobId)))
      await everyBmcProbed()
      await everyBmcProbed()
      if (round !== 5) continue
      await controllers[1].kill()
      controllers[1] = await startProcess(settings[1])
    }
  } finally {
    clearInterval(look)
  }
  // The killed one's may be there besides its successor's, until its lease has run out.
  expect(most).toBeLessThanOrEqual(3)
  await endOfOrphans()
  expect(tooManySessions(simulator, { max: 2 })).toEqual([])
  await Promise.all(controllers.map((controller) => controller.stop()))
  expect(tooManySessions(simulator, { max: 0 })).toEqual([])
}, 120_000)
