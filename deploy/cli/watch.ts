/** Following a job to its end. */
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { Job } from '../../machines/job/view.ts'
import type { Client } from './client.ts'
import { createProgress } from './progress.ts'

export type JobAnswer = Job & {
  readonly events?: readonly {
    readonly time: string
    readonly level: string
    readonly message: string
    readonly seq: number
  }[]
}

/** Shows a job's events until it is complete and resolves with the job. After a lost connection it continues at the next event. */
export async function watchJob(client: Client, jobId: string, signal: AbortSignal): Promise<JobAnswer> {
  const progress = createProgress()
  let seen = 0
  try {
    for (let complete = false; !complete; ) {
      for await (const event of client.stream<StoredEvent>(`/api/v1/jobs/${jobId}/events?after_seq=${seen}`, signal)) {
        progress.show(event)
        seen = event.version
        complete = event.state_to === 'complete'
        if (complete) break
      }
      signal.throwIfAborted()
    }
  } finally {
    progress.stop()
  }
  return client.request<JobAnswer>(`/api/v1/jobs/${jobId}`)
}
