/**
 * Sessions on BMCs, counted on the BMCs: at most one per controller while controllers run many jobs, some cancelled, and
 * are killed; none when the last one has stopped.
 */
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, ClientError, createClient } from '../../deploy/cli/client.ts'
import { type Simulator, startSimulator } from '../../redfish/simulator/server.ts'
import { freshNats } from '../rig/nats.ts'
import { patience, patienceMs } from '../rig/patience.ts'
import { freshDatabase } from '../rig/postgres.ts'
import { orphansEnded, tooManySessions } from './rig/open-sessions.ts'
import { type ControllerProcess, freePort, startProcess } from './rig/processes.ts'
import { bmcConfigs, completed, follow, isComplete, register, submit } from './rig/site.ts'
import { storageFolder } from './rig/storage.ts'

/** Renewed three times as often, by controllers that share a busy machine. */
const leaseTtlMs = 4000
const serials = Array.from({ length: 20 }, (_, index) => `S${index + 1}`)

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
  simulator = await startSimulator({
    speed: 50,
    bmcs: bmcConfigs(serials.map(() => ({ host: { stepDurationMs: 10_000 } }))),
  })
  const settingsOf = (port: number, folder: string | undefined) => ({
    STORAGE_ROOT: folder,
    HTTP_ADDR: `127.0.0.1:${port}`,
    PUBLIC_URL: `http://127.0.0.1:${ports[0]}`,
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    SECRETS_KEY: Buffer.alloc(32, 7).toString('base64'),
    REDFISH_MODE: 'http',
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
  client.request(`/api/v1/servers/${serial}/probe`, { method: 'POST', timeoutMs: patienceMs })

const everyBmcProbed = () => Promise.all(serials.map((serial) => probe(serial, clients[0])))

const endOfOrphans = () => orphansEnded(database.url, { leaseTtlMs, signal: patience() })

test('a killed controller’s sessions are ended although nobody has anything to do on those BMCs', async () => {
  expect(simulator.bmcs.filter(({ state }) => state.sessions > 0)).toHaveLength(serials.length)
  await controllers[0].kill()
  await endOfOrphans()
  expect(tooManySessions(simulator, { max: 1 })).toEqual([])
  await controllers[1].kill()
  ;[controllers[0], controllers[1]] = [await startProcess(settings[0]), await startProcess(settings[1])]
  await endOfOrphans()
  expect(tooManySessions(simulator, { max: 0 })).toEqual([])
})

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
})

/** Where every third job is cancelled: right after such an event. The others run to their end. */
const cancelledAfter = [
  'job.admission.succeeded',
  'redfish.discover.succeeded',
  'redfish.mount.maintenance.succeeded',
  'redfish.boot-override.succeeded',
  'redfish.reset.succeeded',
  'redfish.poll.succeeded',
] as const
/** On a busy machine a job may end before its cancellation arrives. */
const unlessEnded = (error: unknown) => {
  if (!(error instanceof ClientError && error.status === 409)) throw error
}
/** A hundred in `npm run test:sessions`. */
const jobsPerServer = Number(process.env['SESSION_TEST_JOBS_PER_SERVER'] ?? 2)
const jobsInAll = jobsPerServer * serials.length
/** After so many jobs a controller is killed, with others under way. */
const killsAfter: readonly number[] = [0.2, 0.45, 0.7].map((share) => Math.round(share * jobsInAll))

test('many jobs, a third of them cancelled, and three kills leave at most one session per controller', async () => {
  let most = 0
  let started = 0
  const ended = { succeeded: 0, cancelled: 0, failed: 0 }
  let killing: Promise<void> = Promise.resolve()
  const killOne = async () => {
    await controllers[1].kill()
    controllers[1] = await startProcess(settings[1])
    // The killed one's sessions may be there besides its successor's until its lease has run out and nobody writes.
    await endOfOrphans()
  }
  const runJobs = async (serial: string) => {
    for (let count = 0; count < jobsPerServer; count++) {
      const number = started++
      const jobId = await submit(clients[0], serial)
      if (number % 3 === 0) {
        const moment = cancelledAfter[(number / 3) % cancelledAfter.length]
        await follow(clients[0], jobId, (event) => event.type === moment || isComplete(event))
        await clients[0].request(`/api/v1/jobs/${jobId}/cancel`, { method: 'POST' }).catch(unlessEnded)
      }
      const { outcome } = await completed(clients[0], jobId)
      ended[outcome as keyof typeof ended]++
      if (killsAfter.includes(ended.succeeded + ended.cancelled + ended.failed)) {
        killing = killing.then(killOne)
        await killing
      }
    }
  }
  const look = setInterval(() => {
    most = Math.max(most, ...simulator.bmcs.map(({ state }) => state.sessions))
  }, 5)
  try {
    await Promise.all(serials.map(runJobs))
  } finally {
    clearInterval(look)
  }
  expect(ended.failed).toBeLessThanOrEqual(jobsInAll * 0.05)
  expect(ended.cancelled).toBeGreaterThanOrEqual(jobsInAll * 0.25)
  expect(most).toBeLessThanOrEqual(3)
  await endOfOrphans()
  expect(tooManySessions(simulator, { max: 2 })).toEqual([])
  await Promise.all(controllers.map((controller) => controller.stop()))
  expect(tooManySessions(simulator, { max: 0 })).toEqual([])
})
