/** What must hold at the end of a chaos run. Answers what does not. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '../../deploy/cli/client.ts'
import { replayJob } from '../../deploy/cli/replay.ts'
import type { JobAnswer } from '../../deploy/cli/watch.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { connect } from '../../eventstore/postgres/database.ts'
import { verifyLog } from '../../eventstore/upkeep/verify.ts'
import type { SimulatedBmc, Simulator } from '../../redfish/simulator/server.ts'
import { patience } from '../rig/patience.ts'
import type { Received, Subscriber } from './subscriber.ts'

/** A job, and the outcome that its host's script implies. */
export type Ended = { readonly jobId: string; readonly serial: string; readonly outcome: string }

export type Verified = {
  readonly client: Client
  readonly jobs: readonly Ended[]
  readonly simulator: Simulator
  readonly databaseUrl: string
  readonly subscriber: Subscriber
  readonly signal: AbortSignal
  /** Hears the evidence of what does not hold, a line each. */
  readonly say: (text: string) => void
}

export async function verify({
  client,
  jobs,
  simulator,
  databaseUrl,
  subscriber,
  signal,
  say,
}: Verified): Promise<string[]> {
  const faults: string[] = []
  for (const ended of jobs) {
    const { events, ...found } = await verifyJob(ended, client, simulator.bmc(ended.serial))
    faults.push(...found.faults)
    if (found.faults.length > 0) for (const line of evidence(events, simulator.bmc(ended.serial))) say(line)
  }
  const connections = connect({ url: databaseUrl, statementTimeoutMs: 0 })
  let lengths: ReadonlyMap<string, number>
  try {
    const audit = await verifyLog(connections.db, { signal })
    for (const { stream, version, reason } of audit.faults) faults.push(`${stream} event ${version}: ${reason}`)
    const streams = await connections.raw<
      { stream: string; length: number }[]
    >`select stream, count(*)::int as length from events group by stream`
    lengths = new Map(streams.map(({ stream, length }) => [stream, length]))
  } finally {
    await connections.close()
  }
  return [...faults, ...(await deliveries(subscriber, lengths, signal))]
}

async function verifyJob(
  { jobId, serial, outcome }: Ended,
  client: Client,
  bmc: SimulatedBmc,
): Promise<{ readonly faults: readonly string[]; readonly events: readonly StoredEvent[] }> {
  const faults: string[] = []
  const job = await client.request<JobAnswer>(`/api/v1/jobs/${jobId}`)
  if (job.outcome !== outcome)
    faults.push(
      `ended ${job.outcome} at ${job.failed_step}, its host's script implies ${outcome}: ${job.failure?.message ?? ''}`,
    )
  if (job.cleanup !== 'clean') faults.push(`left a ${job.cleanup} cleanup`)
  const { events, fault } = await replayJob(client, jobId)
  if (fault !== null) faults.push(fault)
  faults.push(...resetFaults(bmc, events))
  const fromCd = bmc.hostBoots.filter(({ from }) => from === 'cd').length
  if (fromCd > 1) faults.push(`the host booted from CD ${fromCd} times`)
  const mounted = Object.entries(bmc.state.slots).filter(([, { inserted }]) => inserted)
  for (const [slot] of mounted) faults.push(`${slot} still holds a medium`)
  return { faults: faults.map((text) => `job ${jobId} of ${serial}: ${text}`), events }
}

/** What was recorded, and what the BMC was sent and may have acted on, by time. */
function evidence(events: readonly StoredEvent[], bmc: SimulatedBmc): readonly string[] {
  const recorded = events.map(({ at, type, actor }) => ({ at, line: `${type} by ${actor}` }))
  const sent = bmc.requests
    .filter(({ method }) => method !== 'GET')
    .map(({ at, method, path, status }) => ({ at: at.toISOString(), line: `    ${method} ${path}: ${status}` }))
  return [...recorded, ...sent]
    .sort((one, other) => one.at.localeCompare(other.at))
    .map(({ at, line }) => `${bmc.serial}  ${at}  ${line}`)
}

/** The resets that restart a host; that cleanup switches one off and on again is not announced. */
const restarts: readonly string[] = ['GracefulRestart', 'ForceRestart', 'PowerCycle']

/** A host is not restarted more often than its history says, in any way of doing so. */
function resetFaults(bmc: SimulatedBmc, events: readonly StoredEvent[]): readonly string[] {
  const announced = events.flatMap(({ type, data }) =>
    type === 'redfish.reset.requested' ? [(data as { readonly reset_type: string }).reset_type] : [],
  )
  return restarts.flatMap((restart) => {
    const done = bmc.resets.filter(({ resetType }) => resetType === restart).length
    const said = announced.filter((type) => type === restart).length
    return done > said ? [`${done} times ${restart}, of which ${said} were announced`] : []
  })
}

/** Every event of every stream once and in order, to a subscriber that was away in between. */
async function deliveries(
  subscriber: Subscriber,
  lengths: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<string[]> {
  const expected = [...lengths.values()].reduce((sum, length) => sum + length, 0)
  const limit = AbortSignal.any([signal, patience()])
  while (subscriber.received.length < expected && !limit.aborted) await delay(200)
  return [...lengths].flatMap(([stream, length]) => orderFault(stream, length, subscriber.received))
}

function orderFault(stream: string, length: number, received: readonly Received[]): string[] {
  const versions = received.filter((event) => event.stream === stream).map(({ version }) => version)
  const wanted = Array.from({ length }, (_, index) => index + 1)
  return versions.join() === wanted.join()
    ? []
    : [`the subscriber got ${stream} as ${versions.join()}, stored are 1 to ${length}`]
}
