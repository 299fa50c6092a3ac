/**
 * What bodies without end and 100 MB of JSON cost the controller in memory, measured on the process: its peak while all
 * of them pour at once, over what it had after the first of each.
 */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, createClient } from '../../../deploy/cli/client.ts'
import { type Simulator, startSimulator } from '../../../redfish/simulator/server.ts'
import { freshNats } from '../../rig/nats.ts'
import { freshDatabase } from '../../rig/postgres.ts'
import { type ControllerProcess, freePort, startProcess } from '../rig/processes.ts'
import { bmcConfigs, completed, submit } from '../rig/site.ts'
import { storageFolder } from '../rig/storage.ts'
import { endlessBody, type HostileBmc, hugeJson, startHostileBmc } from './bmc.ts'

const growthMaxBytes = 64 * 1024 * 1024
/** Two for the warm-up, the others at once. */
const hostilities = [endlessBody, hugeJson, ...Array.from({ length: 8 }, (_, n) => (n % 2 ? endlessBody : hugeJson))]

let simulator: Simulator
let database: Awaited<ReturnType<typeof freshDatabase>>
let nats: Awaited<ReturnType<typeof freshNats>>
let folder: string
let controller: ControllerProcess
let client: Client
const bmcs: HostileBmc[] = []

beforeAll(async () => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  folder = await storageFolder()
  ;[database, nats] = await Promise.all([freshDatabase(), freshNats()])
  simulator = await startSimulator({ speed: 50, bmcs: bmcConfigs(hostilities.map(() => ({}))) })
  client = createClient({ url })
  controller = await startProcess({
    STORAGE_ROOT: folder,
    HTTP_ADDR: `127.0.0.1:${port}`,
    PUBLIC_URL: url,
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    REDFISH_MODE: 'http',
  })
})

afterAll(async () => {
  await controller.stop()
  for (const bmc of bmcs) await bmc.close()
  await simulator.close()
  await nats.stop()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

/** A line of `/proc/PID/status` in bytes: `VmRSS` is what the process has now, `VmHWM` its peak. */
async function memory(name: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${controller.pid}/status`, 'utf8')
  const [, kib] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status) ?? []
  if (kib === undefined) throw new Error(`no ${name} in the status of the controller`)
  return Number(kib) * 1024
}

/** Registers them (a probe follows) and runs a job on each, all at once. */
async function failAll(from: number, to: number): Promise<void> {
  const jobs = await Promise.all(
    simulator.bmcs.slice(from, to).map(async (bmc, index) => {
      const hostility = hostilities[from + index] ?? endlessBody
      const hostile = await startHostileBmc({ bmc, hostility, turns: 'at once', elsewhere: 'http://elsewhere.invalid' })
      bmcs.push(hostile)
      const body = { bmc_address: hostile.url, bmc_username: bmc.username, bmc_password: bmc.password }
      await client.request(`/api/v1/servers/${bmc.serial}`, { method: 'PUT', body })
      return submit(client, bmc.serial)
    }),
  )
  for (const jobId of jobs) {
    expect(await completed(client, jobId)).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'malformed', message: expect.stringContaining('more than 1048576 bytes') },
    })
  }
}

test.skipIf(process.platform !== 'linux')('bodies without end leave the memory of the controller bounded', async () => {
  await failAll(0, 2)
  const before = await memory('VmRSS')
  // Takes the peak back to what the process has now (proc_pid_clear_refs(5)).
  await writeFile(`/proc/${controller.pid}/clear_refs`, '5')
  await failAll(2, hostilities.length)
  const peak = await memory('VmHWM')
  expect(peak - before).toBeLessThan(growthMaxBytes)
})
