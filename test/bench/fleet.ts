/**
 * What a fleet costs its controller: one job on each of many simulated BMCs, which take 20 ms for an answer, all submitted
 * at once through the HTTP API to one `provisioner serve` in a process of its own, on PostgreSQL and NATS of their own.
 * BMCs, hosts and whoever submits are other processes. One round for each size: there is no peer to take turns with, and what
 * counts is how the cost of a job changes with the number of jobs. Linux only: it reads /proc, and every host has an address.
 *
 *   npm run bench:fleet [-- --json] [--jobs 100,1000,3500] [--concurrency 4000] [--profile FOLDER] [--statements]
 */
import { mkdtemp } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import postgres from 'postgres'
import { startNatsServer } from '../../deploy/local/nats-server.ts'
import { withDatabase } from './database.ts'
import { startController } from './fleet/controller.ts'
import { allComplete, type Course, courseOf, registerAll, submitAll } from './fleet/jobs.ts'
import { startSimulators } from './fleet/simulators.ts'
import { countStatements, statementSettings, statementsByCalls } from './fleet/statements.ts'
import { numberFlag, numbersFlag, print, progress, shown, textFlag } from './report.ts'

const sizes = numbersFlag('jobs', [100, 1000, 3500])
/** Effects under way at once: what waits for its BMC costs next to nothing. */
const concurrency = numberFlag('concurrency', 4000)
const profileDir = textFlag('profile')
const showsStatements = process.argv.includes('--statements')
const startTimeoutMs = 60_000
const endTimeoutMs = (jobs: number) => 120_000 + jobs * 125

type Round = Course & {
  readonly jobs: number
  readonly cpuMsPerJob: number
  readonly rssPeakBytes: number
  readonly rssBytesPerJob: number
  readonly bmcRequestsPerJob: number
  readonly statementsPerEvent: number
}

async function run(jobs: number): Promise<Round> {
  return withDatabase(async (databaseUrl, folder) => {
    const ends: (() => Promise<unknown>)[] = []
    try {
      const nats = await startNatsServer({
        storeDir: await mkdtemp(join(folder, 'nats-')),
        packagesDir: resolve(import.meta.dirname, '../../.cache/debian'),
        signal: AbortSignal.timeout(startTimeoutMs),
      })
      if (!nats.running) throw new Error(nats.reason)
      ends.push(nats.stop)
      const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
      ends.push(() => sql.end({ timeout: 5 }))
      const simulators = await startSimulators(jobs)
      ends.push(simulators.stop)
      const controller = await startController({
        folder: await mkdtemp(join(folder, 'controller-')),
        settings: {
          DATABASE_URL: databaseUrl,
          NATS_URL: nats.url,
          REDFISH_MODE: 'http',
          WORKER_CONCURRENCY: String(concurrency),
        },
        profileDir,
      })
      ends.push(controller.stop)
      await registerAll(controller.url, simulators.bmcs)
      progress(`${jobs} servers are registered`)

      await countStatements(sql)
      const before = await controller.usage()
      await submitAll(controller.url, simulators.bmcs)
      progress(`${jobs} jobs are submitted`)
      await allComplete(sql, { count: jobs, timeoutMs: endTimeoutMs(jobs) })
      const after = await controller.usage()
      const statements = await statementsByCalls(sql)
      const course = await courseOf(sql)
      progress(`${jobs} jobs are complete after ${shown(course.completeSeconds)} s`)
      if (showsStatements)
        for (const { calls, milliseconds, query } of statements.slice(0, 25))
          progress(
            `${shown(calls / course.events)} per event, ${shown(milliseconds)} ms: ${query.replace(/\s+/g, ' ').slice(0, 160)}`,
          )
      return {
        ...course,
        jobs,
        cpuMsPerJob: ((after.cpuSeconds - before.cpuSeconds) * 1000) / jobs,
        rssPeakBytes: after.rssPeakBytes,
        rssBytesPerJob: (after.rssPeakBytes - before.rssBytes) / jobs,
        bmcRequestsPerJob: (await simulators.requests()) / jobs,
        statementsPerEvent: statements.reduce((sum, { calls }) => sum + calls, 0) / course.events,
      }
    } finally {
      for (const end of ends.reverse()) await end()
    }
  }, statementSettings)
}

const rounds = new Map<number, Round>()
for (const jobs of sizes) rounds.set(jobs, await run(jobs))

const megabytes = (bytes: number) => bytes / 1024 ** 2
const columns: readonly (readonly [string, string, (round: Round) => number])[] = [
  ['all reset s', 'all_reset_s', ({ resetSeconds }) => resetSeconds],
  ['complete s', 'all_complete_s', ({ completeSeconds }) => completeSeconds],
  ['in flight', 'in_flight_max', ({ inFlightMax }) => inFlightMax],
  ['CPU ms/job', 'cpu_ms_per_job', ({ cpuMsPerJob }) => cpuMsPerJob],
  ['peak RSS MiB', 'rss_peak_mib', ({ rssPeakBytes }) => megabytes(rssPeakBytes)],
  ['KiB/job', 'rss_kib_per_job', ({ rssBytesPerJob }) => rssBytesPerJob / 1024],
  ['BMC requests/job', 'bmc_requests_per_job', ({ bmcRequestsPerJob }) => bmcRequestsPerJob],
  ['events/job', 'events_per_job', ({ events, jobs }) => events / jobs],
  ['SQL/event', 'sql_statements_per_event', ({ statementsPerEvent }) => statementsPerEvent],
]

const figures: Record<string, number> = {}
for (const [jobs, round] of rounds) for (const [, name, figure] of columns) figures[`${jobs}.${name}`] = figure(round)

/** What a job costs in the largest fleet against the smallest: 1 where the cost grows with the fleet and no faster. */
const [smallest, largest] = [Math.min(...sizes), Math.max(...sizes)]
const growth = (name: string) =>
  (figures[`${largest}.${name}`] ?? Number.NaN) / (figures[`${smallest}.${name}`] ?? Number.NaN)
const ratios =
  smallest === largest
    ? {}
    : Object.fromEntries(
        ['cpu_ms_per_job', 'rss_kib_per_job', 'bmc_requests_per_job', 'sql_statements_per_event'].map((name) => [
          `${name}.${largest}/${smallest}`,
          growth(name),
        ]),
      )
print({ bench: 'fleet', figures, ratios }, [
  ['jobs', ...columns.map(([heading]) => heading)],
  ...[...rounds].map(([jobs, round]) => [String(jobs), ...columns.map(([, , figure]) => shown(figure(round)))]),
])
