/** `provisioner replay JOB`: steps through a job's history with this version's machine and compares each recorded state. */
import { type Command, InvalidArgumentError } from 'commander'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { Chain } from '../../eventstore/upkeep/verify.ts'
import { type Change, changesBetween } from '../../machines/history/changes.ts'
import { type Step, stepThrough } from '../../machines/history/step-through.ts'
import { duration } from '../../machines/job/narrate.ts'
import { type JobView, viewJob } from '../../machines/job/view.ts'
import { jobStream, kinds, type SnapshotOf } from '../../machines/kinds.ts'
import type { Client } from './client.ts'
import { fetchHistory } from './history.ts'
import { bad, bold, dim, good, output } from './output.ts'

type JobStep = Step<SnapshotOf['job']>

export type Replayed = {
  readonly events: readonly StoredEvent[]
  /** Ends before the first event that fails a check. */
  readonly steps: readonly JobStep[]
  readonly snapshot: SnapshotOf['job']
  /** The first failed check of the history; null when all hold. */
  readonly fault: string | null
}

/**
 * Fetches a job's history and folds it, verifying every version, hash and recorded state on the way.
 * @throws Error when no event can be folded: there is none up to `upTo`, or the first one fails a check.
 */
export async function replayJob(client: Client, jobId: string, upTo = Number.POSITIVE_INFINITY): Promise<Replayed> {
  const events = (await fetchHistory(client, 'job', jobId)).filter(({ version }) => version <= upTo)
  if (events.length === 0) throw new Error(`job ${jobId} has no events up to ${upTo}`)
  return foldJob(jobId, events)
}

/** Folds a job's events as `replayJob` does; there must be at least one. */
export function foldJob(jobId: string, events: readonly StoredEvent[]): Replayed {
  const chain = new Chain(jobStream(jobId))
  const faults = events.map((event) => chain.check(event))
  const bads = faults.findIndex((fault) => fault !== null)
  const steps = [...stepThrough(kinds.job, bads < 0 ? events : events.slice(0, bads))]
  const last = steps.at(-1)
  const fault = bads < 0 ? null : `event ${events[bads]?.version}: ${faults[bads]}`
  if (last === undefined) throw new Error(`job ${jobId} cannot be replayed: ${fault}`)
  return { events, steps, snapshot: last.snapshot, fault }
}

type ReplayOptions = { readonly at?: number; readonly diff?: readonly [from: number, to: number] }

export function replayCommand(program: Command, client: () => Client, isJson: () => boolean): void {
  program
    .command('replay')
    .description("step through a job's history with this version's machine, and check it")
    .argument('<job>')
    .option('--at <seq>', 'stop at this event', readSeq)
    .option('--diff <seq:seq>', 'print what changed in the state between two events', readSeqs)
    .action(async (jobId: string, { at, diff }: ReplayOptions) => {
      const replayed = await replayJob(client(), jobId, at ?? (diff && Math.max(...diff)))
      if (diff === undefined) showSteps(replayed, isJson())
      else showChanges(replayed, diff, isJson())
      if (replayed.fault !== null) process.exitCode = 1
    })
}

/** Prints every step, and the state in which it ends. */
export function showSteps({ events, steps, snapshot, fault }: Replayed, json: boolean): void {
  if (json) {
    const shown = steps.map(({ snapshot: _state, ...step }) => step)
    output.json({ steps: shown, state: viewJob(snapshot), fault })
    return
  }
  for (const step of steps) {
    for (const line of stepLines(step)) output.line(line)
    output.line()
  }
  output.json(viewJob(snapshot))
  output.line(
    fault === null ? good(`${events.length} events replay to the states that were recorded; hashes hold`) : bad(fault),
  )
}

function showChanges({ steps, fault }: Replayed, [from, to]: readonly [number, number], json: boolean): void {
  const viewAfter = (seq: number): JobView => {
    const step = steps.find((one) => one.seq === seq)
    if (step === undefined) throw new Error(fault ?? `the job has no event ${seq}`)
    return viewJob(step.snapshot)
  }
  const changes = changesBetween(viewAfter(from), viewAfter(to))
  if (json) {
    output.json({ from, to, changes, fault })
    return
  }
  for (const line of changes.flatMap(changeLines)) output.line(line)
  if (changes.length === 0) output.line(`nothing that is shown of a job changed from event ${from} to event ${to}`)
  if (fault !== null) output.line(bad(fault))
}

/** One step for people: the event, the states before and after, its cause and its consequences. */
function stepLines(step: JobStep): string[] {
  const way =
    step.before === null
      ? `begins ${step.after}`
      : step.before === step.after
        ? `stays ${step.after}`
        : `${step.before} → ${step.after}`
  const spent = step.spentMs === null ? '' : dim(` after ${duration(step.spentMs)} there`)
  const facts: readonly (readonly [label: string, values: readonly string[]])[] = [
    ['asks for', step.asked.map(({ key, src }) => `${key} (${src})`)],
    ['withdraws', step.withdrawn],
    ['arms', step.armed.map(({ name, delayMs, dueAt }) => `${name} for ${duration(delayMs)}, until ${dueAt}`)],
    ['disarms', step.disarmed],
  ]
  return [
    `${bold(`#${step.seq}`)} ${step.type} ${dim(step.at)}`,
    `   ${way}${spent}`,
    `   ${dim(`by ${step.by}${step.cause === null ? '' : `, caused by ${step.cause}`}`)}`,
    ...facts.flatMap(([label, values]) => (values.length === 0 ? [] : [`   ${label} ${values.join('; ')}`])),
  ]
}

function changeLines(change: Change): string[] {
  const lines = [bold(change.path || '(whole)')]
  if ('before' in change) lines.push(bad(`  - ${JSON.stringify(change.before)}`))
  if ('after' in change) lines.push(good(`  + ${JSON.stringify(change.after)}`))
  return lines
}

function readSeq(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('an event is a number from 1 on')
  return Number(text)
}

function readSeqs(text: string): readonly [number, number] {
  const [from = '', to = '', ...more] = text.split(':')
  if (more.length > 0) throw new InvalidArgumentError('two events are given as SEQ:SEQ')
  return [readSeq(from), readSeq(to)]
}
