/**
 * Recorded histories must replay for ever: each event still has the shape of its version, is still taken, and still leads
 * to the state that was recorded. A history is never edited: UPDATE_GOLDEN=1 adds the scenarios that have none yet, in
 * the versions of today, and leaves the others in theirs.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { DomainEvent } from '../../../machines/event.ts'
import { pathOf } from '../../../machines/evolve.ts'
import { jobMachineVersion } from '../../../machines/job/machine.ts'
import { viewJob } from '../../../machines/job/view.ts'
import { checkEvent, kinds, readRecorded } from '../../../machines/kinds.ts'
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
function replay(events: readonly DomainEvent[]): Recorded {
  let snapshot: ReturnType<typeof start>['snapshot'] | undefined
  const replayed = events.map((event) => {
    const { type, data } = event
    const schema_version = event.schema_version ?? checkEvent('job', event).version
    readRecorded(kinds.job, event)
    const from = snapshot === undefined ? null : pathOf(snapshot.value)
    if (snapshot !== undefined && !accepts(snapshot, event)) throw new Error(`${type} is not taken in ${from}`)
    snapshot = snapshot === undefined ? start(event).snapshot : next(snapshot, event).snapshot
    return { type, schema_version, data, state_from: from, state_to: pathOf(snapshot.value) }
  })
  if (snapshot === undefined) throw new Error('a history has events')
  const { outcome, cleanup, failed_step } = viewJob(snapshot)
  return { machine_version: jobMachineVersion, outcome, cleanup, failed_step, events: replayed }
}

if (recording) {
  for (const { name, events } of scenarios) {
    const file = new URL(`${name}.json`, folder)
    if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(replay(events), null, 2)}\n`)
  }
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

test('histories of every version of an event are recorded', () => {
  const recorded = files.flatMap((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')).events)
  const seen = new Set(recorded.map(({ type, schema_version }) => `${type} ${schema_version}`))
  const known = Object.entries(kinds.job.events).flatMap(([type, { version }]) =>
    Array.from({ length: version }, (_, index) => `${type} ${index + 1}`),
  )
  expect(known.filter((type) => !seen.has(type))).toEqual([])
})

test('the recorded histories hold every type of event', () => {
  const seen = new Set(scenarios.flatMap(({ events }) => events.map(({ type }) => type)))
  const known = Object.keys(JSON.parse(readFileSync(new URL('event-shapes.json', goldenFolder), 'utf8')).job)
  expect(known.filter((type) => !seen.has(type))).toEqual([])
})
