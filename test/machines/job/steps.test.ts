/** Every step of a run: what success leads to, what failure leads to, and who is blamed. */
import { describe, expect, test } from 'vitest'
import { failureKeyOfUnit, stepKeys } from '../../../machines/job/steps.ts'
import { given } from '../given.ts'
import {
  digest,
  happened,
  type JobEventType,
  jobId,
  slots,
  type WayState,
  wayTo,
  wayToAnnouncedReset,
} from './samples.ts'

type Step = {
  readonly at: WayState
  readonly key: string
  readonly to: string
  readonly asks: readonly string[]
  readonly arms?: readonly string[]
  readonly disarms?: readonly string[]
}

const steps: readonly Step[] = [
  {
    at: 'queued',
    key: 'job.admission',
    to: 'provisioning.buildingIso',
    asks: ['iso.build'],
    arms: ['job', 'iso.build'],
    disarms: ['job.admission'],
  },
  {
    at: 'provisioning.buildingIso',
    key: 'iso.build',
    to: 'provisioning.redfish.discovering',
    asks: ['redfish.discover'],
    arms: ['redfish'],
    disarms: ['iso.build'],
  },
  {
    at: 'provisioning.redfish.discovering',
    key: 'redfish.discover',
    to: 'provisioning.redfish.mountingMaintenance',
    asks: ['redfish.mount.maintenance'],
  },
  {
    at: 'provisioning.redfish.mountingMaintenance',
    key: 'redfish.mount.maintenance',
    to: 'provisioning.redfish.mountingTask',
    asks: ['redfish.mount.task'],
  },
  {
    at: 'provisioning.redfish.mountingTask',
    key: 'redfish.mount.task',
    to: 'provisioning.redfish.settingBootOverride',
    asks: ['redfish.boot-override'],
  },
  {
    at: 'provisioning.redfish.settingBootOverride',
    key: 'redfish.boot-override',
    to: 'provisioning.redfish.resetting',
    asks: ['redfish.reset'],
  },
  {
    at: 'provisioning.redfish.resetting',
    key: 'redfish.reset',
    to: 'provisioning.polling',
    asks: ['redfish.poll'],
    arms: ['redfish.poll'],
    disarms: ['redfish'],
  },
  {
    at: 'provisioning.polling',
    key: 'redfish.poll',
    to: 'provisioning.waitingForReport',
    asks: [],
    arms: ['webhook.wait'],
    disarms: ['redfish.poll'],
  },
]

describe.each(steps)('$key', ({ at, key, to, asks, arms = [], disarms = [] }) => {
  test('its success leads to the next step and asks for nothing else', () => {
    given('job', wayTo(at))
      .when(happened(`${key}.succeeded` as JobEventType))
      .leadsTo({ state: to, asks, withdraws: [key], arms, disarms, context: { outcome: null, failedStep: null } })
  })

  test('its failure is the outcome, blamed on it, with what the service said', () => {
    const event = happened(`${key}.failed` as JobEventType)
    const next = given('job', [...wayTo(at), event]).snapshot
    expect(next.context).toMatchObject({
      outcome: 'failed',
      failedStep: key === 'job.admission' ? 'validation.server' : key,
      failure: event.data,
    })
    expect(next.matches('cleaningUp') || next.matches('releasing')).toBe(true)
  })
})

test('a job begins with its admission, and with a deadline for that', () => {
  const { snapshot, state } = given('job', wayTo('queued'))
  expect(state).toBe('queued')
  expect(snapshot.context).toMatchObject({ jobId, serverSerial: 'SN-0001', outcome: null, cleanup: 'pending' })
})

test('mounts are asked for the slots of the layout, and the task ISO by its digest', () => {
  const discovered = given('job', wayTo('provisioning.redfish.discovering'))
    .when(happened('redfish.discover.succeeded'))
    .leadsTo({
      state: 'provisioning.redfish.mountingMaintenance',
      asks: ['redfish.mount.maintenance'],
      withdraws: ['redfish.discover'],
    })
  expect(discovered.asked[0]?.input).toEqual({ jobId, serial: 'SN-0001', slot: slots.maintenance, url: null })
  const mounted = given('job', wayTo('provisioning.redfish.mountingMaintenance'))
    .when(happened('redfish.mount.maintenance.succeeded'))
    .leadsTo({
      state: 'provisioning.redfish.mountingTask',
      asks: ['redfish.mount.task'],
      withdraws: ['redfish.mount.maintenance'],
    })
  expect(mounted.asked[0]?.input).toEqual({ jobId, serial: 'SN-0001', slot: slots.task, sha256: digest, form: 'iso' })
})

test('a CD and a slot for sticks are given the maintenance ISO and the task files in an image, by its digest', () => {
  const told = happened('redfish.discover.succeeded', { layout: { kind: 'cd-and-usb', ...slots } })
  const discovered = given('job', wayTo('provisioning.redfish.discovering'))
    .when(told)
    .leadsTo({
      state: 'provisioning.redfish.buildingMedium',
      asks: ['media.build'],
      withdraws: ['redfish.discover'],
    })
  expect(discovered.asked[0]?.input).toMatchObject({ jobId, form: 'img', maintenanceIsoUrl: null })
  const events = [...wayTo('provisioning.redfish.discovering'), told]
  given('job', events)
    .when(happened('media.build.succeeded'))
    .leadsTo({
      state: 'provisioning.redfish.mountingMaintenance',
      asks: ['redfish.mount.maintenance'],
      withdraws: ['media.build'],
    })
  const mounted = given('job', [...events, happened('media.build.succeeded')])
    .when(happened('redfish.mount.maintenance.succeeded'))
    .leadsTo({
      state: 'provisioning.redfish.mountingTask',
      asks: ['redfish.mount.task'],
      withdraws: ['redfish.mount.maintenance'],
    })
  expect(mounted.asked[0]?.input).toMatchObject({ slot: slots.task, sha256: 'b'.repeat(64), form: 'img' })
})

test('a single slot is given both media as one, and is emptied when that fails', () => {
  const layout = { kind: 'single-cd', maintenance: slots.maintenance, task: slots.maintenance }
  const events = [...wayTo('provisioning.redfish.discovering'), happened('redfish.discover.succeeded', { layout })]
  const built = happened('media.build.succeeded', { form: 'merged', base_sha256: digest })
  const { asked } = given('job', events)
    .when(built)
    .leadsTo({
      state: 'provisioning.redfish.mountingTask',
      asks: ['redfish.mount.task'],
      withdraws: ['media.build'],
    })
  expect(asked[0]?.input).toMatchObject({ slot: slots.maintenance, form: 'merged', sha256: 'b'.repeat(64) })
  given('job', [...events, built])
    .when(happened('redfish.mount.task.failed'))
    .leadsTo({
      state: 'cleaningUp.unmounting',
      asks: ['cleanup.unmount'],
      withdraws: ['redfish.mount.task'],
      arms: ['cleanup'],
      disarms: ['job', 'redfish'],
    })
})

test('a maintenance ISO that the request names is the one that is mounted', () => {
  const [, ...later] = wayTo('provisioning.redfish.discovering')
  const requested = happened('job.requested', { maintenance_iso_url: 'http://192.0.2.9/own.iso' })
  const { asked } = given('job', [requested, ...later])
    .when(happened('redfish.discover.succeeded'))
    .leadsTo({
      state: 'provisioning.redfish.mountingMaintenance',
      asks: ['redfish.mount.maintenance'],
      withdraws: ['redfish.discover'],
    })
  expect(asked[0]?.input).toMatchObject({ url: 'http://192.0.2.9/own.iso' })
})

test('each announced reset is counted, and from the first on the host counts as restarted', () => {
  given('job', wayTo('provisioning.redfish.resetting'))
    .when(happened('redfish.reset.requested'))
    .leadsTo({ state: 'provisioning.redfish.resetting', context: { hostRestarted: true, resets: 1 } })
  given('job', wayToAnnouncedReset())
    .when(happened('redfish.reset.requested', { reset_type: 'ForceRestart' }))
    .leadsTo({ state: 'provisioning.redfish.resetting', context: { hostRestarted: true, resets: 2 } })
})

test('a reset that was resolved by looking changes no state', () => {
  given('job', wayToAnnouncedReset())
    .when(happened('redfish.reset.resolved', { happened: 'no', evidence: null }))
    .leadsTo({ state: 'provisioning.redfish.resetting', context: { hostRestarted: true, resets: 1 } })
})

test('what the media server saw is kept in every state, by medium', () => {
  for (const at of [
    'queued',
    'provisioning.polling',
    'cleaningUp.unmounting',
    'releasing.asking',
    'complete',
  ] as const) {
    const read = happened('media.read.observed')
    given('job', wayTo(at))
      .when(read)
      .leadsTo({ state: at, context: { mediaReads: { task: read.data } } })
  }
})

test('an event that an earlier step would have caused is not taken', () => {
  const waiting = given('job', wayTo('provisioning.waitingForReport'))
  for (const type of ['iso.build.succeeded', 'redfish.poll.failed', 'redfish.elapsed', 'job.requested'] as const)
    waiting.refuses(happened(type))
})

test('the unit of a failure report maps to its key, an unknown one to workflow.unknown', () => {
  expect(failureKeyOfUnit('image-linux.service')).toBe('workflow.image-linux')
  expect(failureKeyOfUnit('provision-dispatcher')).toBe('workflow.dispatcher')
  expect(failureKeyOfUnit('my-own.service')).toBe('workflow.unknown')
})

test('step keys are written once each', () => {
  expect(new Set(stepKeys).size).toBe(stepKeys.length)
})
