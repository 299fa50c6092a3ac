// What a job's events say to people.
import { expect, test } from 'vitest'
import { jobEvents } from '../../../machines/job/events.ts'
import { narrate, narrateWaits } from '../../../machines/job/narrate.ts'

const power = { power_state: 'On', last_reset_time: null, boot_progress: null }
const facts = { attempts: 3, elapsed_ms: 12_400 }
const failure = {
  kind: 'busy',
  message: 'the BMC was busy',
  operation: 'insertMedia',
  target: '/redfish/v1/Managers/1/VirtualMedia/CD1',
  status: 503,
  attempts: 5,
  elapsed_ms: 61_000,
}

test('an operation shows where it was done, how often it was tried and how long it took', () => {
  const data = {
    ...facts,
    slot: '/vm/1',
    image: 'http://c/…/task.iso',
    inserted: true,
    connected_via: 'URI',
    also_ejected: [],
  }
  expect(narrate({ type: 'redfish.mount.task.succeeded', data })).toEqual({
    level: 'info',
    step: 'redfish.mount.task',
    message: 'task medium in /vm/1 (URI), read back as http://c/…/task.iso (3 attempts, 12.4 s)',
  })
})

test('what an operation noticed and what it had to do besides is a warning, where that was recorded', () => {
  const mounted = { ...facts, slot: '/vm/1', image: 'http://c/…/task.iso', inserted: true, connected_via: null }
  expect(narrate({ type: 'redfish.mount.task.succeeded', data: { ...mounted, also_ejected: ['/vm/3'] } })).toEqual({
    level: 'warning',
    step: 'redfish.mount.task',
    message:
      'task medium in /vm/1, read back as http://c/…/task.iso (3 attempts, 12.4 s); /vm/3 was in use and emptied for it',
  })
  const override = { enabled: 'Continuous', target: 'Cd', mode: null }
  const written = { ...facts, changed: true, override, warnings: ['the boot mode reads Legacy, not UEFI'] }
  expect(narrate({ type: 'redfish.boot-override.succeeded', data: written })).toMatchObject({
    level: 'warning',
    message: 'boot override set: Continuous / Cd / - (3 attempts, 12.4 s); the boot mode reads Legacy, not UEFI',
  })
  expect(narrate({ type: 'cleanup.boot-override.succeeded', data: written }).level).toBe('warning')
  for (const warnings of [[], null])
    expect(narrate({ type: 'redfish.boot-override.succeeded', data: { ...written, warnings } }).level).toBe('info')
})

test('a failure shows what was asked of what, the status, the attempts and the time', () => {
  expect(narrate({ type: 'redfish.mount.task.failed', data: failure })).toEqual({
    level: 'error',
    step: 'redfish.mount.task',
    message:
      'the task medium was not mounted: the BMC was busy ' +
      '[insertMedia on /redfish/v1/Managers/1/VirtualMedia/CD1, status 503, 5 attempts in 1 min 1 s]',
  })
})

test('a fault of cleanup is a warning, as it never changes the outcome', () => {
  expect(narrate({ type: 'cleanup.unmount.failed', data: failure }).level).toBe('warning')
})

test('an announced reset and what was seen of it are told apart', () => {
  const before = { enabled: 'Once', target: 'Cd', mode: null }
  const data = { reset_type: 'ForceRestart', reason: 'boot', before: power, override_before: before }
  expect(narrate({ type: 'redfish.reset.requested', data }).message).toContain('ForceRestart is sent')
  const unknown = { happened: 'unknown', evidence: null, after: power }
  expect(narrate({ type: 'redfish.reset.resolved', data: unknown })).toMatchObject({ level: 'warning' })
})

test('where media go is told for every layout, and what was built for it', () => {
  const slots = { maintenance: '/vm/1', task: '/vm/1' }
  const found = { vendor: 'hpe', model: null, firmware: null, findings: [], elapsed_ms: 5 }
  const single = { ...found, layout: { kind: 'single-cd', ...slots } }
  expect(narrate({ type: 'redfish.discover.succeeded', data: single }).message).toBe(
    'BMC read in 5 ms: hpe; maintenance and task medium go to /vm/1 as one',
  )
  const built = { form: 'merged', sha256: 'ab', bytes: 7, base_sha256: 'cd', elapsed_ms: 5 }
  expect(narrate({ type: 'media.build.succeeded', data: built })).toEqual({
    level: 'info',
    step: 'media.build',
    message: 'task files merged into the maintenance ISO cd in 5 ms: 7 bytes, SHA-256 ab',
  })
})

test('a failed report is an error that names the unit', () => {
  const data = { status: 'failed', failed_step: 'image-linux.service', delivery_id: null }
  expect(narrate({ type: 'report.received', data })).toEqual({
    level: 'error',
    step: null,
    message: 'the maintenance OS reports that image-linux.service failed',
  })
})

test.each(Object.keys(jobEvents).filter((type) => /\.(?:elapsed|failed)$/.test(type)))(
  '%s is told as something wrong, except a retry that is only due',
  (type) => {
    const { level, message } = narrate({ type, data: failure })
    expect(message.length).toBeGreaterThan(10)
    expect(level === 'info').toBe(type === 'server.release.retry.elapsed')
  },
)

test('a job that stood still is a warning when it was helped, and an error when somebody has to', () => {
  const data = { reason: 'deadline.missing', subject: 'redfish', repaired: true }
  expect(narrate({ type: 'actor.stall.observed', data })).toEqual({
    level: 'warning',
    step: null,
    message: 'the job would not have gone on by itself: a deadline was not armed (redfish); this is put right',
  })
  const standing = { reason: 'reservation.missing', subject: 'SN-0001', repaired: false }
  expect(narrate({ type: 'actor.stall.observed', data: standing }).level).toBe('error')
})

test('an event of a later version is told by its type', () => {
  expect(narrate({ type: 'redfish.reset.imagined', data: {} })).toEqual({
    level: 'info',
    step: 'redfish.reset',
    message: 'redfish.reset.imagined',
  })
})

test('waits are told by what they are for, what is due first first', () => {
  const waits = narrateWaits([
    { name: 'job', due_at: '2026-03-01T16:00:00.000Z' },
    { name: 'webhook.wait', due_at: '2026-03-01T14:00:00.000Z' },
  ])
  expect(waits).toEqual([
    { for: 'the report of the maintenance OS', deadline: 'webhook.wait', until: '2026-03-01T14:00:00.000Z' },
    { for: 'the end of the whole job', deadline: 'job', until: '2026-03-01T16:00:00.000Z' },
  ])
})
