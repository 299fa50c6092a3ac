/** What a job remembers at this moment, for services and readers of its media. */
import type { JobContext } from '../../machines/job/context.ts'
import type { Runtime } from '../runtime.ts'

/** @throws Error for a job without a history: it cannot have asked for anything. */
export async function jobContext(runtime: Pick<Runtime, 'read'>, jobId: string): Promise<JobContext> {
  const actor = await runtime.read('job', jobId)
  if (actor === null) throw new Error(`job ${jobId} asked for an effect but has no history`)
  return actor.snapshot.context
}
