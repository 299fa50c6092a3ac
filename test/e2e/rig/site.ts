/**
 * A whole site for end-to-end tests: a controller on a database and a NATS server of its own, simulated servers, and
 * clients of the API. Only the hardware is simulated; waits for it are shortened.
 */
import { readFile, rm } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { expect } from 'vitest'
import { type Client, createClient } from '../../../deploy/cli/client.ts'
import { jobBody } from '../../../deploy/cli/job.ts'
import { replayJob } from '../../../deploy/cli/replay.ts'
import type { JobAnswer } from '../../../deploy/cli/watch.ts'
import { type Controller, startController } from '../../../deploy/controller/controller.ts'
import { createLog } from '../../../deploy/controller/log.ts'
import { readConfig } from '../../../deploy/settings/config.ts'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import { firstDivergence } from '../../../machines/history/what-if.ts'
import { viewJob } from '../../../machines/job/view.ts'
import { kinds } from '../../../machines/kinds.ts'
import { type BmcConfig, type SimulatedBmc, type Simulator, startSimulator } from '../../../redfish/simulator/server.ts'
import { freshNats } from '../../rig/nats.ts'
import { patience } from '../../rig/patience.ts'
import { freshDatabase } from '../../rig/postgres.ts'
import { quickRedfish } from './quick-redfish.ts'
import { storageFolder } from './storage.ts'

export const simulatorSpeed = 50
export const linuxRecipe = await readFile(
  new URL('../../../deploy/examples/recipes/linux.json', import.meta.url),
  'utf8',
)

export type Site = {
  readonly client: Client
  readonly controller: Controller
  readonly simulator: Simulator
  readonly folder: string
  /** Everything that the controller logged. */
  readonly log: () => string
  readonly stop: () => Promise<void>
}

export type SiteOptions = {
  readonly bmcs: readonly Partial<BmcConfig>[]
  /** Settings that differ from the defaults, by environment name. */
  readonly settings?: Readonly<Record<string, string>>
  readonly auth?: { readonly basic: string }
  readonly tls?: boolean
  readonly speed?: number
  /** PEM of what BMCs and hosts trust when they fetch images. */
  readonly trusted?: string
}

/** BMCs with serials `S1`, `S2`, ... and accounts of their own. */
export function bmcConfigs(bmcs: readonly Partial<BmcConfig>[]): BmcConfig[] {
  return bmcs.map((bmc, index) => ({
    serial: `S${index + 1}`,
    username: 'admin',
    password: `bmc-password-${index + 1}`,
    ...bmc,
    host: { stepDurationMs: 500, ...bmc.host },
  }))
}

export async function startSite({
  bmcs,
  settings = {},
  auth,
  tls = false,
  speed = simulatorSpeed,
  trusted,
}: SiteOptions): Promise<Site> {
  const folder = await storageFolder()
  const [database, nats] = await Promise.all([freshDatabase(), freshNats()])
  const simulator = await startSimulator({
    speed,
    tls,
    bmcs: bmcConfigs(bmcs),
    ...(trusted === undefined ? {} : { trusted }),
  })
  const lines: string[] = []
  const env = {
    STORAGE_ROOT: folder,
    HTTP_ADDR: '127.0.0.1:0',
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    REDFISH_MODE: 'http',
    ...settings,
  }
  const reading = readConfig({ env, flags: {}, readFile: () => '' })
  if (!reading.ok) throw new Error(reading.faults.join('\n'))
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const controller = await startController({
    config: reading.config,
    log: createLog({ level: 'debug', controller: 'e2e', destination }),
    controllerId: 'e2e',
    signal: patience(),
    redfishLimits: quickRedfish,
  })
  const client = createClient({ url: controller.url, ...auth })
  for (const bmc of simulator.bmcs) await register(client, bmc)
  return {
    client,
    controller,
    simulator,
    folder,
    log: () => lines.join(''),
    stop: async () => {
      await controller.stop()
      await simulator.close()
      await nats.stop()
      await database.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Trusts the BMC's own certificate, where it has one, unless told how to judge it. */
export async function register(client: Client, bmc: SimulatedBmc, tls?: object): Promise<void> {
  const trusted = bmc.certificate === null ? {} : { tls: { mode: 'ca', ca: bmc.certificate } }
  const body = {
    bmc_address: bmc.url,
    bmc_username: bmc.username,
    bmc_password: bmc.password,
    ...(tls === undefined ? trusted : { tls }),
  }
  await client.request(`/api/v1/servers/${bmc.serial}`, { method: 'PUT', body })
}

export async function submit(client: Client, serial: string, recipe = linuxRecipe): Promise<string> {
  const { job_id } = await client.request<{ job_id: string }>('/api/v1/jobs', {
    method: 'POST',
    body: jobBody(serial, recipe, undefined),
  })
  return job_id
}

/** Follows a job's history to the first event that `until` is true for. */
export async function follow(
  client: Client,
  jobId: string,
  until: (event: StoredEvent) => boolean,
): Promise<StoredEvent> {
  for await (const event of client.stream<StoredEvent>(`/api/v1/jobs/${jobId}/events?after_seq=0`, patience())) {
    if (until(event)) return event
  }
  throw new Error(`the event stream of job ${jobId} ended before the event that was waited for`)
}

export const isComplete = (event: StoredEvent) => event.state_to === 'complete'

export async function completed(client: Client, jobId: string): Promise<JobAnswer> {
  await follow(client, jobId, isComplete)
  return client.request<JobAnswer>(`/api/v1/jobs/${jobId}`)
}

/**
 * What holds for every job that ended, whatever its outcome: a history without gaps whose hashes hold, whose replay
 * gives the state that the live run gave; media out, no boot override left, and the server free again.
 */
export async function expectSoundEnd(
  client: Client,
  jobId: string,
  bmc: SimulatedBmc | null,
): Promise<readonly StoredEvent[]> {
  const { events, snapshot, fault } = await replayJob(client, jobId)
  expect(fault).toBeNull()
  expect(firstDivergence(kinds.job, events)).toBeNull()
  expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1))
  const live = await client.request<JobAnswer>(`/api/v1/jobs/${jobId}`)
  expect(live).toMatchObject(viewJob(snapshot))
  expect(live.status).toBe('complete')
  if (bmc !== null) {
    expect(Object.values(bmc.state.slots).filter(({ inserted }) => inserted)).toEqual([])
    expect(bmc.state.bootOverride.enabled).toBe('Disabled')
  }
  const server = await client.request<{ active_job: string | null }>(`/api/v1/servers/${live.server_serial}`)
  expect(server.active_job).toBeNull()
  return events
}
