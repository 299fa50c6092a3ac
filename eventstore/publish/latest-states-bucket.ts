/**
 * The key-value bucket of latest states, and writing to it by compare-and-set, so that an older state never replaces a newer
 * one: the writer reads a key's revision, then the state, and writes it only if the revision is still the same. A writer in
 * between had read its state later, so this one reads again.
 *
 * The bucket itself holds how far its states go, under `publisher`: so a bucket that was deleted, emptied or restored from a
 * backup shows from where it has to be filled.
 */
import { LRUCache } from 'lru-cache'
import { ErrorCode, type KV, NatsError } from 'nats'
import { z } from 'zod'
import type { StreamId } from '../../machines/kinds.ts'
import { apiErrorCode, closeConnection, connectOnce, type NatsAccess, requestTimeoutMs } from './jetstream.ts'
import { type LatestState, stateKeyOf } from './latest-states.ts'

/** Another writer changed the bucket, or it is not the one that was opened: the writer opens it again. */
class BucketMoved extends Error {
  override readonly name = 'BucketMoved'
}

/** Reads the current states. Null deletes a key; a stream that is missing leaves its key alone. */
type ReadStates = (streams: readonly StreamId[]) => Promise<ReadonlyMap<StreamId, LatestState | null>>

export type StatesBucket = {
  /** Aborts when the connection is gone. */
  readonly disconnected: AbortSignal
  /** The events and removals that the states cover; null for a new bucket. */
  readonly covered: () => Promise<Covered | null>
  /** Records that the states cover an event and all before it, and a removal and all before it. @throws BucketMoved. */
  readonly cover: (now: Covered) => Promise<void>
  /** Checks that the bucket is there and unchanged by others. @throws BucketMoved, and JetStream's error when it is gone. */
  readonly confirm: () => Promise<void>
  /** Writes the states that `read` returns for these streams, all at once. @throws BucketMoved after repeated conflicts. */
  readonly store: (streams: readonly StreamId[], read: ReadStates) => Promise<void>
  readonly close: () => Promise<void>
}

export type Covered = {
  readonly eventId: string
  /** The last removed history whose key is gone (tombstones.ts); 0 before the first. */
  readonly removal: bigint
}

/** The last known revision of a key; a deleted key has one too. */
type Known = { readonly revision: number; readonly present: boolean }

const coveredKey = 'publisher'
/** Without `removal` it was written before histories could be removed. */
const covered = z.object({ event_id: z.uuid(), removal: z.string().regex(/^\d+$/).default('0') })
const conflictsMax = 5
/** Cached revisions; for other keys the writer reads the revision after a write failed. */
const knownKeysMax = 10_000
/** Wrong last sequence, of which newer servers have two (nats-server, server/errors.json). */
const wrongRevision: ReadonlySet<number | undefined> = new Set([10_071, 10_164])

/** Connects and creates the bucket where there is none. @throws NatsError. */
export async function openStatesBucket(access: NatsAccess, name: string): Promise<StatesBucket> {
  const { connection, disconnected } = await connectOnce(access, 'provisioner states')
  try {
    const { views } = connection.jetstream({ timeout: requestTimeoutMs })
    await views.kv(name, { history: 1, description: 'Latest state of every job and server' })
    // Reads go to the leader: a replica that lags could miss a key, which would then never be deleted.
    const bucket = await views.kv(name, { bindOnly: true, allow_direct: false })
    return { disconnected, ...statesIn(bucket), close: () => closeConnection(connection) }
  } catch (error) {
    await closeConnection(connection)
    throw error
  }
}

function statesIn(bucket: KV): Omit<StatesBucket, 'disconnected' | 'close'> {
  const known = new LRUCache<string, Known>({ max: knownKeysMax })
  let coveredRevision = 0

  const look = async (key: string) => {
    const entry = await bucket.get(key)
    known.set(key, { revision: entry?.revision ?? 0, present: entry?.operation === 'PUT' })
  }

  /** Returns true when the key holds the state now, and false when its revision was another one. */
  const write = async (key: string, state: LatestState | null): Promise<boolean> => {
    const before = known.get(key)
    if (state === null) {
      // Only a key that is known to exist is deleted: the marker of a needless deletion would stay for ever.
      if (before?.present !== true) return before !== undefined
      const deleted = await unlessMoved(bucket.delete(key, { previousSeq: before.revision }))
      if (deleted !== null) known.delete(key)
      return deleted !== null
    }
    const put = await unlessMoved(bucket.put(key, JSON.stringify(state), { previousSeq: before?.revision ?? 0 }))
    if (put !== null) known.set(key, { revision: put.answer, present: true })
    return put !== null
  }

  return {
    covered: async () => {
      const entry = await bucket.get(coveredKey)
      coveredRevision = entry?.revision ?? 0
      if (entry?.operation !== 'PUT') return null
      const { event_id, removal } = covered.parse(entry.json())
      return { eventId: event_id, removal: BigInt(removal) }
    },
    cover: async ({ eventId, removal }) => {
      const told: z.infer<typeof covered> = { event_id: eventId, removal: removal.toString() }
      const value = JSON.stringify(told)
      const put = await unlessMoved(bucket.put(coveredKey, value, { previousSeq: coveredRevision }))
      if (put === null) throw new BucketMoved('the bucket of states was emptied, or somebody else writes to it')
      coveredRevision = put.answer
    },
    confirm: async () => {
      const entry = await bucket.get(coveredKey)
      if ((entry?.revision ?? 0) !== coveredRevision)
        throw new BucketMoved('the bucket of states was changed or emptied')
    },
    store: async (streams, read) => {
      let left = streams
      for (let attempt = 0; left.length > 0; attempt += 1) {
        if (attempt === conflictsMax) throw new BucketMoved('somebody else writes to the bucket of states all the time')
        const states = await read(left)
        const missed = await Promise.all(
          left.map(async (stream) => {
            const state = states.get(stream)
            return state === undefined || (await write(stateKeyOf(stream), state)) ? [] : [stream]
          }),
        )
        left = missed.flat()
        await Promise.all(left.map((stream) => look(stateKeyOf(stream))))
      }
    },
  }
}

/** The answer to a write; null when the key has another revision than expected. @throws BucketMoved. */
async function unlessMoved<T>(writing: Promise<T>): Promise<{ readonly answer: T } | null> {
  try {
    return { answer: await writing }
  } catch (error) {
    if (wrongRevision.has(apiErrorCode(error))) return null
    // No stream takes the key: opening the bucket again creates it, or fails with the cause.
    if (error instanceof NatsError && error.code === ErrorCode.NoResponders && error.api_error === undefined)
      throw new BucketMoved('the bucket of states was deleted', { cause: error })
    throw error
  }
}
