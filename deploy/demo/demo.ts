/**
 * `npm run demo`: one whole Linux job on real PostgreSQL, NATS and HTTP, with a simulated server whose host reads both media.
 * Everything lives in a folder of its own that is removed at the end.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { destination } from 'pino'
import { buildIso } from '../../actors/media/task-iso.ts'
import { maintenanceIsoName } from '../../actors/media/task-media.ts'
import { type SimulatedBmc, startSimulator } from '../../redfish/simulator/server.ts'
import { type Client, createClient } from '../cli/client.ts'
import { jobBody, showEnd } from '../cli/job.ts'
import { bad, bold, dim, good, output, warn } from '../cli/output.ts'
import { replayJob } from '../cli/replay.ts'
import { type JobAnswer, watchJob } from '../cli/watch.ts'
import { type Controller, startController } from '../controller/controller.ts'
import { createLog } from '../controller/log.ts'
import { readConfig } from '../settings/config.ts'
import { type Subscriber, subscribe } from './subscriber.ts'

const serial = 'DEMO-0001'
const recipePath = new URL('../examples/recipes/linux.json', import.meta.url)
/** The simulated server is so many times faster than real hardware. */
const speed = 3
const jobTimeoutMs = 5 * 60_000
const startTimeoutMs = 5 * 60_000
const broadcastTimeoutMs = 15_000

/** @returns the exit code: 0 when the job succeeded, its history holds and NATS delivered all events. */
export async function demo({ keep }: { readonly keep: boolean }): Promise<number> {
  const startedAt = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-demo-'))
  // When this runs as root, PostgreSQL's unprivileged user must be able to enter the folder.
  await chmod(folder, 0o711)
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    output.line(bold('Starting a controller, a simulated server, PostgreSQL and NATS'))
    const controller = await startDemoController(folder, keep)
    ends.push(controller.stop)
    const simulator = await startSimulator({
      speed,
      bmcs: [{ serial, username: 'admin', password: randomBytes(12).toString('hex') }],
    })
    ends.push(simulator.close)
    output.line(`  controller ${controller.url}, BMC ${simulator.bmc(serial).url}, ${natsText(controller)}`)
    output.line(dim(`  up after ${seconds(startedAt)}`))

    const client = createClient({ url: controller.url })
    const subscriber = controller.nats.url === null ? null : await subscribe(controller.nats.url)
    if (subscriber) ends.push(subscriber.close)
    const { passed, job } = await runJob(client, simulator.bmc(serial), subscriber)
    printNext(job, keep)
    output.line(dim(`\ndone after ${seconds(startedAt)}`))
    if (keep) await leaveRunning()
    return passed ? 0 : 1
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

async function startDemoController(folder: string, keep: boolean): Promise<Controller> {
  const flags = {
    'storage-root': folder,
    // With --keep it listens on the default address of the command line.
    'http-addr': keep ? '127.0.0.1:8080' : '127.0.0.1:0',
    'redfish-mode': 'http',
    'log-level': 'info',
  }
  const reading = readConfig({ env: {}, flags, readFile: () => '' })
  if (!reading.ok) throw new Error(`the demonstration's settings are wrong: ${reading.faults.join('; ')}`)
  await mkdir(reading.config.imageDir, { recursive: true })
  await writeFile(join(reading.config.imageDir, maintenanceIsoName), standInForTheMaintenanceIso())
  const log = createLog({
    level: reading.config.logLevel,
    controller: 'demo',
    destination: destination({ dest: join(folder, 'controller.log'), sync: true }),
  })
  return startController({
    config: reading.config,
    log,
    controllerId: 'demo',
    signal: AbortSignal.timeout(startTimeoutMs),
    onProgress: (message) => output.line(dim(`  ${message}`)),
    redfishLimits: { confirmPollMs: 200, powerPollMs: 200, taskPollMs: 200, offPauseMs: 1000 },
  })
}

/** The simulated host reads its boot medium but runs no kernel, so any ISO will do. */
function standInForTheMaintenanceIso(): Uint8Array {
  const text = 'A simulated host boots from this medium as real ones do from the maintenance ISO.\n'
  return buildIso({
    volumeId: 'MAINTENANCE',
    timestamp: new Date(0),
    files: [{ path: '/readme.txt', bytes: Buffer.from(text) }],
  })
}

async function runJob(client: Client, bmc: SimulatedBmc, subscriber: Subscriber | null) {
  output.line(`\n${bold('Registering')} ${serial} ${dim('PUT /api/v1/servers/DEMO-0001')}`)
  const registration = { bmc_address: bmc.url, bmc_username: bmc.username, bmc_password: bmc.password }
  await client.request(`/api/v1/servers/${serial}`, { method: 'PUT', body: registration })

  output.line(`${bold('Submitting')} deploy/examples/recipes/linux.json ${dim('POST /api/v1/jobs')}\n`)
  const body = jobBody(serial, await readFile(recipePath, 'utf8'), undefined)
  const { job_id: jobId } = await client.request<{ job_id: string }>('/api/v1/jobs', { method: 'POST', body })
  const ended = await watchJob(client, jobId, AbortSignal.timeout(jobTimeoutMs))
  output.line()
  showEnd(ended)

  const replayed = await replayJob(client, jobId)
  output.line(
    replayed.fault === null
      ? good(`history: ${replayed.events.length} events, hashes hold, replay gives the same states`)
      : bad(`history: ${replayed.fault}`),
  )
  const heard = subscriber === null ? null : await subscriber.heard(jobId, replayed.events.length, broadcastTimeoutMs)
  const complete = heard === null || heard === replayed.events.length
  if (heard === null)
    output.line(warn('NATS: broadcasting waits for a server; nothing is lost, the log keeps every event'))
  else
    output.line(
      (complete ? good : bad)(`NATS: the subscriber received ${heard} of the job's ${replayed.events.length} events`),
    )
  const succeeded = ended.outcome === 'succeeded' && ended.status === 'complete'
  return { job: ended, passed: succeeded && replayed.fault === null && complete }
}

/** Prints commands to try; they need the controller of --keep. */
function printNext(job: JobAnswer, keep: boolean): void {
  output.line(`\n${bold('To try next')}`)
  if (!keep)
    output.line(
      `  npm run demo -- --keep                          ${dim('leaves it running; then, in another terminal:')}`,
    )
  output.line('  npm run provisioner -- job list')
  output.line(`  npm run provisioner -- server probe ${serial}`)
  if (keep) output.line(`  npm run provisioner -- replay ${job.job_id}`)
}

async function leaveRunning(): Promise<void> {
  output.line('\nLeft running; Ctrl-C ends it.')
  const ended = new AbortController()
  await Promise.race([
    once(process, 'SIGINT', { signal: ended.signal }),
    once(process, 'SIGTERM', { signal: ended.signal }),
  ])
  ended.abort()
}

function natsText({ nats }: Controller): string {
  return nats.url === null ? `no NATS (${nats.reason})` : `NATS ${new URL(nats.url).host}`
}

function seconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`
}
