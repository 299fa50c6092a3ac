/** The load: every server registered, then one job for each, all at once, through the HTTP API; and the wait for their ends. */
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type postgres from 'postgres'
import { Agent, request } from 'undici'
import { jobBody } from '../../../deploy/cli/job.ts'
import type { Reachable } from './simulators-process.ts'

const requestTimeoutMs = 120_000
/** Below the controller's limit of requests per address and minute. */
const requestsPerAddress = 500
const connectionsPerAddress = 16
const lookEveryMs = 500

export async function registerAll(url: string, bmcs: readonly Reachable[]): Promise<void> {
  await sendAll(
    bmcs.map(({ serial, url: address, username, password }) => ({
      method: 'PUT',
      url: `${url}/api/v1/servers/${serial}`,
      body: JSON.stringify({ bmc_address: address, bmc_username: username, bmc_password: password }),
    })),
    '127.2.0',
  )
}

/** Submits a job for each server and resolves when all were taken. */
export async function submitAll(url: string, bmcs: readonly Reachable[]): Promise<void> {
  const recipe = await readFile(new URL('../../../deploy/examples/recipes/linux.json', import.meta.url), 'utf8')
  await sendAll(
    bmcs.map(({ serial }) => ({ method: 'POST', url: `${url}/api/v1/jobs`, body: jobBody(serial, recipe, undefined) })),
    '127.2.1',
  )
}

type Sent = { readonly method: 'PUT' | 'POST'; readonly url: string; readonly body: string }

/** Sends all of them, from as many addresses of a network as it takes. @throws for an answer that is no 2xx. */
async function sendAll(requests: readonly Sent[], network: string): Promise<void> {
  const agents = Array.from({ length: Math.ceil(requests.length / requestsPerAddress) }, (_, index) => {
    return new Agent({ connections: connectionsPerAddress, localAddress: `${network}.${index + 1}` })
  })
  try {
    await Promise.all(
      requests.map(async ({ method, url, body }, index) => {
        const dispatcher = agents[Math.floor(index / requestsPerAddress)]
        const answer = await request(url, {
          method,
          body,
          headers: { 'content-type': 'application/json' },
          signal: AbortSignal.timeout(requestTimeoutMs),
          ...(dispatcher === undefined ? {} : { dispatcher }),
        })
        const text = await answer.body.text()
        if (answer.statusCode >= 300) throw new Error(`${method} ${url} was answered ${answer.statusCode}: ${text}`)
      }),
    )
  } finally {
    await Promise.all(agents.map((agent) => agent.close()))
  }
}

/**
 * Resolves when all jobs are complete and have succeeded. It looks at the read model and leaves the controller alone.
 * @throws after `timeoutMs`, or when one did not succeed, saying how many jobs are in what state.
 */
export async function allComplete(
  sql: postgres.Sql,
  { count, timeoutMs }: { readonly count: number; readonly timeoutMs: number },
): Promise<void> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const states = await sql<{ state: string; outcome: string | null; jobs: number }[]>`
      select view ->> 'state' as state, outcome, count(*)::int as jobs from jobs group by 1, outcome order by jobs desc`
    const ended = states.filter(({ state }) => state === 'complete').reduce((sum, { jobs }) => sum + jobs, 0)
    const told = () =>
      states.map(({ state, outcome, jobs }) => `${jobs} ${state} (${outcome ?? 'under way'})`).join(', ')
    if (ended === count) {
      if (states.length > 1) throw new Error(`all ${count} jobs ended, not all as they should: ${told()}`)
      return
    }
    if (performance.now() > until) throw new Error(`${count - ended} of ${count} jobs did not end in time: ${told()}`)
    await delay(lookEveryMs)
  }
}

export type Course = {
  /** Seconds from the first request that was taken until the last host was reset, and until the last job was complete. */
  readonly resetSeconds: number
  readonly completeSeconds: number
  readonly events: number
  /** The most jobs that were under way at one time. */
  readonly inFlightMax: number
}

/** How it went, by the log. */
export async function courseOf(sql: postgres.Sql): Promise<Course> {
  const [course] = await sql<Course[]>`
    with jobs as (select * from events where machine = 'job'),
    changes as (
      select at, position, 1 as change from jobs where version = 1
      union all select at, position, -1 from jobs where state_to = 'complete' and state_from <> 'complete'
    ), under_way as (select sum(change) over (order by at, position) as jobs from changes)
    select
      extract(epoch from max(at) filter (where type = 'redfish.reset.succeeded') - min(at))::float8 as "resetSeconds",
      extract(epoch from max(at) filter (where state_to = 'complete' and state_from <> 'complete') - min(at))::float8
        as "completeSeconds",
      (select count(*)::int from events where at >= (select min(at) from jobs)) as events,
      (select max(jobs)::int from under_way) as "inFlightMax"
    from jobs`
  if (course === undefined) throw new Error('the log is empty')
  return course
}
