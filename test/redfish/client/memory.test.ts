import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemory } from '../../../redfish/client/memory.ts'
import type { Learned } from '../../../redfish/learned.ts'

const lesson: fc.Arbitrary<Learned> = fc
  .record(
    {
      insert: fc.record({
        method: fc.constantFrom('POST' as const, 'PATCH' as const),
        with: fc.dictionary(fc.constantFrom('Inserted', 'TransferMethod'), fc.oneof(fc.boolean(), fc.string()), {
          noNullPrototype: true,
        }),
      }),
      boot: fc.record({ allInSettings: fc.boolean(), withoutMode: fc.boolean() }),
      resetsRefused: fc.array(fc.constantFrom('GracefulRestart' as const, 'PowerCycle' as const)),
      sessions: fc.string(),
      ejects: fc.dictionary(fc.string(), fc.string()),
    },
    { requiredKeys: [] },
  )
  // As it comes from a history: objects like any others.
  .map((learned) => structuredClone(learned))

test('what is known is what was given until something is learned', () => {
  const given = { sessions: '/redfish/v1/Sessions' }
  expect(createMemory(given).known()).toEqual(given)
})

test('learning the same again changes nothing, and nobody hears of it', () => {
  fc.assert(
    fc.property(lesson, lesson, (given, learned) => {
      const heard: Learned[] = []
      const memory = createMemory(given, (all) => heard.push(all))
      memory.learn(learned)
      const [known, times] = [memory.known(), heard.length]
      memory.learn(learned)
      memory.learn(structuredClone(known))
      expect(memory.known()).toEqual(known)
      expect(heard).toHaveLength(times)
    }),
  )
})

test('a later lesson replaces the earlier one about the same thing and no other', () => {
  fc.assert(
    fc.property(lesson, lesson, (given, learned) => {
      const memory = createMemory(given)
      memory.learn(learned)
      expect(memory.known()).toEqual({ ...given, ...learned })
    }),
  )
})

test('who listens hears all that is known by then, when it changed', () => {
  const heard: Learned[] = []
  const memory = createMemory({ sessions: '/a' }, (all) => heard.push(all))
  memory.learn({ wantsPrecondition: true })
  memory.learn({ sessions: '/a' })
  expect(heard).toEqual([{ sessions: '/a', wantsPrecondition: true }])
})

test('after forgetting, only what is learned from then on is known', () => {
  const heard: Learned[] = []
  const memory = createMemory({ sessions: '/a', wantsPrecondition: true }, (all) => heard.push(all))
  memory.forget()
  expect(memory.known()).toEqual({})
  memory.learn({ sessions: '/b' })
  expect(heard).toEqual([{ sessions: '/b' }])
})
