/**
 * Recorded histories must replay for ever: each event still has its shape, is still taken, and still leads to the state
 * that was recorded. A history of a released version is never edited; UPDATE_GOLDEN=1 is for those that are not.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { jobMachineVersion } from '../../../machines/job/machine.ts'
import { viewJob } from '../../../machines/job/view.ts'
import { checkEvent } from '../../../machines/kinds.ts'
import { pathOf } from '../../../machines/state-path.ts'
import { evolveOf } from '../given.ts'
import { goldenFolder, recording } from '../golden.ts'
import { scenarios } from './scenarios.ts'

type Recorded = {
  readonly machine_version: string
  readonly outcome: string | null
  readonly cleanup: string
  readonly failed_step: string | null
  readonly events: readonly {
    readonly type: string
    readonly schema_version: number
    readonly data: unknown
    readonly state_from: string | null
    readonly state_to: string
  }[]
}

const folder = new URL('histories/', goldenFolder)
const { start, next, accepts } = evolveOf('job')

/** Runs events through the machine as it is now and tells where they lead. */
function replay(events: readonly { readonly type: string; readonly data: unknown }[]): Recorded {
  let snapshot: ReturnType<typeof start>['snapshot'] | undefined
  const replayed = events.map(({ type, data }) => {
    const { version } = checkEvent('job', { type, data })
    const from = snapshot === undefined ? null : pathOf(snapshot.value)
    if (snapshot !== undefined && !accepts(snapshot, { type, data })) throw new Error(`${type} is not taken in ${from}`)
    snapshot = snapshot === undefined ? start({ type, data }).snapshot : next(snapshot, { type, data }).snapshot
    return { type, schema_version: version, data, state_from: from, state_to: pathOf(snapshot.value) }
  })
  if (snapshot === undefined) throw new Error('a history has events')
  const { outcome, cleanup, failedStep } = viewJob(snapshot)
  return { machine_version: jobMachineVersion, outcome, cleanup, failed_step: failedStep, events: replayed }
}

if (recording) {
  for (const { name, events } of scenarios)
    writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(replay(events), null, 2)}\n`)
}

const files = readdirSync(folder).sort()

test('every way in which a job can end is recorded', () => {
  expect(files).toEqual(expect.arrayContaining(scenarios.map(({ name }) => `${name}.json`)))
})

describe.each(files)('the history %s', (file) => {
  const recorded: Recorded = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))

  test('replays to the recorded states', () => {
    const { machine_version: _then, ...expected } = recorded
    const { machine_version: _now, ...replayed } = replay(recorded.events)
    expect(replayed).toEqual(expected)
  })

  test('ends, with an outcome and a verdict on its cleanup', () => {
    expect(recorded.events.at(-1)?.state_to).toBe('complete')
    expect(recorded.outcome).not.toBeNull()
    expect(recorded.cleanup).not.toBe('pending')
  })
})

test('the recorded histories hold every type of event', () => {
  const seen = new Set(scenarios.flatMap(({ events }) => events.map(({ type }) => type)))
  const known = Object.keys(JSON.parse(readFileSync(new URL('event-shapes.json', goldenFolder), 'utf8')).job)
  expect(known.filter((type) => !seen.has(type))).toEqual([])
})
