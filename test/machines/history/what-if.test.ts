/** Recorded histories under the machine as it is, and under machines that were changed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign } from 'xstate'
import { createEvolve } from '../../../machines/evolve.ts'
import { firstDivergence, type RecordedEvent } from '../../../machines/history/what-if.ts'
import { type JobSnapshot, jobMachine } from '../../../machines/job/machine.ts'
import { type Kind, kinds } from '../../../machines/kinds.ts'
import { recordedHistories, recordedHistory } from '../histories.ts'

type Machine = Parameters<typeof createEvolve>[0]

/** The kind of jobs with another machine. */
const withMachine = (machine: Machine): Kind<'job'> => ({ ...kinds.job, evolve: createEvolve<JobSnapshot>(machine) })

const succeeded = recordedHistory('succeeded')

function changed(history: readonly RecordedEvent[], seq: number, change: Partial<RecordedEvent>): RecordedEvent[] {
  return history.map((event, index) => (index === seq - 1 ? { ...event, ...change } : event))
}

function seqOf(history: readonly RecordedEvent[], type: string): number {
  return history.findIndex((event) => event.type === type) + 1
}

test.each(recordedHistories)('the history $name would happen again today', ({ events }) => {
  expect(firstDivergence(kinds.job, events)).toBeNull()
})

describe('under a changed machine', () => {
  const neverRestarted = withMachine(jobMachine.provide({ guards: { hostRestarted: () => false } }))

  test('the first event that leads elsewhere is named, with what would be asked for instead', () => {
    expect(firstDivergence(neverRestarted, succeeded)).toEqual({
      seq: seqOf(succeeded, 'report.received'),
      type: 'report.received',
      kind: 'other state',
      message: 'leads to cleaningUp.unmounting, recorded was cleaningUp.poweringOff',
      recorded: { state: 'cleaningUp.poweringOff', asked: [] },
      now: { state: 'cleaningUp.unmounting', asked: ['cleanup.unmount'] },
    })
  })

  test('an event that is not accepted any more is a divergence in the state that refuses it', () => {
    const history = recordedHistory('succeeded-report-while-resetting')
    expect(firstDivergence(neverRestarted, history)).toMatchObject({
      seq: seqOf(history, 'report.received'),
      kind: 'not accepted',
      message: 'is not accepted in provisioning.redfish.resetting',
      now: { state: 'provisioning.redfish.resetting', asked: [] },
    })
  })

  test('an event on which the machine fails is a divergence, not an exception', () => {
    const failing = jobMachine.provide({
      actions: {
        recordReport: assign(() => {
          throw new Error('a bug in an action')
        }),
      },
    })
    expect(firstDivergence(withMachine(failing), succeeded)).toMatchObject({
      type: 'report.received',
      kind: 'not accepted',
      message: 'the machine fails on it: Error: a bug in an action',
    })
  })
})

describe('an event that cannot be read is a divergence', () => {
  test.each<[what: string, change: Partial<RecordedEvent>, message: RegExp]>([
    ['of a type that does not exist any more', { type: 'iso.burn.succeeded' }, /"iso.burn.succeeded" is not an event/],
    ['of another shape', { data: { sha256: 5 } }, /has data of another shape/],
    ['of a newer version', { schema_version: 99 }, /recorded in version 99/],
  ])('%s', (_what, change, message) => {
    const seq = seqOf(succeeded, 'iso.build.succeeded')
    expect(firstDivergence(kinds.job, changed(succeeded, seq, change))).toMatchObject({
      seq,
      kind: 'unreadable',
      message: expect.stringMatching(message),
      now: { state: 'provisioning.buildingIso' },
    })
  })
})

test('a history that begins with anything else has no state today', () => {
  expect(firstDivergence(kinds.job, succeeded.slice(1))).toMatchObject({
    seq: 1,
    kind: 'not accepted',
    message: 'a job begins with job.requested',
    now: null,
  })
  expect(firstDivergence(kinds.server, succeeded)).toMatchObject({ seq: 1, kind: 'unreadable', now: null })
})

describe('effects', () => {
  /** As the log has them: every outcome names the event that asked for its effect. */
  const withCauses = (key: (type: string) => string): RecordedEvent[] =>
    succeeded.map((event, index) => {
      const asker = index === 0 ? null : `e${index}`
      return { ...event, id: `e${index + 1}`, causation_id: asker && `${asker}/${key(event.type)}` }
    })
  const outcomesOnly = (event: RecordedEvent): RecordedEvent =>
    event.type.endsWith('.succeeded') && event.type !== 'redfish.reset.succeeded'
      ? event
      : { ...event, causation_id: 'request-7' }
  const stepKey = (type: string) => type.slice(0, type.lastIndexOf('.'))

  test('that are asked for by the events that asked for them then are no divergence', () => {
    expect(firstDivergence(kinds.job, withCauses(stepKey).map(outcomesOnly))).toBeNull()
  })

  test('that left something in the history, and are not asked for any more, are named where they were asked for', () => {
    const seq = seqOf(succeeded, 'redfish.mount.task.succeeded')
    const history = withCauses(stepKey).map(outcomesOnly)
    // Then there was another effect in the state before: what it saw was recorded, as anything may be read at any time.
    const fact = recordedHistory('succeeded-with-evidence').find(({ type }) => type === 'media.read.observed')
    if (fact === undefined) throw new Error('no medium was read')
    const state_to = history[seq - 2]?.state_to ?? ''
    const seen = { ...fact, state_to, id: 'e-fact', causation_id: `e${seq - 1}/redfish.medium.check` }
    expect(firstDivergence(kinds.job, history.toSpliced(seq - 1, 0, seen))).toMatchObject({
      seq: seq - 1,
      kind: 'other effects',
      message: 'does not ask for redfish.medium.check any more',
      recorded: { asked: ['redfish.medium.check', 'redfish.mount.task'] },
      now: { state: state_to, asked: ['redfish.mount.task'] },
    })
  })

  test('of a deadline or a request are not mistaken for effects', () => {
    const causes = ['job-0199/webhook.wait', 'request', null]
    const history = withCauses(() => 'x').map((event, index) => ({
      ...event,
      causation_id: causes[index % causes.length] ?? null,
    }))
    expect(firstDivergence(kinds.job, history)).toBeNull()
  })
})

test('no history, however it is garbled, is an exception', () => {
  const any = fc.constantFrom(...recordedHistories.flatMap(({ events }) => events))
  const garbled = fc.record(
    { type: fc.string(), data: fc.jsonValue(), schema_version: fc.integer(), state_to: fc.string() },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(any, fc.option(garbled)), { minLength: 1, maxLength: 8 }), (pairs) => {
      const history = [...succeeded.slice(0, 9), ...pairs.map(([event, change]) => ({ ...event, ...change }))]
      const divergence = firstDivergence(kinds.job, history)
      if (divergence !== null) expect(divergence.seq).toBeLessThanOrEqual(history.length)
    }),
  )
})
