/**
 * The one way into the log. A commit appends events to one or more streams and, in the same transaction, stores their
 * consequences: effects asked for or withdrawn, deadlines armed or disarmed, read models, snapshots.
 *
 * The caller has read all that its decision needs before the transaction. That keeps the log's tail in order: a later
 * version of a stream is always written by a later transaction (see tail.ts).
 */
import type { Database } from '../postgres/database.ts'
import { sqlState, violatedConstraint } from '../postgres/sql-error.ts'
import type { Condition, StreamAppend } from './commit.ts'
import { appendParameters, appendStatement, type CommitAppend } from './statement.ts'

/**
 * Another commit was first, usually with another event of this version of the stream. The caller has to decide anew.
 */
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
 * @throws ConditionGone when the lease was lost, the deadline disarmed, or the repair no longer needed.
 * @throws ValueTaken when an idempotency key was used in the meantime.
 */
export async function append(db: Database, appends: readonly StreamAppend[], condition?: Condition): Promise<void> {
  await appendTogether(db, [{ appends, ...(condition === undefined ? {} : { condition }) }])
}

/**
 * Appends all commits or none, in one statement. No two of them may append to the same stream.
 * @throws the errors of `append`, when any of the commits causes one.
 */
export async function appendTogether(db: Database, commits: readonly CommitAppend[]): Promise<void> {
  try {
    const parameters = appendParameters(commits)
    const [row] = await db.appends.unsafe<{ appended: number }[]>(appendStatement, parameters, { prepare: true })
    if (row === undefined || row.appended === 0)
      throw new VersionConflict('a stream does not end with the event that was to be followed')
  } catch (error) {
    throw translated(error, commits)
  }
}

/** The constraints that a repair violates if the row that it puts back exists again. */
const pendingConstraints: readonly unknown[] = ['effects_pkey', 'effects_stream_key', 'deadlines_pkey']

function translated(error: unknown, commits: readonly CommitAppend[]): unknown {
  switch (sqlState(error)) {
    // Performers that lease effects lock their rows too, several at a time and in any order.
    case '40P01':
      return new VersionConflict('Postgres ended this append to resolve a deadlock', { cause: error })
    case '22012':
      return new ConditionGone(
        'the effect is not leased in this epoch any more, the deadline is not armed or not due, or there is nothing to repair',
      )
    case '23505': {
      const constraint = violatedConstraint(error)
      // `events_id_key`: this very append was sent before.
      if (constraint === 'events_stream_version' || constraint === 'events_id_key')
        return new VersionConflict('another event was appended first', { cause: error })
      if (constraint === 'job_requests_idempotency_key')
        return new ValueTaken('the idempotency key is taken', { cause: error })
      if (pendingConstraints.includes(constraint) && commits.some(({ condition }) => condition?.kind === 'repair'))
        return new ConditionGone('a row that was to be put back is there again', { cause: error })
      return error
    }
    default:
      return error
  }
}
