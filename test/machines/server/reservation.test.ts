/** A server serialises jobs: one at a time, first come, first served. */
import { expect, test } from 'vitest'
import { viewServer } from '../../../machines/server/view.ts'
import { given } from '../given.ts'
import { firstJob, happened, leftDirty, reachable, reserved, secondJob } from './samples.ts'

const path = (parts: Partial<Record<'reservation' | 'probe' | 'power' | 'media', string>>) => {
  const all = { reservation: 'available', probe: 'reachable', power: 'idle', media: 'clean', ...parts }
  return `active.${Object.entries(all)
    .map(([region, state]) => `${region}.${state}`)
    .join('|')}`
}

test('an available server is reserved by the job that asks first', () => {
  given('server', reachable)
    .when(happened('server.reserved'))
    .leadsTo({ state: path({ reservation: 'reserved' }), context: { jobId: firstJob } })
})

test('a reserved server takes no second job and cannot be removed', () => {
  const held = given('server', reserved)
  held.refuses(happened('server.reserved', { job_id: secondJob }))
  held.refuses(happened('server.removed'))
})

test('its holder gives it free, and is remembered', () => {
  given('server', reserved)
    .when(happened('server.released'))
    .leadsTo({ state: path({}), context: { jobId: null, lastJobId: firstJob, dirtySlots: null } })
})

test('a job that does not hold it cannot give it free', () => {
  const released = happened('server.released', { job_id: secondJob, cleanup: 'dirty' })
  given('server', reserved).refuses(released)
  given('server', reachable).refuses(released)
})

test('after its release the next job has it', () => {
  given('server', [...reserved, happened('server.released')])
    .when(happened('server.reserved', { job_id: secondJob }))
    .leadsTo({ state: path({ reservation: 'reserved' }), context: { jobId: secondJob, lastJobId: firstJob } })
})

test('a changed registration leaves the reservation, the power action and the dirty slots as they are', () => {
  const changed = happened('server.changed')
  const probing = { asks: ['server.probe'], context: { bmcAddress: 'https://192.0.2.11', description: null } }
  given('server', reserved)
    .when(changed)
    .leadsTo({ ...probing, state: path({ reservation: 'reserved', probe: 'probing' }) })
  given('server', [...reachable, happened('server.power.requested')])
    .when(changed)
    .leadsTo({ ...probing, state: path({ probe: 'probing', power: 'switching' }) })
  given('server', leftDirty)
    .when(changed)
    .leadsTo({ ...probing, state: path({ probe: 'probing', media: 'dirty.waiting' }) })
  const holder = given('server', [...reserved, changed])
  holder.when(happened('server.released')).leadsTo({ state: path({ probe: 'probing' }), context: { jobId: null } })
})

test('a removed server ends: it takes nothing but a new registration', () => {
  const busy = [...leftDirty, happened('server.power.requested'), happened('server.probe.requested')]
  given('server', busy)
    .when(happened('server.removed'))
    .leadsTo({ state: 'removed', withdraws: ['server.power', 'server.probe'], disarms: ['server.cleanup.retry'] })
  const removed = given('server', [...busy, happened('server.removed')])
  expect(removed.snapshot.hasTag('ended')).toBe(true)
  for (const type of ['server.reserved', 'server.probe.requested', 'server.power.requested', 'server.changed'] as const)
    removed.refuses(happened(type))
})

test('a server that is registered again starts anew, without what was going on', () => {
  const removed = [...leftDirty, happened('server.power.requested'), happened('server.removed')]
  given('server', removed)
    .when(happened('server.registered'))
    .leadsTo({
      state: path({ probe: 'probing' }),
      asks: ['server.probe'],
      context: { powerAction: null, dirtySlots: null, cleanupTries: 0, description: null, lastJobId: firstJob },
    })
})

test('the outside sees the most telling word', () => {
  const statusAfter = (events: Parameters<typeof given>[1]) => viewServer(given('server', events).snapshot).status
  const registered = happened('server.registered')
  expect(statusAfter([registered])).toBe('probing')
  expect(statusAfter([registered, happened('server.probe.failed')])).toBe('unreachable')
  expect(statusAfter(reachable)).toBe('available')
  expect(statusAfter([...reachable, happened('server.probe.requested')])).toBe('available')
  expect(statusAfter(reserved)).toBe('reserved')
  expect(statusAfter([...reachable, happened('server.removed')])).toBe('removed')
})
