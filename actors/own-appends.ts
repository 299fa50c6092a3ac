/**
 * Which of the latest events of each stream this process appended, without anybody else's in between. An effect that such
 * an event asked for follows a step of this very process, so that nobody else was at the BMC since, and what was read there
 * still counts.
 */
import type { NewEvent } from '../eventstore/append.ts'

type Place = Pick<NewEvent, 'stream' | 'version'>

export type OwnAppends = {
  readonly note: (event: Place) => void
  readonly has: (event: Place) => boolean
}

/** Remembers up to `streamsMax`; one that was forgotten is as good as somebody else's. */
export function createOwnAppends({ streamsMax }: { readonly streamsMax: number }): OwnAppends {
  // A Map keeps the order of insertion, so the first key is the oldest.
  const runs = new Map<string, { readonly from: number; readonly to: number }>()
  return {
    note: ({ stream, version }) => {
      const run = runs.get(stream)
      runs.delete(stream)
      runs.set(stream, { from: run?.to === version - 1 ? run.from : version, to: version })
      const [oldest] = runs.keys()
      if (runs.size > streamsMax && oldest !== undefined) runs.delete(oldest)
    },
    has: ({ stream, version }) => {
      const run = runs.get(stream)
      return run !== undefined && run.from <= version && version <= run.to
    },
  }
}
