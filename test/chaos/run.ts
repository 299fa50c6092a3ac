/**
 * The chaos harness: several controllers on one database, many jobs on BMCs that fail now and then, while a seeded
 * schedule kills (-9), pauses (SIGSTOP) and restarts controllers, restarts PostgreSQL and stops NATS. At the end every job
 * must have the outcome that its host's script implies, every history, chain, reset and delivery must be in order, and no
 * session may be left open on any BMC.
 *
 *   npm run test:chaos -- [--seed 1] [--jobs 200] [--controllers 3] [--pause 40] [--outage 60]
 */
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createClient } from '../../deploy/cli/client.ts'
import { startNatsServer } from '../../deploy/nats-server.ts'
import { startPostgres } from '../../deploy/postgres.ts'
import { type BmcConfig, startSimulator } from '../../redfish/simulator/server.ts'
import { orphansEnded, tooManySessions } from '../e2e/open-sessions.ts'
import { freePort } from '../e2e/processes.ts'
import { startBalancer } from './balancer.ts'
import { leaseTtlMs, startFleet } from './fleet.ts'
import { seededRandom } from './random.ts'
import { createSubscriber } from './subscriber.ts'
import { verify } from './verify.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '200' },
    controllers: { type: 'string', default: '3' },
    pause: { type: 'string', default: '40' },
    outage: { type: 'string', default: '60' },
  },
})
const seed = Number(values.seed)
const jobCount = Number(values.jobs)
const pauseMs = Number(values.pause) * 1000
const outageMs = Number(values.outage) * 1000
const deadlineMs = 20 * 60_000
const random = seededRandom(seed)
const say = (text: string) =>
  void process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${text}\n`)
const startedAt = performance.now()

/** One in ten hosts fails in a unit, one in twenty never reports. */
function script(index: number): { readonly bmc: BmcConfig; readonly outcome: 'succeeded' | 'failed' } {
  const chance = random.next()
  const host = chance < 0.1 ? { failAt: 'image-linux.service' } : chance < 0.15 ? { silent: true } : {}
  const serial = `C${String(index + 1).padStart(4, '0')}`
  return {
    bmc: { serial, username: 'admin', password: `password-${serial}`, host: { stepDurationMs: 4000, ...host } },
    outcome: chance < 0.15 ? 'failed' : 'succeeded',
  }
}

const folder = await mkdtemp(join(tmpdir(), 'provisioner-chaos-'))
// PostgreSQL's unprivileged user must be able to enter when this runs as root.
await chmod(folder, 0o711)
const signal = AbortSignal.timeout(deadlineMs)
const [postgresPort, natsPort] = [await freePort(), await freePort()]
const postgresAt = () => startPostgres({ dataDir: join(folder, 'postgres'), port: postgresPort, signal })
const natsAt = () =>
  startNatsServer({ storeDir: join(folder, 'nats'), port: natsPort, packagesDir: resolve('.cache', 'debian'), signal })
let postgres = await postgresAt()
let nats = await natsAt()
if (!nats.running) throw new Error(nats.reason)

const scripts = Array.from({ length: jobCount }, (_, index) => script(index))
const simulator = await startSimulator({ speed: 20, random: random.next, bmcs: scripts.map(({ bmc }) => bmc) })
let portsUp: () => readonly number[] = () => []
const balancer = await startBalancer(() => portsUp())
const fleet = await startFleet({
  count: Number(values.controllers),
  folder,
  settings: { PUBLIC_URL: balancer.url, DATABASE_URL: postgres.url, NATS_URL: nats.url },
})
portsUp = fleet.portsUp
const client = createClient({ url: balancer.url })
const subscriber = createSubscriber(nats.url)

/** Repeats a request until somebody takes it: the site is in trouble all the time. */
const insist = async <Answer>(path: string, options: Parameters<typeof client.request>[1]): Promise<Answer> => {
  for (;;) {
    try {
      return await client.request<Answer>(path, { timeoutMs: 10_000, ...options })
    } catch (error) {
      signal.throwIfAborted()
      const status = (error as { status?: number | null }).status ?? null
      if (status !== null && status < 500 && status !== 429) throw error
      await delay(200, undefined, { signal })
    }
  }
}

say(`seed ${seed}: ${jobCount} jobs on ${jobCount} BMCs, ${values.controllers} controllers`)
const recipe = JSON.parse(await readFile(resolve('test/fixtures/recipes/linux.json'), 'utf8'))
for (const bmc of simulator.bmcs) {
  await insist(`/api/v1/servers/${bmc.serial}`, {
    method: 'PUT',
    body: { bmc_address: bmc.url, bmc_username: bmc.username, bmc_password: bmc.password },
  })
  for (const fault of [
    { status: 500 },
    { status: 503 },
    { drop: 'before' },
    { drop: 'after' },
    { delayMs: 300 },
  ] as const) {
    bmc.faults.add({ ...fault, probability: 0.0094 })
  }
  bmc.faults.add({ status: 429, headers: { 'retry-after': '1' }, probability: 0.002 })
  bmc.faults.add({ status: 401, probability: 0.001 })
}
await subscriber.start()

const chaos = new AbortController()
const troubles = (async () => {
  while (!chaos.signal.aborted) {
    const trouble = random.pick(['kill', 'kill', 'kill', 'pause', 'postgres', 'nats', 'subscriber'])
    const which = random.between(0, Number(values.controllers) - 1)
    say(`${trouble}${trouble === 'kill' || trouble === 'pause' ? ` controller ${which}` : ''}`)
    if (trouble === 'kill') await fleet.kill(which)
    if (trouble === 'pause') fleet.pause(which, pauseMs)
    if (trouble === 'postgres') {
      await postgres.stop()
      await delay(random.between(0, 2000))
      postgres = await postgresAt()
    }
    if (trouble === 'nats' && nats.running) {
      await nats.stop()
      await delay(outageMs * random.next())
      nats = await natsAt()
    }
    if (trouble === 'subscriber') {
      await subscriber.stop()
      await subscriber.start()
    }
    await delay(random.between(1000, 5000))
  }
})()

const jobs: { readonly jobId: string; readonly serial: string; readonly outcome: string }[] = []
for (const { bmc, outcome } of scripts) {
  const { job_id: jobId } = await insist<{ job_id: string }>('/api/v1/jobs', {
    method: 'POST',
    body: { server_serial: bmc.serial, recipe },
    headers: { 'idempotency-key': `chaos-${bmc.serial}` },
  })
  jobs.push({ jobId, serial: bmc.serial, outcome })
}
say('all jobs are submitted')
for (let open = jobCount; open > 0; ) {
  const { jobs: left } = await insist<{ jobs: readonly unknown[] }>('/api/v1/jobs?status=provisioning&limit=200', {})
  const finishing = await Promise.all(
    ['queued', 'succeeded', 'failed'].map((status) =>
      insist<{ jobs: readonly unknown[] }>(`/api/v1/jobs?status=${status}&limit=200`, {}),
    ),
  )
  open = left.length + finishing.reduce((sum, { jobs: some }) => sum + some.length, 0)
  say(`${open} jobs are open`)
  await delay(3000, undefined, { signal })
}
chaos.abort()
await troubles
say('all jobs have ended; verifying')
await fleet.settle()
const faults = await verify({ client, jobs, simulator, databaseUrl: postgres.url, subscriber, signal })
await orphansEnded(postgres.url, { leaseTtlMs, signal })
faults.push(...tooManySessions(simulator, { max: Number(values.controllers) }))
await fleet.stop()
faults.push(...tooManySessions(simulator, { max: 0 }))
say(`${fleet.kills()} kills, ${fleet.pauses()} pauses, ${fleet.crashes()} ended by themselves`)
await subscriber.stop()
await simulator.close()
await balancer.close()
await postgres.stop()
if (nats.running) await nats.stop()
await rm(folder, { recursive: true, force: true })
for (const fault of faults) say(`FAULT ${fault}`)
say(faults.length === 0 ? 'every guarantee held' : `${faults.length} fault(s); repeat with --seed ${seed}`)
process.exitCode = faults.length === 0 ? 0 : 1
