/** A document that one operation leaves to the next is never used once it may be outdated. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Answer } from '../../../../redfish/client/service/answer.ts'
import { createHandover } from '../../../../redfish/client/service/handover.ts'

const system = '/redfish/v1/Systems/1'
const slots = [`${system}/VirtualMedia/CD1`, `${system}/VirtualMedia/CD10`] as const

const answer = (path: string, doc: Answer['doc'] = {}): Answer => ({
  path,
  status: 200,
  doc,
  etag: null,
  location: null,
  retryAfterMs: null,
})

/** A handover at a time that the test sets. */
function rig() {
  const clock = { nowMs: 1_000_000 }
  return { clock, handover: createHandover(() => clock.nowMs) }
}

test('a document is taken once, and seen as often as somebody looks', () => {
  const { handover } = rig()
  const left = answer(system)
  handover.leave(left)
  expect([handover.peek(system, 0), handover.peek(system, 0)]).toEqual([left, left])
  expect(handover.take(system, 0)).toBe(left)
  expect([handover.take(system, 0), handover.peek(system, 0)]).toEqual([null, null])
})

test('a document is good for as long as its reader says, to the millisecond', () => {
  const { clock, handover } = rig()
  handover.leave(answer(system))
  clock.nowMs += 2_000
  expect(handover.peek(system, 2_000)).not.toBeNull()
  clock.nowMs += 1
  expect(handover.peek(system, 2_000)).toBeNull()
})

test('a write to a slot is none to the System above it', () => {
  const { handover } = rig()
  for (const path of [system, slots[0]]) handover.leave(answer(path))
  handover.wrote(`${slots[0]}/Actions/VirtualMedia.InsertMedia`)
  expect(handover.peek(slots[0], 0)).toBeNull()
  expect(handover.peek(system, 0)).not.toBeNull()
})

test('a write to a slot whose name begins like another’s is none to that one', () => {
  const { handover } = rig()
  for (const path of slots) handover.leave(answer(path))
  handover.wrote(`${slots[1]}/Actions/VirtualMedia.EjectMedia`)
  expect(handover.peek(slots[1], 0)).toBeNull()
  expect(handover.peek(slots[0], 0)).not.toBeNull()
})

test('a write to a slot that nobody has read is none to the System, once it is said whose it is', () => {
  const { handover } = rig()
  const eject = '/redfish/v1/Managers/1/VirtualMedia/CD1/Actions/VirtualMedia.EjectMedia'
  const slot = '/redfish/v1/Managers/1/VirtualMedia/CD1'
  handover.leave(answer(system))
  handover.mark(slot)
  expect(handover.peek(slot, 0)).toBeNull()
  handover.wrote(eject)
  expect(handover.peek(system, 0)).not.toBeNull()
})

test.each([
  ['of a vendor', '/redfish/v1/Managers/1/Actions/Oem/Vendor.DoAnything'],
  ['on a slot that nobody left, whose name goes on from another’s', `${slots[0]}0/Actions/VirtualMedia.EjectMedia`],
])('an action %s ends what was left of everything', (_, target) => {
  const { handover } = rig()
  handover.leave(answer(slots[0]))
  handover.leave(answer('/redfish/v1/Systems/2'))
  handover.wrote(target)
  expect([handover.peek(slots[0], 0), handover.peek('/redfish/v1/Systems/2', 0)]).toEqual([null, null])
})

test('a write counts for a path that ends in a slash like for one that does not', () => {
  const { handover } = rig()
  handover.leave(answer(`${system}/`))
  handover.leave(answer('/redfish/v1/Managers/1'))
  handover.wrote(system)
  expect(handover.peek(`${system}/`, 0)).toBeNull()
  expect(handover.peek('/redfish/v1/Managers/1', 0)).not.toBeNull()
})

test('no more documents are kept than are ever used', () => {
  const { handover } = rig()
  const paths = Array.from({ length: 12 }, (_, index) => `/redfish/v1/Systems/${index}`)
  for (const path of paths) handover.leave(answer(path))
  expect(paths.filter((path) => handover.peek(path, 0) !== null)).toEqual(paths.slice(-8))
})

type Step =
  | { readonly kind: 'leave'; readonly path: string }
  | { readonly kind: 'take'; readonly path: string }
  | { readonly kind: 'write'; readonly path: string; readonly below: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'wait'; readonly ms: number }

const path = fc.constantFrom(system, `${system}/Settings`, ...slots, '/redfish/v1/Managers/1/VirtualMedia/USB1')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('leave' as const), path }),
  fc.record({ kind: fc.constant('take' as const), path }),
  fc.record({ kind: fc.constant('write' as const), path, below: fc.constantFrom('', '/Actions/Oem.Do', '/') }),
  fc.record({ kind: fc.constant('clear' as const) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 50_000 }) }),
)
const ageMsMax = 30_000

test('whatever happens, what is used was read since the last write to it, the last forgetting, its last use, and lately', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { clock, handover } = rig()
      /** When each document was left last; absent as soon as it must not be used. */
      const readAtMs = new Map<string, number>()
      steps.forEach((next, index) => {
        if (next.kind === 'wait') clock.nowMs += next.ms
        else if (next.kind === 'clear') {
          handover.clear()
          readAtMs.clear()
        } else if (next.kind === 'leave') {
          handover.leave(answer(next.path, { index }))
          readAtMs.set(next.path, clock.nowMs)
        } else if (next.kind === 'take') {
          handover.take(next.path, ageMsMax)
          readAtMs.delete(next.path)
        } else {
          handover.wrote(`${next.path}${next.below}`)
          readAtMs.delete(next.path)
        }
        for (const known of [system, `${system}/Settings`, ...slots]) {
          const used = handover.peek(known, ageMsMax)
          if (used === null) continue
          const leftAtMs = readAtMs.get(known)
          if (leftAtMs === undefined) throw new Error(`${known} is used although it may have changed`)
          expect(clock.nowMs - leftAtMs).toBeLessThanOrEqual(ageMsMax)
        }
      })
    }),
  )
})
