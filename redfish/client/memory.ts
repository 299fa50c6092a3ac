/** The lessons of a client about its BMC: those that it was given, and those of its own operations. */
import { isDeepStrictEqual } from 'node:util'
import type { Learned } from '../learned.ts'

export type Memory = {
  known(): Learned
  /** A later lesson replaces an earlier one about the same thing. */
  learn(lesson: Learned): void
  /** Drops every lesson: they were of another firmware. */
  forget(): void
}

/** Calls `onLearned` with all lessons whenever they have changed. */
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
