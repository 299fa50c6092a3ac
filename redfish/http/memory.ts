/** What a client has learned of its BMC so far, from what it was given and from its own operations. */
import type { Learned } from '../learned.ts'

export type Memory = {
  known(): Learned
  /** Later lessons replace earlier ones about the same thing. */
  learn(lesson: Learned): void
}

export function createMemory(given: Learned): Memory {
  let learned = given
  return {
    known: () => learned,
    learn: (lesson) => {
      learned = { ...learned, ...lesson }
    },
  }
}
