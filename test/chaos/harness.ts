/**
 * The chaos harness: several controllers on one database, many jobs on BMCs that fail now and then, while a seeded
 * schedule kills (-9), pauses (SIGSTOP) and restarts controllers, restarts PostgreSQL, stops NATS and holds up appends. At
 * the end every job must have the outcome that its host's script implies, and every history, chain, reset and delivery must
 * be in order, with no session left open on any BMC. Read it first, then `schedule.ts` (what happens), `troubles.ts`
 * (how), `verify.ts` (what must hold).
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, ClientError, createClient, type RequestOptions } from '../../deploy/cli/client.ts'
import { type SimulatedBmc, startSimulator } from '../../redfish/simulator/server.ts'
import { orphansEnded, tooManySessions } from '../e2e/rig/open-sessions.ts'
import { startBalancer } from './balancer.ts'
import { startFleet } from './fleet.ts'
import { createSchedule, type ScheduleOptions, type Scripted, type Trouble } from './schedule.ts'
import { startServers } from './servers.ts'
import { createSubscriber } from './subscriber.ts'
import { makeTrouble, type Victims } from './troubles.ts'
import { type Ended, verify } from './verify.ts'

export type ChaosOptions = ScheduleOptions & {
  /** For everything that the run writes. */
  readonly folder: string
  /** Rounds of troubles: at least one, then as long as jobs are open, but no more than this. */
  readonly roundsMax: number
  /** The jobs are submitted spread over this time, so that troubles meet jobs at every step. */
  readonly spreadMs: number
  readonly leaseTtlMs: number
  /** How long a job waits for the report of its host; longer than all controllers can be away together. */
  readonly reportWaitMs: number
  /** Of the simulated BMCs and hosts. */
  readonly speed: number
  readonly signal: AbortSignal
  /** Hears what happens, a line each. */
  readonly say: (text: string) => void
}

export type ChaosReport = {
  /** What did not hold. */
  readonly faults: readonly string[]
  readonly kills: number
  readonly pauses: number
}

const recipePath = new URL('../../deploy/examples/recipes/linux.json', import.meta.url)
const requestTimeoutMs = 10_000
const [insistEveryMs, lookEveryMs] = [200, 1000] as const
/** As many as one answer of the API lists. */
const listedMax = 200

/** Runs until every job has ended and the round of troubles that was under way is over. Leaves nothing running. @throws on the signal. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const started: (() => Promise<void>)[] = []
  try {
    return await run(options, (end) => void started.push(end))
  } finally {
    for (const end of started.reverse()) await end()
  }
}

async function run(options: ChaosOptions, onEnd: (end: () => Promise<void>) => void): Promise<ChaosReport> {
  const { folder, say, signal } = options
  const schedule = createSchedule(options)
  const servers = await startServers(folder, signal)
  onEnd(servers.stop)
  const simulator = await startSimulator({
    speed: options.speed,
    random: schedule.faults,
    bmcs: schedule.hosts.map(({ bmc }) => bmc),
  })
  onEnd(simulator.close)
  let portsUp: () => readonly number[] = () => []
  const balancer = await startBalancer(() => portsUp())
  onEnd(balancer.close)
  const fleet = await startFleet({
    count: options.controllers,
    folder,
    settings: {
      PUBLIC_URL: balancer.url,
      DATABASE_URL: servers.postgresUrl,
      NATS_URL: servers.natsUrl,
      JOB_LEASE_TTL: `${options.leaseTtlMs}ms`,
      BUDGET_WEBHOOK_WAIT: `${options.reportWaitMs}ms`,
    },
    signal,
  })
  onEnd(fleet.stop)
  portsUp = fleet.portsUp
  const client = createClient({ url: balancer.url })
  const subscriber = createSubscriber(servers.natsUrl)
  const insist = insisting(client, signal)
  say(`seed ${options.seed}: ${options.jobs} jobs, each on a BMC of its own, ${options.controllers} controllers`)
  await Promise.all(simulator.bmcs.map((bmc) => register(insist, bmc)))
  for (const bmc of simulator.bmcs) addFaults(bmc)
  await subscriber.start()
  onEnd(subscriber.stop)

  const ended = new AbortController()
  const rounds = schedule.rounds().take(options.roundsMax)
  const troubles = troubleUntil(ended.signal, rounds, { fleet, servers, subscriber, say, signal })
  // Awaited below; what goes wrong before is no unhandled rejection.
  troubles.catch(() => {})
  const jobs = await Promise.all(
    schedule.hosts.map(async (scripted, index) => {
      await delay((index / options.jobs) * options.spreadMs, undefined, { signal })
      return submit(insist, scripted)
    }),
  )
  say('all jobs are submitted')
  await allComplete(insist, { say, signal })
  ended.abort()
  await troubles
  say('all jobs have ended and everything is up; verifying')
  const faults = await verify({
    client: { ...client, request: insist },
    jobs,
    simulator,
    databaseUrl: servers.postgresUrl,
    subscriber,
    signal,
    say,
  })
  await orphansEnded(servers.postgresUrl, { leaseTtlMs: options.leaseTtlMs, signal })
  faults.push(...tooManySessions(simulator, { max: options.controllers }))
  await fleet.stop()
  faults.push(...tooManySessions(simulator, { max: 0 }))
  return {
    faults: [...faults, ...fleet.crashed.map((index) => `controller ${index} ended by itself`)],
    kills: fleet.kills(),
    pauses: fleet.pauses(),
  }
}

/** A round that was begun is completed. */
async function troubleUntil(ended: AbortSignal, rounds: Iterable<readonly Trouble[]>, victims: Victims): Promise<void> {
  for (const round of rounds) {
    await makeTrouble(round, victims)
    if (ended.aborted) return
  }
}

type Insist = Client['request']

/** Repeats a request until somebody takes it: the site is in trouble all the time. */
function insisting(client: Client, signal: AbortSignal): Insist {
  return async <Answer>(path: string, options: RequestOptions = {}) => {
    for (;;) {
      try {
        return await client.request<Answer>(path, { timeoutMs: requestTimeoutMs, ...options })
      } catch (error) {
        signal.throwIfAborted()
        // A TypeError is an answer that broke off, and a SyntaxError one that did so without a word.
        const status = error instanceof ClientError ? error.status : null
        if (status !== null && status < 500 && status !== 429) throw error
        await delay(insistEveryMs, undefined, { signal })
      }
    }
  }
}

function register(insist: Insist, { serial, url, username, password }: SimulatedBmc): Promise<unknown> {
  const body = { bmc_address: url, bmc_username: username, bmc_password: password }
  return insist(`/api/v1/servers/${serial}`, { method: 'PUT', body })
}

const recipe: unknown = JSON.parse(await readFile(recipePath, 'utf8'))

async function submit(insist: Insist, { bmc: { serial }, outcome }: Scripted): Promise<Ended> {
  const { job_id: jobId } = await insist<{ job_id: string }>('/api/v1/jobs', {
    method: 'POST',
    body: { server_serial: serial, recipe },
    headers: { 'idempotency-key': `chaos-${serial}` },
  })
  return { jobId, serial, outcome }
}

/**
 * One request in twenty meets a fault. A refused login is none: it says that the password is wrong, which ends a job and
 * has to. And a second 401 in a row says so, too.
 */
function addFaults({ faults }: SimulatedBmc): void {
  const probability = 0.0094
  for (const status of [500, 503]) faults.add({ status, probability })
  for (const drop of ['before', 'after'] as const) faults.add({ drop, probability })
  faults.add({ delayMs: 300, probability })
  faults.add({ status: 429, headers: { 'retry-after': '1' }, probability: 0.002 })
  faults.add({ status: 401, path: /(?<!\/Sessions)$/, times: 1, probability: 0.01 })
}

async function allComplete(insist: Insist, { say, signal }: Pick<ChaosOptions, 'say' | 'signal'>): Promise<void> {
  for (;;) {
    const lists = await Promise.all(
      ['queued', 'provisioning', 'succeeded', 'failed'].map((status) =>
        insist<{ jobs: readonly unknown[] }>(`/api/v1/jobs?status=${status}&limit=${listedMax}`),
      ),
    )
    const open = lists.reduce((sum, { jobs }) => sum + jobs.length, 0)
    say(`${open} jobs are open`)
    if (open === 0) return
    await delay(lookEveryMs, undefined, { signal })
  }
}
