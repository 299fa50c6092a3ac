import { describe, expect, test } from 'vitest'
import type { DomainEvent } from '../../../machines/event.ts'
import { stepThrough } from '../../../machines/history/step-through.ts'
import { kinds } from '../../../machines/kinds.ts'
import { budgets, happened, wayTo } from '../job/samples.ts'

/** A minute between any two events. */
function stepsOf(events: readonly DomainEvent[]) {
  const dated = events.map((event, index) => ({
    ...event,
    version: index + 1,
    at: minute(index),
    actor: index === 0 ? 'principal:alice' : 'controller:c1',
    causation_id: index === 0 ? 'request-1' : `e${index}/step`,
  }))
  return [...stepThrough(kinds.job, dated)]
}

const minute = (index: number) => new Date(Date.UTC(2026, 2, 1, 10, index)).toISOString()

describe('a step', () => {
  test('tells what the first event made, who caused it and what it asked for', () => {
    expect(stepsOf(wayTo('queued'))).toMatchObject([
      {
        seq: 1,
        at: minute(0),
        type: 'job.requested',
        before: null,
        after: 'queued',
        spentMs: null,
        by: 'principal:alice',
        cause: 'request-1',
        asked: [{ key: 'job.admission', src: 'admitJob' }],
        withdrawn: [],
        armed: [{ name: 'job.admission', delayMs: budgets.job_ms, dueAt: '2026-03-01T14:00:00.000Z' }],
        disarmed: [],
      },
    ])
  })

  test('tells what was given up: neither the effect that ended nor the deadline that passed', () => {
    const way = wayTo('provisioning.redfish.mountingTask')
    expect(stepsOf([...way, happened('redfish.mount.task.succeeded')]).at(-1)).toMatchObject({
      withdrawn: [],
      disarmed: [],
    })
    expect(stepsOf([...way, happened('cancel.requested')]).at(-1)).toMatchObject({
      before: 'provisioning.redfish.mountingTask',
      after: 'cleaningUp.unmounting',
      withdrawn: ['redfish.mount.task'],
      disarmed: expect.toSatisfy((names: string[]) => names.toSorted().join() === 'job,redfish'),
    })
    expect(stepsOf([...way, happened('redfish.elapsed')]).at(-1)).toMatchObject({
      withdrawn: ['redfish.mount.task'],
      disarmed: ['job'],
    })
  })

  test('tells how long the state before had lasted, over events that did not change it', () => {
    const waiting = wayTo('provisioning.waitingForReport')
    const steps = stepsOf([...waiting, happened('progress.reported'), happened('report.received')])
    expect(steps.slice(-3).map(({ before, spentMs }) => [before, spentMs])).toEqual([
      ['provisioning.polling', 60_000],
      ['provisioning.waitingForReport', 60_000],
      ['provisioning.waitingForReport', 120_000],
    ])
  })

  test('has the state after it, so that any two can be compared', () => {
    const steps = stepsOf(wayTo('complete'))
    expect(steps.map(({ snapshot }) => snapshot.context.resets)).toEqual(steps.map(({ seq }) => (seq < 8 ? 0 : 1)))
  })
})

test('a history without events has no steps', () => {
  expect(stepsOf([])).toEqual([])
})
