/**
 * Two controllers on one database, and one of them stands still for longer than its leases (SIGSTOP). The other takes
 * over; when the first comes back, whatever it was doing is somebody else's, and every outcome it reports is refused.
 */
import { rm } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, createClient } from '../../deploy/cli/client.ts'
import { type Simulator, startSimulator } from '../../redfish/simulator/server.ts'
import { freshNats } from '../rig/nats.ts'
import { freshDatabase } from '../rig/postgres.ts'
import { type ControllerProcess, freePort, startProcess } from './rig/processes.ts'
import { bmcConfigs, completed, expectSoundEnd, follow, register, submit } from './rig/site.ts'
import { storageFolder } from './rig/storage.ts'

const jobsAtOnce = 6

let simulator: Simulator
let database: Awaited<ReturnType<typeof freshDatabase>>
let nats: Awaited<ReturnType<typeof freshNats>>
let folders: string[]
let client: Client
let steady: ControllerProcess
let paused: ControllerProcess

beforeAll(async () => {
  const [port, otherPort] = [await freePort(), await freePort()]
  folders = [await storageFolder(), await storageFolder()]
  ;[database, nats] = await Promise.all([freshDatabase(), freshNats()])
  simulator = await startSimulator({
    speed: 20,
    bmcs: bmcConfigs(Array.from({ length: jobsAtOnce }, () => ({ host: { stepDurationMs: 2000 } }))),
  })
  // Each has a storage of its own, so that a task ISO that the other one built is built again on demand.
  const settings = (own: number, folder: string | undefined) => ({
    STORAGE_ROOT: folder,
    HTTP_ADDR: `127.0.0.1:${own}`,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    SECRETS_KEY: Buffer.alloc(32, 7).toString('base64'),
    REDFISH_MODE: 'http',
    JOB_LEASE_TTL: '2s',
  })
  steady = await startProcess(settings(port, folders[0]))
  paused = await startProcess(settings(otherPort, folders[1]))
  client = createClient({ url: `http://127.0.0.1:${port}` })
  for (const bmc of simulator.bmcs) await register(client, bmc)
})

afterAll(async () => {
  paused.resume()
  await Promise.all([steady.stop(), paused.stop()])
  expect(simulator.bmcs.map(({ state }) => state.sessions)).toEqual(simulator.bmcs.map(() => 0))
  await simulator.close()
  await nats.stop()
  await database.drop()
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

test('jobs go on while one controller stands still, and nothing that it does afterwards counts', async () => {
  const jobs = await Promise.all(simulator.bmcs.map(async (bmc) => ({ bmc, jobId: await submit(client, bmc.serial) })))
  // Somewhere between the first mount and the reset, so that what the paused one holds matters.
  const [first] = jobs
  await follow(client, first?.jobId ?? '', ({ type }) => type === 'redfish.mount.maintenance.succeeded')
  paused.pause()
  const ended = await Promise.all(jobs.map(({ jobId }) => completed(client, jobId)))
  paused.resume()

  expect(ended.map(({ outcome, cleanup }) => [outcome, cleanup])).toEqual(jobs.map(() => ['succeeded', 'clean']))
  const performers = new Set<string>()
  for (const { jobId, bmc } of jobs) {
    const events = await expectSoundEnd(client, jobId, bmc)
    expect(bmc.hostBoots.filter(({ from }) => from === 'cd')).toHaveLength(1)
    for (const { actor } of events) if (actor.startsWith('controller:')) performers.add(actor)
  }
  expect(performers).toEqual(new Set([`controller:e2e-${steady.pid}`, `controller:e2e-${paused.pid}`]))

  // The one that came back works on.
  const again = await submit(client, 'S1')
  expect(await completed(client, again)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
})
