/** Reads of media become events of their job: first reads at once, then at most one fact per slot and interval. */

import { phaseOf } from '../../../machines/job/phase.ts'
import { mediaAreLive } from '../../../machines/job/view.ts'
import type { JobCommands } from '../../commands/jobs.ts'
import type { Log } from '../../log.ts'
import type { Runtime } from '../../runtime.ts'
import { type MediaRead, type MediaReadFact, readEvidence } from './evidence.ts'

export type MediaWatch = {
  readonly onRead: (read: MediaRead) => void
  /** True while a job needs its media, so that their URLs are valid. */
  readonly mediaLive: (jobId: string) => Promise<boolean>
  readonly stop: () => Promise<void>
}

export type MediaWatchOptions = {
  readonly jobs: JobCommands
  readonly runtime: Runtime
  readonly log: Log
  readonly flushEveryMs: number
}

/** Two slots for each of 10 000 concurrent jobs. */
const slotsMax = 20_000

export function watchMedia({ jobs, runtime, log, flushEveryMs }: MediaWatchOptions): MediaWatch {
  const recording = new Set<Promise<void>>()

  const emit = (fact: MediaReadFact) => {
    const recorded = jobs
      .recordMediaRead(fact.jobId, {
        medium: fact.medium,
        attempt: fact.attempt,
        first_read_at: fact.firstReadAt,
        last_read_at: fact.lastReadAt,
        highest_offset: fact.highestOffset,
        bytes: fact.bytes,
        requests: fact.requests,
      })
      .catch((error: unknown) => log.warn({ err: error, job_id: fact.jobId }, 'a read of media could not be recorded'))
      .finally(() => recording.delete(recorded))
    recording.add(recorded)
  }
  const evidence = readEvidence({ intervalMs: flushEveryMs, slotsMax, emit })
  const timer = setInterval(() => evidence.flush(), flushEveryMs)

  // Emits the last reads when cleanup begins, so that the history has them before the end of the job.
  runtime.onAppended((appended) => {
    for (const { event } of appended) {
      if (event.correlation_id === null || event.state_from === event.state_to) continue
      const phase = phaseOf(event.state_to)
      if (phase === 'complete') evidence.forget(event.correlation_id)
      else if (phase === 'cleaningUp') evidence.flush(event.correlation_id)
    }
  })

  return {
    onRead: evidence.record,
    mediaLive: async (jobId) => {
      const actor = await runtime.read('job', jobId)
      return actor !== null && mediaAreLive(actor.snapshot)
    },
    stop: async () => {
      clearInterval(timer)
      evidence.flush()
      await Promise.all(recording)
    },
  }
}
