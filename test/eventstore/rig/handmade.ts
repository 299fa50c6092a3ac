// Appends that no machine decided: an event that fits its stream by version and hash, and nothing else.
import { eq } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { loadActor } from '../../../eventstore/log/actors.ts'
import type { StreamAppend } from '../../../eventstore/log/commit.ts'
import { hashEvent } from '../../../eventstore/log/event.ts'
import type { Database } from '../../../eventstore/postgres/database.ts'
import { jobRequests, jobs } from '../../../eventstore/schema.ts'
import { kinds, type StreamId } from '../../../machines/kinds.ts'
import { progress } from './world.ts'

/** The next event of a job, made without its machine: what an append takes that nobody decided. */
export async function nextOf(db: Database, stream: StreamId, data: unknown = progress(7).data): Promise<StreamAppend> {
  const actor = await loadActor(db, stream)
  if (actor === null) throw new Error(`${stream} is empty`)
  const [found] = await db
    .select({ row: jobs, request: jobRequests })
    .from(jobs)
    .innerJoin(jobRequests, eq(jobRequests.job_id, jobs.id))
    .where(eq(jobs.id, stream.slice(4)))
  if (found === undefined) throw new Error(`${stream} has no row`)
  return {
    stream,
    events: [eventOf(stream, { version: actor.version + 1, prevHash: actor.hash, data })],
    projected: { table: 'jobs', ...found },
    snapshot: null,
  }
}

export function eventOf(
  stream: StreamId,
  { version, prevHash, data }: { version: number; prevHash: string | null; data: unknown },
): StreamAppend['events'][number] {
  const unhashed = {
    id: uuidv7(),
    stream,
    version,
    type: 'progress.reported',
    data,
    schema_version: 1,
    state_from: null,
    state_to: 'provisioning.waitingForReport',
    machine: 'job',
    machine_version: kinds.job.machineVersion,
    at: '2026-01-01T00:00:00.000Z',
    actor: 'principal:test',
    causation_id: null,
    correlation_id: null,
    trace: null,
    prev_hash: prevHash,
  } as const
  const consequences = { asked: [], withdrawn: [], armed: [], disarmed: [] }
  return { event: { ...unhashed, hash: hashEvent(unhashed) }, consequences }
}
