/** How a job ends: by report, by a deadline, by being cancelled. The outcome is set once. */
import { describe, expect, test } from 'vitest'
import { awaitsReport } from '../../../machines/job/view.ts'
import { given } from '../given.ts'
import {
  budgets,
  happened,
  type JobEventType,
  type WayState,
  wayStates,
  wayTo,
  wayToAnnouncedReset,
} from './samples.ts'

const beforeOutcome = wayStates.filter((state) => state === 'queued' || state.startsWith('provisioning'))
const afterOutcome = wayStates.filter((state) => !beforeOutcome.includes(state))

describe('deadlines', () => {
  const deadlines: readonly { name: string; at: WayState; step: string; budgetMs: number }[] = [
    { name: 'job.admission', at: 'queued', step: 'validation.server', budgetMs: budgets.job_ms },
    { name: 'iso.build', at: 'provisioning.buildingIso', step: 'iso.build', budgetMs: budgets.iso_build_ms },
    ...(
      [
        ['provisioning.redfish.discovering', 'redfish.discover'],
        ['provisioning.redfish.mountingMaintenance', 'redfish.mount.maintenance'],
        ['provisioning.redfish.mountingTask', 'redfish.mount.task'],
        ['provisioning.redfish.settingBootOverride', 'redfish.boot-override'],
        ['provisioning.redfish.resetting', 'redfish.reset'],
      ] as const
    ).map(([at, step]) => ({ name: 'redfish', at, step, budgetMs: budgets.redfish_ms })),
    { name: 'redfish.poll', at: 'provisioning.polling', step: 'redfish.poll', budgetMs: budgets.redfish_poll_ms },
    {
      name: 'webhook.wait',
      at: 'provisioning.waitingForReport',
      step: 'webhook.wait',
      budgetMs: budgets.webhook_wait_ms,
    },
    { name: 'job', at: 'provisioning.buildingIso', step: 'iso.build', budgetMs: budgets.job_ms },
    { name: 'job', at: 'provisioning.redfish.mountingTask', step: 'redfish.mount.task', budgetMs: budgets.job_ms },
    { name: 'job', at: 'provisioning.waitingForReport', step: 'webhook.wait', budgetMs: budgets.job_ms },
  ]

  test.each(deadlines)('$name in $at fails the job at $step', ({ name, at, step, budgetMs }) => {
    const { context } = given('job', [...wayTo(at), happened(`${name}.elapsed` as JobEventType)]).snapshot
    expect(context).toMatchObject({ outcome: 'failed', failedStep: step, failure: { kind: 'budget' } })
    expect(context.failure?.message).toContain(`${budgetMs} ms`)
  })

  test('the budgets are those that the job was requested with', () => {
    const [first, ...later] = wayTo('provisioning.redfish.resetting')
    const own = happened('job.requested', { budgets: { ...budgets, redfish_poll_ms: 4321 } })
    expect(first?.type).toBe(own.type)
    const { armed } = given('job', [own, ...later])
      .when(happened('redfish.reset.succeeded'))
      .leadsTo({
        state: 'provisioning.polling',
        asks: ['redfish.poll'],
        withdraws: ['redfish.reset'],
        arms: ['redfish.poll'],
        disarms: ['redfish'],
      })
    expect(armed).toEqual([{ name: 'redfish.poll', delayMs: 4321 }])
  })

  test('leaving the Redfish steps disarms their deadline and withdraws what was asked', () => {
    given('job', wayTo('provisioning.redfish.mountingTask'))
      .when(happened('redfish.elapsed'))
      .leadsTo({
        state: 'cleaningUp.unmounting',
        asks: ['cleanup.unmount'],
        withdraws: ['redfish.mount.task'],
        arms: ['cleanup'],
        disarms: ['job', 'redfish'],
      })
  })
})

describe('cancelling', () => {
  test.each(beforeOutcome)('in %s is an outcome of its own', (at) => {
    const { context } = given('job', [...wayTo(at), happened('cancel.requested')]).snapshot
    expect(context).toMatchObject({ outcome: 'cancelled', failedStep: null, failure: null })
  })

  test.each(afterOutcome)('in %s is too late', (at) => {
    given('job', wayTo(at)).refuses(happened('cancel.requested'))
  })

  test('withdraws the effect that is under way', () => {
    given('job', wayTo('queued'))
      .when(happened('cancel.requested'))
      .leadsTo({
        state: 'releasing.asking',
        asks: ['server.release'],
        withdraws: ['job.admission'],
        disarms: ['job.admission'],
        context: { cleanup: 'clean' },
      })
    given('job', wayToAnnouncedReset())
      .when(happened('cancel.requested'))
      .leadsTo({
        state: 'cleaningUp.poweringOff',
        asks: ['cleanup.power-off'],
        withdraws: ['redfish.reset'],
        arms: ['cleanup'],
        disarms: ['job', 'redfish'],
      })
  })
})

describe('reports', () => {
  const success = happened('report.received')
  const failure = happened('report.received', { status: 'failed', failed_step: 'bootloader-linux.service' })
  const waits: readonly WayState[] = ['provisioning.polling', 'provisioning.waitingForReport']

  test.each(waits)('success in %s succeeds', (at) => {
    const { context } = given('job', [...wayTo(at), success]).snapshot
    expect(context).toMatchObject({ outcome: 'succeeded', failedStep: null, failure: null })
    expect(context.deliveryIds).toEqual(['delivery-1'])
  })

  test.each(waits)('failure in %s fails with the key of the unit', (at) => {
    const { context } = given('job', [...wayTo(at), failure]).snapshot
    expect(context).toMatchObject({
      outcome: 'failed',
      failedStep: 'workflow.bootloader-linux',
      failure: { kind: 'report', unit: 'bootloader-linux.service' },
    })
  })

  test('of an unknown unit keep its name', () => {
    const unknown = happened('report.received', { status: 'failed', failed_step: 'site-special.service' })
    const { context } = given('job', [...wayTo('provisioning.waitingForReport'), unknown]).snapshot
    expect(context).toMatchObject({ failedStep: 'workflow.unknown', failure: { unit: 'site-special.service' } })
  })

  test('of a host whose reset was announced but not confirmed are taken: its word is the observation', () => {
    const announced = given('job', wayToAnnouncedReset())
    expect(awaitsReport(announced.snapshot)).toBe(true)
    announced.when(success).leadsTo({
      state: 'cleaningUp.poweringOff',
      asks: ['cleanup.power-off'],
      withdraws: ['redfish.reset'],
      arms: ['cleanup'],
      disarms: ['job', 'redfish'],
      context: { outcome: 'succeeded' },
    })
  })

  const deaf = wayStates.filter((state) => !waits.includes(state))
  test.each(deaf)('in %s change nothing', (at) => {
    const { snapshot, refuses } = given('job', wayTo(at))
    expect(awaitsReport(snapshot)).toBe(false)
    refuses(success)
    refuses(failure)
  })

  test.each(wayStates)('that came again in %s are recorded and change no outcome', (at) => {
    const { snapshot, when } = given('job', wayTo(at))
    const { outcome } = snapshot.context
    when(happened('report.duplicated', { status: 'failed', failed_step: 'x', delivery_id: 'late' })).leadsTo({
      state: at,
      context: { outcome },
    })
  })

  test('are remembered by delivery id, the same once and 64 at most', () => {
    const twice = ['delivery-1', 'delivery-1', null].map((delivery_id) =>
      happened('report.duplicated', { delivery_id }),
    )
    expect(given('job', [...wayTo('complete'), ...twice]).snapshot.context.deliveryIds).toEqual(['delivery-1'])
    const many = Array.from({ length: 70 }, (_, index) => happened('report.duplicated', { delivery_id: `d${index}` }))
    const { deliveryIds } = given('job', [...wayTo('complete'), ...many]).snapshot.context
    expect(deliveryIds).toHaveLength(64)
    expect(deliveryIds.at(-1)).toBe('d69')
  })
})

test('progress is kept while the job is provisioned and refused before and after', () => {
  const progress = happened('progress.reported')
  given('job', wayTo('provisioning.waitingForReport'))
    .when(progress)
    .leadsTo({ state: 'provisioning.waitingForReport', context: { progress: progress.data, outcome: null } })
  for (const at of ['queued', ...afterOutcome] as const) given('job', wayTo(at)).refuses(progress)
})
