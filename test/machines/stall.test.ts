/** That an actor was found to stand still, or is recorded, is a fact of its history, whatever it is doing, and no more. */
import { expect, test } from 'vitest'
import type { DomainEvent } from '../../machines/event.ts'
import { evolveOf, fold } from './given.ts'
import * as ofJob from './job/samples.ts'
import * as ofServer from './server/samples.ts'

const nothing = { asked: [], withdrawn: [], armed: [], disarmed: [] }

test.each(ofJob.wayStates)('a job that is %s takes it and stays as it is', (state) => {
  const { next, accepts, dehydrate } = evolveOf('job')
  const snapshot = fold('job', ofJob.wayTo(state))
  const event = ofJob.happened('actor.stall.observed')
  expect(accepts(snapshot, event)).toBe(true)
  const { snapshot: after, ...asks } = next(snapshot, event)
  expect(asks).toEqual(nothing)
  expect(dehydrate(after)).toEqual(dehydrate(snapshot))
})

const registered = ofServer.happened('server.registered')
const histories: Readonly<Record<string, readonly DomainEvent[]>> = {
  probing: [registered],
  reserved: ofServer.reserved,
  dirty: ofServer.leftDirty,
  cleaning: [...ofServer.leftDirty, ofServer.happened('server.cleanup.retry.elapsed')],
  switching: [...ofServer.reachable, ofServer.happened('server.power.requested')],
  removed: [...ofServer.reachable, ofServer.happened('server.removed')],
}

const facts = ['actor.stall.observed', 'server.recording.started', 'server.recording.ended'] as const

test.each(Object.keys(histories).flatMap((name) => facts.map((type) => [name, type] as const)))(
  'a server that is %s takes %s and stays as it is',
  (name, type) => {
    const { next, accepts, dehydrate } = evolveOf('server')
    const snapshot = fold('server', histories[name] ?? [])
    const event = ofServer.happened(type)
    expect(accepts(snapshot, event)).toBe(true)
    const { snapshot: after, ...asks } = next(snapshot, event)
    expect(asks).toEqual(nothing)
    expect(dehydrate(after)).toEqual(dehydrate(snapshot))
  },
)
