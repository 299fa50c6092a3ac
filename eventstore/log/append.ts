/**
 * The one way into the log. A commit appends events to one or more streams and, in the same transaction, keeps what
 * follows from them: effects asked for or withdrawn, deadlines armed or disarmed, read models, snapshots.
 *
 * Everything that was read to decide was read before the transaction. That keeps the log's tail in order: a later
 * version of a stream is always written by a later transaction (see tail.ts).
 */
import { and, eq, inArray } from 'drizzle-orm'
import type { Consequences } from '../../machines/evolve.ts'
import type { StreamId } from '../../machines/kinds.ts'
import type { Database, Queryable } from '../postgres/database.ts'
import { sqlState, violatedConstraint } from '../postgres/sql-error.ts'
import { writeProjection } from '../read-models/write.ts'
import { deadlines, effects, events, snapshots } from '../schema.ts'
import type { Condition, NewEvent, StreamAppend } from './commit.ts'
import { deadlineRow, effectRow, type Repair, repairPending } from './consequences.ts'
import { appendParameters, appendStatement, type CommitAppend } from './statement.ts'

/** Another commit was first, usually with another event of this version of the stream. Read again and decide again. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict'
}

/** The condition of a commit no longer holds; nothing was written. */
export class ConditionGone extends Error {
  override readonly name = 'ConditionGone'
}

/** A unique value of a read model is taken, such as an idempotency key. */
export class ValueTaken extends Error {
  override readonly name = 'ValueTaken'
}

/**
 * Appends to all streams or to none.
 * @throws VersionConflict when another append was first.
 * @throws ConditionGone when the lease was lost or the deadline disarmed.
 * @throws ValueTaken when an idempotency key was used in the meantime.
 */
export async function append(db: Database, appends: readonly StreamAppend[], condition?: Condition): Promise<void> {
  if (condition?.kind === 'repair') return appendRepairing(db, appends, condition.repair)
  await appendTogether(db, [{ appends, ...(condition === undefined ? {} : { condition }) }])
}

/**
 * Appends all commits or none, in one statement. No two of them may append to the same stream.
 * @throws what `append` throws when it is so for any of the commits.
 */
export async function appendTogether(db: Database, commits: readonly CommitAppend[]): Promise<void> {
  try {
    const parameters = appendParameters(commits)
    const [row] = await db.appends.unsafe<{ appended: number }[]>(appendStatement, parameters, { prepare: true })
    if (row === undefined || row.appended === 0)
      throw new VersionConflict('a stream does not end with the event that was to be followed')
  } catch (error) {
    throw translated(error)
  }
}

/** The rare append that first puts the rows of the state before it right: statement by statement. */
async function appendRepairing(db: Database, appends: readonly StreamAppend[], repair: Repair): Promise<void> {
  try {
    await db.transaction(async (tx) => {
      await tx.insert(events).values(appends.flatMap((one) => one.events.map(({ event }) => ({ ...event }))))
      if (!(await repairPending(tx, repair)))
        throw new ConditionGone(`what was wrong with ${repair.stream} is not wrong any more`)
      for (const one of appends) {
        for (const { event, consequences } of one.events) await keepConsequences(tx, event, consequences)
        await writeProjection(tx, one.projected)
        if (one.snapshot) await keepSnapshot(tx, one.stream, one.snapshot)
      }
    })
  } catch (error) {
    throw translated(error)
  }
}

function translated(error: unknown): unknown {
  switch (sqlState(error)) {
    // Rows of effects are also locked by those who lease them, several at a time and in any order.
    case '40P01':
      return new VersionConflict('Postgres ended this append to resolve a deadlock', { cause: error })
    case '22012':
      return new ConditionGone(
        'the effect is not leased in this epoch any more, or the deadline is not armed or not due',
      )
    case '23505': {
      const constraint = violatedConstraint(error)
      // The second: the very same append was sent before.
      if (constraint === 'events_stream_version' || constraint === 'events_id_key')
        return new VersionConflict('another event was appended first', { cause: error })
      if (constraint === 'job_requests_idempotency_key')
        return new ValueTaken('the idempotency key is taken', { cause: error })
      return error
    }
    default:
      return error
  }
}

/** Brings effects and deadlines to what one event made of them. */
async function keepConsequences(
  tx: Queryable,
  event: Pick<NewEvent, 'id' | 'stream' | 'version' | 'at'>,
  consequences: Consequences,
): Promise<void> {
  const { asked, withdrawn, armed, disarmed } = consequences
  if (withdrawn.length > 0) {
    await tx.delete(effects).where(and(eq(effects.stream, event.stream), inArray(effects.key, [...withdrawn])))
  }
  if (asked.length > 0) {
    await tx.insert(effects).values(asked.map((effect) => effectRow(event, effect)))
  }
  if (disarmed.length > 0) {
    await tx.delete(deadlines).where(and(eq(deadlines.stream, event.stream), inArray(deadlines.name, [...disarmed])))
  }
  if (armed.length > 0) {
    await tx.insert(deadlines).values(armed.map((deadline) => deadlineRow(event, deadline)))
  }
}

async function keepSnapshot(
  tx: Queryable,
  stream: StreamId,
  snapshot: { version: number; machineVersion: string; state: unknown },
): Promise<void> {
  const row = { version: snapshot.version, machine_version: snapshot.machineVersion, state: snapshot.state }
  await tx
    .insert(snapshots)
    .values({ stream, ...row })
    .onConflictDoUpdate({ target: snapshots.stream, set: row })
}
