/**
 * Counts what BMCs are asked in whole jobs: a real controller with its own database, two Linux jobs one after the other on
 * each simulated BMC, time `speed` times faster than real. The simulator counts; every wait is the client's default one.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Timing } from '../../../actors/timing.ts'
import { type Client, createClient } from '../../../deploy/cli/client.ts'
import { jobBody } from '../../../deploy/cli/job.ts'
import { startController } from '../../../deploy/controller/controller.ts'
import { createLog } from '../../../deploy/controller/log.ts'
import { readConfig } from '../../../deploy/settings/config.ts'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import { DEFAULT_LIMITS, type Limits } from '../../../redfish/client/options.ts'
import type { ProfileName } from '../../../redfish/simulator/profiles/catalogue.ts'
import { type SimulatedBmc, startSimulator } from '../../../redfish/simulator/server.ts'
import { baseKinds, makeBase } from '../../actors/media/rig/base-iso.ts'
import { startHttpsFront } from '../../rig/https-front.ts'
import { patienceMs } from '../../rig/patience.ts'

type JobRequests = {
  /** All of them in order, one a line, by what they are counted to. */
  readonly log: readonly string[]
  /** Up to and including the reset that was accepted; 0 where the job did not come so far. */
  readonly untilReset: number
  /** From there to the report. */
  readonly observing: number
  readonly observingPerMinute: number
  /** From the report to the end of the job. */
  readonly cleanup: number
  readonly outcome: string
  /** Of a job that failed. */
  readonly failedStep: string | null
}

export type ProfileRequests = {
  readonly profile: ProfileName
  readonly layout: string
  /** When the server was registered, login included: its session serves both jobs. */
  readonly probe: number
  readonly first: JobRequests
  readonly later: JobRequests
  /** In an hour in which nothing is asked of the server, from what came in the time that was waited. */
  readonly idleHour: number
}

export type MeasureOptions = {
  readonly databaseUrl: string
  readonly natsUrl: string
  readonly profiles: readonly ProfileName[]
  readonly recipe: string
  /** How much faster than real time simulated hosts and the waits for them are. */
  readonly speed: number
  /** How long servers are left alone, of real time. */
  readonly idleMs: number
}

/** Measures all profiles at once. @throws when a probe fails or a job does not end in time. */
export async function measureRequests(options: MeasureOptions): Promise<readonly ProfileRequests[]> {
  const { databaseUrl, natsUrl, profiles, speed, idleMs } = options
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-requests-'))
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    // Upstream OpenBMC and iRMC mount images over https only.
    const front = await startHttpsFront()
    ends.push(front.stop)
    const simulator = await startSimulator({
      speed,
      trusted: front.certificate,
      // No moods of firmware: what is counted is to be the same each time.
      random: () => 0.999,
      bmcs: profiles.map((profile) => ({ serial: profile, username: 'admin', password: 'bmc-password', profile })),
    })
    ends.push(simulator.close)
    const reading = readConfig({
      env: {
        STORAGE_ROOT: folder,
        HTTP_ADDR: '127.0.0.1:0',
        PUBLIC_URL: front.url,
        DATABASE_URL: databaseUrl,
        NATS_URL: natsUrl,
        REDFISH_MODE: 'http',
        REDFISH_SWITCH_ON_MEDIA: 'true',
      },
      flags: {},
      readFile: () => '',
    })
    if (!reading.ok) throw new Error(reading.faults.join('\n'))
    const controller = await startController({
      config: reading.config,
      log: createLog({ level: 'fatal', controller: 'bench', destination: process.stderr }),
      controllerId: 'bench',
      signal: AbortSignal.timeout(patienceMs),
      redfishLimits: accelerated(speed),
      timing: acceleratedTiming(speed),
    })
    ends.push(controller.stop)
    front.forwardTo(controller.url)
    // One that boots: task files are merged into no other.
    const base = await makeBase(folder, baseKinds['UEFI from CD and disk, the EFI image in a GPT of its own'])
    await copyFile(base, join(folder, 'images', 'maintenance.iso'))
    const client = createClient({ url: controller.url })
    const jobs = await Promise.all(simulator.bmcs.map((bmc) => measureJobs(client, bmc, options)))
    const before = simulator.bmcs.map(({ requests }) => requests.length)
    await delay(idleMs)
    return jobs.map((job, index) => {
      const came = (simulator.bmcs[index]?.requests.length ?? 0) - (before[index] ?? 0)
      return { ...job, profile: profiles[index] as ProfileName, idleHour: (came * 3_600_000) / idleMs }
    })
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

async function measureJobs(client: Client, bmc: SimulatedBmc, { recipe, speed }: MeasureOptions) {
  const { serial, url, username, password } = bmc
  const body = { bmc_address: url, bmc_username: username, bmc_password: password }
  await client.request(`/api/v1/servers/${serial}`, { method: 'PUT', body })
  const layout = await probed(client, serial)
  const probe = bmc.requests.length
  const run = async (): Promise<JobRequests> => {
    const from = bmc.requests.length
    const jobBodyText = jobBody(serial, recipe, undefined)
    const { job_id } = await client.request<{ job_id: string }>('/api/v1/jobs', { method: 'POST', body: jobBodyText })
    const { events, outcome, failedStep } = await ended(client, job_id)
    return { ...requestsOf(bmc.requests.slice(from), events, speed), outcome, failedStep }
  }
  const first = await run()
  return { layout, probe, first, later: await run() }
}

async function probed(client: Client, serial: string): Promise<string> {
  const signal = AbortSignal.timeout(patienceMs)
  for await (const event of client.stream<StoredEvent>(`/api/v1/servers/${serial}/events?after_seq=0`, signal)) {
    if (event.type === 'server.probe.failed') throw new Error(`${serial}: ${JSON.stringify(event.data)}`)
    if (event.type === 'server.probe.succeeded') {
      const { description } = event.data as { description: { layout: { kind: string } | null } }
      return description.layout?.kind ?? 'none'
    }
  }
  throw new Error(`the events of server ${serial} ended before its probe`)
}

async function ended(client: Client, jobId: string) {
  const events: StoredEvent[] = []
  const signal = AbortSignal.timeout(patienceMs)
  for await (const event of client.stream<StoredEvent>(`/api/v1/jobs/${jobId}/events?after_seq=0`, signal)) {
    events.push(event)
    if (event.state_to === 'complete') break
  }
  const job = await client.request<{ outcome: string; failed_step: string | null }>(`/api/v1/jobs/${jobId}`)
  return { events, outcome: job.outcome, failedStep: job.failed_step }
}

type Logged = SimulatedBmc['requests'][number]

function requestsOf(requests: readonly Logged[], events: readonly StoredEvent[], speed: number) {
  const isReset = ({ method, path, status }: Logged) =>
    method === 'POST' && /ComputerSystem\.Reset\/?$/i.test(path) && status !== null && status < 300
  const reset = requests.findIndex(isReset)
  const reported = events.find(({ type }) => type === 'report.received')?.at
  const cleanup = reported === undefined ? requests : requests.filter(({ at }) => at.toISOString() > reported)
  const observing = reset < 0 ? 0 : requests.length - cleanup.length - reset - 1
  const resetAt = requests[reset]?.at.getTime() ?? Number.NaN
  const minutes = ((Date.parse(reported ?? '') - resetAt) * speed) / 60_000
  const partOf = (index: number) =>
    index <= reset ? 'until reset' : index < requests.length - cleanup.length ? 'observing' : 'cleanup'
  return {
    log: requests.map(
      ({ at, method, path, status }, index) =>
        `${partOf(index)}: ${at.toISOString().slice(14, -1)} ${method} ${path} ${status}`,
    ),
    untilReset: reset + 1,
    observing,
    observingPerMinute: observing / minutes,
    cleanup: cleanup.length,
  }
}

const waits = [
  'confirmTimeoutMs',
  'confirmPollMs',
  'mediaSettleMs',
  'mediaLagMs',
  'ejectSettleMs',
  'mediaSwitchSettleMs',
  'statePauseMs',
  'stateConflictMs',
  'offPauseMs',
  'offRestMs',
  'powerPollMs',
  'taskPollMs',
  'gracefulTimeoutMs',
  'resetTimeoutMs',
  'resetLookMs',
] as const

/** The client's own waits, as much shorter as simulated hosts are quicker. What bounds requests stays. */
function accelerated(speed: number): Partial<Limits> {
  return Object.fromEntries(waits.map((name) => [name, DEFAULT_LIMITS[name] / speed]))
}

function acceleratedTiming(speed: number): Timing {
  return {
    now: () => performance.now() * speed,
    delay: async (delayMs, signal) => {
      await delay(delayMs / speed, undefined, { signal })
    },
  }
}
