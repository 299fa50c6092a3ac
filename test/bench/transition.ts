/**
 * What one step of the job machine costs: XState's exported `transition()`, which builds an actor for every call, against
 * the inert scope of machines/evolve.ts, which is made once. The same successful history, three rounds each, in turns.
 *
 *   npm run bench:transition [-- --json] [--rounds 3]
 */
import { type AnyEventObject, initialTransition, transition } from 'xstate'
import type { JobRequested } from '../../machines/job/events.ts'
import { jobMachine } from '../../machines/job/machine.ts'
import { kinds } from '../../machines/kinds.ts'
import { happened, successfulWay } from '../machines/job/samples.ts'
import { median, numberFlag, print, shown } from './report.ts'

const rounds = numberFlag('rounds', 3)
const roundMs = 1000
const warmUpMs = 300

const [requested, ...later] = successfulWay.map(([type]) => happened(type))
if (requested === undefined) throw new Error('a history begins with an event')
const input = requested.data as JobRequested
const events = later.map(({ type, data }): AnyEventObject => {
  const [, key] = /^(.*)\.succeeded$/.exec(type) ?? []
  return key === undefined ? { type, data } : { type: `xstate.done.actor.${key}`, output: data }
})

const ways: Readonly<Record<string, () => void>> = {
  'exported transition()': () => {
    let [snapshot] = initialTransition(jobMachine, input)
    for (const event of events) [snapshot] = transition(jobMachine, snapshot, event as never)
    if (!snapshot.matches('complete')) throw new Error('the job did not come to its end')
  },
  'inert scope (evolve.ts)': () => {
    const { start, next } = kinds.job.evolve
    let { snapshot } = start(requested)
    for (const event of later) snapshot = next(snapshot, event).snapshot
    if (!snapshot.matches('complete')) throw new Error('the job did not come to its end')
  },
}

/** Microseconds for one event, the mean over whole histories. */
function measure(way: () => void, forMs: number): number {
  const startedAt = performance.now()
  let histories = 0
  do {
    way()
    histories += 1
  } while (performance.now() - startedAt < forMs)
  return ((performance.now() - startedAt) * 1000) / (histories * (events.length + 1))
}

for (const way of Object.values(ways)) measure(way, warmUpMs)
const measured = Object.fromEntries(Object.keys(ways).map((name) => [name, [] as number[]]))
for (let round = 0; round < rounds; round += 1)
  for (const [name, way] of Object.entries(ways)) measured[name]?.push(measure(way, roundMs))

const [exported = [], inert = []] = Object.values(measured)
print(
  {
    bench: 'transition',
    figures: {
      'history.events': successfulWay.length,
      'exported.us_per_event': median(exported),
      'inert.us_per_event': median(inert),
    },
    ratios: { 'exported/inert': median(exported.map((one, round) => one / (inert[round] ?? Number.NaN))) },
  },
  [['way', 'µs per event'], ...Object.entries(measured).map(([name, all]) => [name, shown(median(all))])],
)
