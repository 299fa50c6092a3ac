/** Bringing a bucket of latest states to where its writer goes on: filling it, and deleting keys of removed histories. */
import { eq } from 'drizzle-orm'
import { beginning, type Checkpoint } from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import { events } from '../schema.ts'
import { listRemovals } from '../upkeep/tombstones.ts'
import { listStreams, readLatestStates } from './latest-states.ts'
import type { Covered, StatesBucket } from './latest-states-bucket.ts'

export type Filled = { readonly at: Checkpoint; readonly covered: Covered | null }

const pageMax = 256

/**
 * Writes every state up to a place into a bucket that is new or follows another log. `before` is what the bucket covered.
 * Returns the place from which to go on.
 */
export async function fillBucket(
  db: Database,
  bucket: StatesBucket,
  { upTo, before }: { readonly upTo: Checkpoint; readonly before: Covered | null },
): Promise<Filled> {
  if (upTo.xid === beginning.xid) return { at: upTo, covered: before }
  const [last] = await db
    .select({ id: events.id })
    .from(events)
    .where(eq(events.position, BigInt(upTo.position)))
  // The event was archived since: going over the whole log does the same, slower.
  if (last === undefined) return { at: beginning, covered: before }
  for (let page = await listStreams(db, { after: '', limit: pageMax }); ; ) {
    const after = page.at(-1)
    if (after === undefined) break
    await bucket.store(page, (left) => readLatestStates(db, left, upTo))
    page = await listStreams(db, { after, limit: pageMax })
  }
  const covered = { eventId: last.id, removal: before?.removal ?? 0n }
  await bucket.cover(covered)
  return { at: upTo, covered }
}

/** Deletes the keys of removed histories. A removal is not notified, so the writer looks for them. */
export async function forgetRemoved(db: Database, bucket: StatesBucket, covered: Covered): Promise<Covered> {
  for (let now = covered; ; ) {
    const removals = await listRemovals(db, { after: now.removal, limit: pageMax })
    const last = removals.at(-1)
    if (last === undefined) return now
    const streams = removals.map(({ tombstone }) => tombstone.stream)
    await bucket.store(streams, async (left) => new Map(left.map((stream) => [stream, null])))
    now = { ...now, removal: last.position }
    await bucket.cover(now)
  }
}
