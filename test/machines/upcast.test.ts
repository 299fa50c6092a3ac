/** Events of older versions, read by a program that knows a newer one (next-release.ts). */
import { describe, expect, test } from 'vitest'
import { InvalidEventError } from '../../machines/event.ts'
import { createEvolve } from '../../machines/evolve.ts'
import { firstDivergence } from '../../machines/history/what-if.ts'
import { jobMachine } from '../../machines/job/machine.ts'
import { kinds } from '../../machines/kinds.ts'
import { createUpcast } from '../../machines/upcast.ts'
import { recordedHistories } from './histories.ts'
import { happened, wayTo } from './job/samples.ts'
import { nextEvents, nextKinds, nextUpcasts } from './next-release.ts'

const { upcast, evolve } = nextKinds.job
const cancel = (schema_version: number, data: unknown) => ({ type: 'cancel.requested', schema_version, data })

describe('an event', () => {
  test('of the first version is brought through every version to the newest, and is left as it was itself', () => {
    const recorded = cancel(1, { reason: 'wrong rack' })
    expect(upcast(recorded)).toEqual(cancel(3, { note: 'wrong rack', urgency: 'unknown' }))
    expect(recorded).toEqual(cancel(1, { reason: 'wrong rack' }))
  })

  test('of a version in between goes the rest of the way', () => {
    expect(upcast(cancel(2, { reason: null, urgency: 'at once' }))).toEqual(
      cancel(3, { note: null, urgency: 'at once' }),
    )
  })

  test('of the newest version, or of one that is only being proposed, is not touched', () => {
    const newest = cancel(3, { note: null, urgency: 'in time' })
    expect(upcast(newest)).toBe(newest)
    const proposed = { type: 'cancel.requested', data: newest.data }
    expect(upcast(proposed)).toBe(proposed)
  })

  test('of a version that this program does not know yet is refused, not misread', () => {
    expect(() => upcast(cancel(4, {}))).toThrow(InvalidEventError)
    expect(() => upcast(cancel(4, {}))).toThrow('recorded in version 4; this program reads it up to version 3')
  })

  test.each([0, 1.5, Number.NaN])('of version %d, which cannot be, is refused', (version) => {
    expect(() => upcast(cancel(version, { reason: null }))).toThrow(InvalidEventError)
  })

  test('whose data are not even of its own version is refused, and the data are not repeated', () => {
    const broken = createUpcast(
      { changed: { version: 2, data: nextEvents['cancel.requested']?.data ?? expect.fail() } },
      { changed: { 1: (data) => (data as { name: string }).name.toUpperCase() } },
    )
    const event = { type: 'changed', schema_version: 1, data: { password: 'hunter2' } }
    expect(() => broken(event)).toThrow(new InvalidEventError('changed has data that are not of its version 1'))
  })
})

describe('a program that could not read its own histories does not start', () => {
  test('a version without a way to the next is named', () => {
    const { 2: _dropped, ...some } = nextUpcasts['cancel.requested'] ?? {}
    expect(() => createUpcast(nextEvents, { ...nextUpcasts, 'cancel.requested': some })).toThrow(
      'cancel.requested: there is no way from version 2 to version 3',
    )
  })

  test.each([
    [
      'a version that is the newest',
      { ...nextUpcasts, 'cancel.requested': { ...nextUpcasts['cancel.requested'], 3: String } },
    ],
    ['a type that does not exist', { ...nextUpcasts, 'cancel.invented': { 1: String } }],
  ])('a way from %s leads nowhere', (_what, upcasts) => {
    expect(() => createUpcast(nextEvents, upcasts)).toThrow('leads nowhere')
  })
})

describe('a machine that knows the newest version only', () => {
  const requested = wayTo('provisioning.polling')
  const [first, ...later] = requested
  if (first === undefined) throw new Error('a way begins with an event')
  const polling = later.reduce((snapshot, event) => evolve.next(snapshot, event).snapshot, evolve.start(first).snapshot)

  test('is given an old event in its newest form', () => {
    const old = cancel(1, { reason: 'wrong rack' })
    expect(evolve.accepts(polling, old)).toBe(true)
    const { snapshot } = evolve.next(polling, old)
    expect(snapshot.context).toMatchObject({ outcome: 'cancelled', failure: { message: 'wrong rack (unknown)' } })
  })

  test('cannot read the old form itself: it would fail without the upcast', () => {
    const takenForNew = { type: 'cancel.requested', data: { reason: 'wrong rack' } }
    expect(() => evolve.next(polling, takenForNew)).toThrow()
  })

  test('starts an actor from an old first event', () => {
    const renamed = createUpcast(
      { 'job.requested': { version: 2, data: kinds.job.events['job.requested']?.data ?? expect.fail() } },
      { 'job.requested': { 1: (data) => ({ ...(data as object), server_serial: 'SN-RENAMED' }) } },
    )
    const { snapshot } = createEvolve(jobMachine, renamed).start({ ...happened('job.requested'), schema_version: 1 })
    expect(snapshot.context).toMatchObject({ serverSerial: 'SN-RENAMED' })
  })

  test.each(recordedHistories)('replays the recorded history $name', ({ events }) => {
    expect(firstDivergence(nextKinds.job, events)).toBeNull()
  })
})
