/**
 * The rows of effects and deadlines that actors wait for. They are the same whether they come
 * from an append, a rebuild, or the repair of a single actor.
 */
import { and, eq, inArray } from 'drizzle-orm'
import type { DeadlineRequest, EffectRequest } from '../../machines/evolve.ts'
import type { NetConsequences } from '../../machines/fold.ts'
import type { StreamId } from '../../machines/kinds.ts'
import type { Queryable } from '../postgres/database.ts'
import { deadlines, effects } from '../schema.ts'
import type { StoredEvent } from './event.ts'

type AskingEvent = Pick<StoredEvent, 'id' | 'stream' | 'version' | 'at'>
export type EffectRow = ReturnType<typeof effectRow>
export type DeadlineRow = ReturnType<typeof deadlineRow>

/** The rows that events leave behind. */
export function pendingRows({ asked, armed }: NetConsequences<AskingEvent>): {
  readonly effects: readonly EffectRow[]
  readonly deadlines: readonly DeadlineRow[]
} {
  return {
    effects: [...asked.values()].map(({ event, effect }) => effectRow(event, effect)),
    deadlines: [...armed.values()].map(({ event, deadline }) => deadlineRow(event, deadline)),
  }
}

/** The row of an effect. Its id is the same after a rebuild. */
export function effectRow({ id, stream, version, at }: AskingEvent, { key, src, input }: EffectRequest) {
  return { id: `${id}/${key}`, stream, version, key, src, input, asked_at: at, available_at: at }
}

/** The row of a deadline: due so long after its event. */
export function deadlineRow({ stream, at }: AskingEvent, { name, delayMs }: DeadlineRequest) {
  return { stream, name, due_at: new Date(Date.parse(at) + delayMs).toISOString() }
}

/** Rows of one stream that are to be put back and taken away, because its log says so. */
export type Repair = {
  readonly stream: StreamId
  readonly lost: { readonly effects: readonly EffectRow[]; readonly deadlines: readonly DeadlineRow[] }
  readonly surplus: { readonly effectKeys: readonly string[]; readonly deadlineNames: readonly string[] }
}

/**
 * Puts rows back and takes rows away, in the transaction that records it. Answers whether all of it was still to be
 * done; if not, the transaction has to be given up. An effect that is put back counts as leased once: nobody knows
 * whether it was begun, and performers look before they repeat.
 */
export async function repairPending(tx: Queryable, { stream, lost, surplus }: Repair): Promise<boolean> {
  const { effectKeys, deadlineNames } = surplus
  const begun = lost.effects.map((row) => ({ ...row, epoch: 1 }))
  let wanting = effectKeys.length + deadlineNames.length + begun.length + lost.deadlines.length
  if (effectKeys.length > 0) {
    const there = and(eq(effects.stream, stream), inArray(effects.key, [...effectKeys]))
    wanting -= (await tx.delete(effects).where(there).returning({ id: effects.id })).length
  }
  if (deadlineNames.length > 0) {
    const there = and(eq(deadlines.stream, stream), inArray(deadlines.name, [...deadlineNames]))
    wanting -= (await tx.delete(deadlines).where(there).returning({ name: deadlines.name })).length
  }
  if (begun.length > 0)
    wanting -= (await tx.insert(effects).values(begun).onConflictDoNothing().returning({ id: effects.id })).length
  if (lost.deadlines.length > 0) {
    const rows = tx.insert(deadlines).values([...lost.deadlines])
    wanting -= (await rows.onConflictDoNothing().returning({ name: deadlines.name })).length
  }
  return wanting === 0
}
