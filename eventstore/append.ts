/**
 * The one way into the log. A commit appends events to one or more streams and, in the same transaction, keeps what
 * follows from them: effects asked for or withdrawn, deadlines armed or disarmed, read models, snapshots.
 *
 * Everything that was read to decide was read before the transaction. That keeps the log's tail in order: a later
 * version of a stream is always written by a later transaction (see tail.ts).
 */
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { DeadlineRequest, EffectRequest } from '../machines/evolve.ts'
import type { StreamId } from '../machines/kinds.ts'
import type { Database, Queryable } from './database.ts'
import type { HashedEvent } from './event.ts'
import { deadlineRow, effectRow, type Repair, repairPending } from './pending.ts'
import type { ProjectedRow } from './projections/project.ts'
import { writeProjection } from './projections/write.ts'
import { deadlines, effects, events, snapshots } from './schema.ts'
import { sqlState, violatedConstraint } from './sql-error.ts'

export type NewEvent = HashedEvent & { readonly hash: string }

/** One event's consequences, by the machine that evolved over it. */
export type Consequences = {
  readonly asked: readonly EffectRequest[]
  readonly withdrawn: readonly string[]
  readonly armed: readonly DeadlineRequest[]
  readonly disarmed: readonly string[]
}

export type StreamAppend = {
  readonly stream: StreamId
  readonly events: readonly { readonly event: NewEvent; readonly consequences: Consequences }[]
  readonly projected: ProjectedRow
  /** The state after the last event, where a snapshot is due. */
  readonly snapshot: { readonly version: number; readonly machineVersion: string; readonly state: unknown } | null
}

/** What must still hold at commit: the lease of the effect that reports, the deadline that fires, what a repair mends. */
export type Condition =
  /** `ends`: the outcome, which also removes the effect; otherwise a fact recorded while it goes on. */
  | {
      readonly kind: 'lease'
      readonly effectId: string
      readonly owner: string
      readonly epoch: number
      readonly ends: boolean
    }
  | { readonly kind: 'deadline'; readonly stream: StreamId; readonly name: string }
  | { readonly kind: 'repair'; readonly repair: Repair }

/** Somebody else was first, usually with another event of this version of the stream. Read again and decide again. */
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
  const ordered = appends.toSorted((one, other) => (one.stream < other.stream ? -1 : 1))
  try {
    await db.transaction(async (tx) => {
      // Everybody takes the streams' next versions first and in one order: whoever waits, waits there and loses, and
      // nobody waits in a circle. An outcome that deleted its effect first would meet a cancellation that does so last.
      await tx.insert(events).values(ordered.flatMap((one) => one.events.map(({ event }) => ({ ...event }))))
      if (condition) await requireCondition(tx, condition)
      for (const one of ordered) {
        for (const { event, consequences } of one.events) await keepConsequences(tx, event, consequences)
        await writeProjection(tx, one.projected)
        if (one.snapshot) await keepSnapshot(tx, one.stream, one.snapshot)
      }
    })
  } catch (error) {
    const state = sqlState(error)
    // Rows of effects are also locked by those who lease them, several at a time and in any order.
    if (state === '40P01')
      throw new VersionConflict('Postgres ended this append to resolve a deadlock', { cause: error })
    if (state !== '23505') throw error
    const constraint = violatedConstraint(error)
    if (constraint === 'events_stream_version')
      throw new VersionConflict('another event was appended first', { cause: error })
    if (constraint === 'jobs_idempotency_key') throw new ValueTaken('the idempotency key is taken', { cause: error })
    throw error
  }
}

async function requireCondition(tx: Queryable, condition: Condition): Promise<void> {
  if (condition.kind === 'repair') {
    if (await repairPending(tx, condition.repair)) return
    throw new ConditionGone(`what was wrong with ${condition.repair.stream} is not wrong any more`)
  }
  if (condition.kind === 'deadline') {
    const fired = await tx
      .delete(deadlines)
      .where(
        and(
          eq(deadlines.stream, condition.stream),
          eq(deadlines.name, condition.name),
          sql`${deadlines.due_at} <= clock_timestamp()`,
        ),
      )
      .returning({ name: deadlines.name })
    if (fired.length === 0)
      throw new ConditionGone(`deadline ${condition.name} of ${condition.stream} is not armed or not due`)
    return
  }
  const held = and(
    eq(effects.id, condition.effectId),
    eq(effects.owner, condition.owner),
    eq(effects.epoch, condition.epoch),
  )
  const rows = condition.ends
    ? await tx.delete(effects).where(held).returning({ id: effects.id })
    : await tx.update(effects).set({ epoch: condition.epoch }).where(held).returning({ id: effects.id })
  if (rows.length === 0)
    throw new ConditionGone(
      `effect ${condition.effectId} is not leased to ${condition.owner} in epoch ${condition.epoch} any more`,
    )
}

/** Brings effects and deadlines to what one event made of them. Also what the rebuild runs, event by event. */
export async function keepConsequences(
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

export async function keepSnapshot(
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
