/**
 * The key-value bucket of latest states, and writing to it so that an older state never replaces a newer one: a key's
 * revision is looked at first, then the state is read, then it is written if the revision is still the same. Whoever wrote
 * in between had read later than we looked, and we read again.
 *
 * How far the states go is kept in the bucket itself, under `publisher`: a bucket that was deleted, emptied or brought back
 * from a backup says by itself from where it has to be filled.
 */
import { ErrorCode, type KV, NatsError } from 'nats'
import { z } from 'zod'
import type { StreamId } from '../../machines/kinds.ts'
import { apiErrorCode, closeConnection, connectOnce, type NatsAccess, requestTimeoutMs } from './jetstream.ts'
import { type LatestState, stateKeyOf } from './latest-states.ts'

/** Somebody else writes to the bucket, or it is not the one that was opened: start over. */
export class BucketMoved extends Error {
  override readonly name = 'BucketMoved'
}

/** Reads the current states; null where a key is to go, missing where it is not to be touched. */
export type ReadStates = (streams: readonly StreamId[]) => Promise<ReadonlyMap<StreamId, LatestState | null>>

export type StatesBucket = {
  /** Aborts when the connection is gone. */
  readonly disconnected: AbortSignal
  /** How far the states go; null where the bucket is new. */
  readonly covered: () => Promise<Covered | null>
  /** Says that the states cover an event and all before it, and a removal and all before it. @throws BucketMoved. */
  readonly cover: (now: Covered) => Promise<void>
  /** That the bucket is still there and as we left it. @throws BucketMoved, and JetStream's error where it is gone. */
  readonly confirm: () => Promise<void>
  /** Writes what `read` says of these streams, all at once. @throws BucketMoved when others write to them all the time. */
  readonly store: (streams: readonly StreamId[], read: ReadStates) => Promise<void>
  readonly close: () => Promise<void>
}

export type Covered = {
  readonly eventId: string
  /** The last removed history whose key is gone (tombstones.ts); 0 before the first. */
  readonly removal: bigint
}

/** What the bucket last held for a key; a deleted key has a revision too. */
type Known = { readonly revision: number; readonly present: boolean }

const coveredKey = 'publisher'
/** Without `removal` it was written before histories could be removed. */
const covered = z.object({ event_id: z.uuid(), removal: z.string().regex(/^\d+$/).default('0') })
const conflictsMax = 5
/** Keys whose revision is remembered; for the others it is asked for when a write fails. */
const knownKeysMax = 10_000
/** Wrong last sequence, of which newer servers have two (nats-server, server/errors.json). */
const wrongRevision: ReadonlySet<number | undefined> = new Set([10_071, 10_164])

/** Connects and creates the bucket where there is none. @throws NatsError. */
export async function openStatesBucket(access: NatsAccess, name: string): Promise<StatesBucket> {
  const { connection, disconnected } = await connectOnce(access, 'provisioner states')
  try {
    const { views } = connection.jetstream({ timeout: requestTimeoutMs })
    await views.kv(name, { history: 1, description: 'Latest state of every job and server' })
    // Reads go to the leader: a replica that lags would show a key that is to go as if it were not there.
    const bucket = await views.kv(name, { bindOnly: true, allow_direct: false })
    return { disconnected, ...statesIn(bucket), close: () => closeConnection(connection) }
  } catch (error) {
    await closeConnection(connection)
    throw error
  }
}

function statesIn(bucket: KV): Omit<StatesBucket, 'disconnected' | 'close'> {
  const known = new Map<string, Known>()
  let coveredRevision = 0

  const remember = (key: string, now: Known) => {
    known.delete(key)
    known.set(key, now)
    const [oldest] = known.keys()
    if (known.size > knownKeysMax && oldest !== undefined) known.delete(oldest)
  }
  const look = async (key: string) => {
    const entry = await bucket.get(key)
    remember(key, { revision: entry?.revision ?? 0, present: entry?.operation === 'PUT' })
  }

  /** Whether the key is as wanted now; otherwise its revision has to be looked at, and the state read, again. */
  const write = async (key: string, state: LatestState | null): Promise<boolean> => {
    const before = known.get(key)
    if (state === null) {
      // A marker of a deletion where nothing was would stay for ever, so nothing is deleted on a guess.
      if (before?.present !== true) return before !== undefined
      const deleted = await unlessMoved(bucket.delete(key, { previousSeq: before.revision }))
      if (deleted !== null) known.delete(key)
      return deleted !== null
    }
    const put = await unlessMoved(bucket.put(key, JSON.stringify(state), { previousSeq: before?.revision ?? 0 }))
    if (put !== null) remember(key, { revision: put.answer, present: true })
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

/** What a write answers; null where the key has another revision than expected. @throws BucketMoved. */
async function unlessMoved<T>(writing: Promise<T>): Promise<{ readonly answer: T } | null> {
  try {
    return { answer: await writing }
  } catch (error) {
    if (wrongRevision.has(apiErrorCode(error))) return null
    // Nobody takes the key: opening the bucket again creates it, or says what is wrong.
    if (error instanceof NatsError && error.code === ErrorCode.NoResponders && error.api_error === undefined)
      throw new BucketMoved('the bucket of states was deleted', { cause: error })
    throw error
  }
}
