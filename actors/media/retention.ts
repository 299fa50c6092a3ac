/** Removes the task media of jobs that ended long ago, and never an active job's (spec/media.md "Retention"). */
import type { Database } from '../../eventstore/postgres/database.ts'
import { type Loop, startLoop } from '../../eventstore/postgres/loop.ts'
import { endedJobs } from '../../eventstore/read-models/jobs.ts'
import type { Log } from '../log.ts'
import type { TaskStore } from './files/store.ts'

const sweepEveryMs = 3_600_000
const batchMax = 500

export type RetentionOptions = {
  readonly db: Database
  readonly store: TaskStore
  readonly days: number
  readonly log: Log
}

/** Removes the media of jobs that have been complete for `days` or were removed. @returns the number of those jobs. */
export async function removeExpired({ db, store, days }: Omit<RetentionOptions, 'log'>): Promise<number> {
  const stored = await store.list()
  let removed = 0
  for (let from = 0; from < stored.length; from += batchMax) {
    const ids = await endedJobs(db, { of: stored.slice(from, from + batchMax), days })
    for (const id of ids) await store.remove(id)
    removed += ids.length
  }
  return removed
}

/** Sweeps now and every hour. */
export function startRetention(options: RetentionOptions): Loop {
  const { log, days } = options
  return startLoop({
    everyMs: sweepEveryMs,
    work: async () => {
      const removed = await removeExpired(options)
      if (removed > 0) log.info({ removed, days }, 'task ISOs of ended jobs were removed')
    },
    onError: (error) => {
      log.warn({ err: error }, 'task ISOs could not be swept, trying again in an hour')
    },
  })
}
