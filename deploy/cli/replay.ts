/** `provisioner replay JOB`: a job's history, stepped through this version's machine and checked against what was recorded. */
import type { Command } from 'commander'
import type { StoredEvent } from '../../eventstore/event.ts'
import { Chain } from '../../eventstore/verify.ts'
import { viewJob } from '../../machines/job/view.ts'
import { jobStream, kinds, type SnapshotOf } from '../../machines/kinds.ts'
import type { Client } from './client.ts'
import { bad, dim, good, heading, output } from './output.ts'

export type Replayed = {
  readonly events: readonly StoredEvent[]
  readonly snapshot: SnapshotOf['job']
  /** The first thing wrong with the history; null when nothing is. */
  readonly fault: string | null
}

/** Fetches a job's history and folds it, verifying every version, hash and recorded state on the way. */
export async function replayJob(client: Client, jobId: string, upTo = Number.POSITIVE_INFINITY): Promise<Replayed> {
  const answer = await client.request<{ events: readonly StoredEvent[] }>(
    `/api/v1/jobs/${encodeURIComponent(jobId)}/events`,
  )
  const events = answer.events.filter(({ version }) => version <= upTo)
  const [first, ...later] = events
  if (first === undefined) throw new Error(`job ${jobId} has no events up to ${upTo}`)
  const chain = new Chain(jobStream(jobId))
  const { evolve } = kinds.job
  let snapshot = evolve.start(first).snapshot
  let fault = chain.check(first)
  for (const event of later) {
    fault ??= chain.check(event)
    snapshot = evolve.next(snapshot, event).snapshot
  }
  return { events, snapshot, fault }
}

export function replayCommand(program: Command, client: () => Client, isJson: () => boolean): void {
  program
    .command('replay')
    .description("fold a job's history through this version's machine, and check it")
    .argument('<job>')
    .option('--at <seq>', 'only up to this event', Number)
    .action(async (jobId: string, options: { at?: number }) => {
      const { events, snapshot, fault } = await replayJob(client(), jobId, options.at)
      if (isJson()) output.json({ state: viewJob(snapshot), fault })
      else {
        output.table([
          heading('SEQ', 'AT', 'EVENT', 'STATE', 'BY'),
          ...events.map((event) => [String(event.version), event.at, event.type, event.state_to, dim(event.actor)]),
        ])
        output.line()
        output.json(viewJob(snapshot))
        output.line(
          fault === null
            ? good(`${events.length} events replay to the states that were recorded; hashes hold`)
            : bad(fault),
        )
      }
      if (fault !== null) process.exitCode = 1
    })
}
