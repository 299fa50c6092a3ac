/** Cleanup on every path: host off before the media are out, a host that was never restarted is left alone. */
import { describe, expect, test } from 'vitest'
import type { DomainEvent } from '../../../machines/event.ts'
import { evolveOf, fold, given } from '../given.ts'
import { happened, type JobEventType, jobId, slots, type WayState, wayTo, wayToAnnouncedReset } from './samples.ts'

/** Lets every effect that is asked from here on succeed, or fail where it is named, and tells the order. */
function cleanUp(history: readonly DomainEvent[], failing: readonly string[] = []) {
  const { next, pending } = evolveOf('job')
  let snapshot = fold('job', history)
  const performed: string[] = []
  for (;;) {
    const [key] = pending(snapshot).effects
    if (key === undefined || key === 'server.release') return { performed, snapshot }
    performed.push(key)
    const tense = failing.includes(key) ? 'failed' : 'succeeded'
    snapshot = next(snapshot, happened(`${key}.${tense}` as JobEventType)).snapshot
  }
}

const wholeCleanup = ['cleanup.power-off', 'cleanup.unmount', 'cleanup.boot-override', 'cleanup.reset']
const withoutHost = ['cleanup.unmount', 'cleanup.boot-override']
const cancel = happened('cancel.requested')

describe('what is cleaned up depends on how far the job got', () => {
  const untouched: readonly WayState[] = ['queued', 'provisioning.buildingIso', 'provisioning.redfish.discovering']
  test.each(untouched)('nothing after %s: the BMC was not touched', (at) => {
    expect(cleanUp([...wayTo(at), cancel]).performed).toEqual([])
  })

  const touched: readonly WayState[] = [
    'provisioning.redfish.mountingMaintenance',
    'provisioning.redfish.mountingTask',
    'provisioning.redfish.settingBootOverride',
    'provisioning.redfish.resetting',
  ]
  test.each(touched)('media and override after %s, but the host is left alone', (at) => {
    expect(cleanUp([...wayTo(at), cancel]).performed).toEqual(withoutHost)
  })

  test.each(['provisioning.polling', 'provisioning.waitingForReport'] as const)('all of it after %s', (at) => {
    expect(cleanUp([...wayTo(at), cancel]).performed).toEqual(wholeCleanup)
  })

  test('all of it as soon as a reset was announced, whatever became of it', () => {
    for (const end of ['cancel.requested', 'redfish.reset.failed', 'redfish.elapsed', 'job.elapsed'] as const)
      expect(cleanUp([...wayToAnnouncedReset(), happened(end)]).performed).toEqual(wholeCleanup)
  })

  test('a mount that failed may still have left something in the slot', () => {
    const failed = happened('redfish.mount.maintenance.failed')
    expect(cleanUp([...wayTo('provisioning.redfish.mountingMaintenance'), failed]).performed).toEqual(withoutHost)
  })
})

test('both media are taken out of the slots of the layout', () => {
  const { asked } = given('job', wayTo('cleaningUp.poweringOff'))
    .when(happened('cleanup.power-off.succeeded'))
    .leadsTo({ state: 'cleaningUp.unmounting', asks: ['cleanup.unmount'], withdraws: ['cleanup.power-off'] })
  expect(asked[0]?.input).toEqual({ jobId, serial: 'SN-0001', ...slots })
})

describe('a cleanup step that fails', () => {
  test.each(wholeCleanup)('%s is remembered, and the next one is tried all the same', (step) => {
    const { performed, snapshot } = cleanUp(wayTo('cleaningUp.poweringOff'), [step])
    expect(performed).toEqual(wholeCleanup)
    expect(snapshot.context).toMatchObject({
      outcome: 'succeeded',
      failedStep: null,
      cleanup: 'dirty',
      cleanupFaults: [{ step, failure: { kind: 'refused' } }],
    })
  })

  test('all of them together do not change the outcome either', () => {
    const { snapshot } = cleanUp(wayTo('cleaningUp.poweringOff'), wholeCleanup)
    expect(snapshot.context.outcome).toBe('succeeded')
    expect(snapshot.context.cleanupFaults.map(({ step }) => step)).toEqual(wholeCleanup)
  })

  test('of a failed job leaves the failure of the job as it is', () => {
    const { snapshot } = cleanUp([...wayTo('provisioning.polling'), happened('redfish.poll.elapsed')], wholeCleanup)
    expect(snapshot.context).toMatchObject({ outcome: 'failed', failedStep: 'redfish.poll', cleanup: 'dirty' })
  })
})

test.each(['poweringOff', 'unmounting', 'clearingBootOverride', 'poweringOn'] as const)(
  'cleanup that runs out of its budget in %s is dirty and goes on to the release',
  (at) => {
    const before = given('job', wayTo(`cleaningUp.${at}`))
    before.when(happened('cleanup.elapsed')).leadsTo({
      state: 'releasing.asking',
      asks: ['server.release'],
      withdraws: [before.snapshot.context.step],
      disarms: ['cleanup'],
      context: {
        outcome: 'succeeded',
        cleanup: 'dirty',
        cleanupFaults: [{ step: before.snapshot.context.step, failure: { kind: 'budget' } }],
      },
    })
  },
)

describe('the release', () => {
  const releaseAskedBy = (history: readonly DomainEvent[], last: JobEventType) => {
    const evolved = evolveOf('job').next(fold('job', history), happened(last))
    return evolved.asked.find(({ key }) => key === 'server.release')?.input
  }

  test('tells the server outcome, cleanup and slots', () => {
    expect(releaseAskedBy(wayTo('cleaningUp.poweringOn'), 'cleanup.reset.succeeded')).toEqual({
      jobId,
      serial: 'SN-0001',
      outcome: 'succeeded',
      cleanup: 'clean',
      slots,
      powerOn: false,
    })
    expect(releaseAskedBy(wayTo('cleaningUp.poweringOn'), 'cleanup.reset.failed')).toMatchObject({
      cleanup: 'dirty',
      powerOn: true,
    })
  })

  test('owes the host its power only when it was switched off', () => {
    const owes = (failing: readonly string[]) =>
      cleanUp([...wayTo('provisioning.waitingForReport'), cancel], failing).snapshot.context.hostOff
    expect(owes([])).toBe(false)
    expect(owes(['cleanup.reset'])).toBe(true)
    expect(owes(['cleanup.power-off', 'cleanup.reset'])).toBe(false)
  })

  test('of a job that knows no slots names none', () => {
    expect(releaseAskedBy(wayTo('queued'), 'cancel.requested')).toMatchObject({
      outcome: 'cancelled',
      cleanup: 'clean',
      slots: null,
    })
  })

  test('that fails is tried again after a while, until the server is free', () => {
    const waiting = [...wayTo('releasing.asking'), happened('server.release.failed')]
    given('job', wayTo('releasing.asking'))
      .when(happened('server.release.failed'))
      .leadsTo({ state: 'releasing.waiting', withdraws: ['server.release'], arms: ['server.release.retry'] })
    given('job', waiting)
      .when(happened('server.release.retry.elapsed'))
      .leadsTo({ state: 'releasing.asking', asks: ['server.release'], disarms: ['server.release.retry'] })
  })

  test('that succeeds ends the job', () => {
    const { snapshot } = given('job', wayTo('complete'))
    expect(snapshot.hasTag('ended')).toBe(true)
  })
})
