/** What a client has learned of its BMC so far, from what it was given and from its own operations. */
import { isDeepStrictEqual } from 'node:util'
import type { Learned } from '../learned.ts'

export type Memory = {
  known(): Learned
  /** Later lessons replace earlier ones about the same thing. */
  learn(lesson: Learned): void
  /** All that was learned goes: it was of another firmware. */
  forget(): void
}

/** `onLearned` hears of everything that is known, whenever that has changed. */
export function createMemory(given: Learned, onLearned: (learned: Learned) => void = () => {}): Memory {
  let learned = given
  return {
    known: () => learned,
    learn: (lesson) => {
      const next = { ...learned, ...lesson }
      if (isDeepStrictEqual(next, learned)) return
      learned = next
      onLearned(learned)
    },
    forget: () => {
      learned = {}
    },
  }
}
