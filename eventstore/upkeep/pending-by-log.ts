/** The effects and deadlines that one actor waits for by its log alone: the rows that should be there. */
import { foldOf, NetConsequences } from '../../machines/fold.ts'
import { kinds, parseStream, type StreamId } from '../../machines/kinds.ts'
import { type DeadlineRow, type EffectRow, pendingRows } from '../log/consequences.ts'
import type { StoredEvent } from '../log/event.ts'
import { readHistory } from '../log/read.ts'
import type { Queryable } from '../postgres/database.ts'

/** The rows that belong to an actor, by key and by name. */
export type PendingRows = {
  readonly effects: ReadonlyMap<string, EffectRow>
  readonly deadlines: ReadonlyMap<string, DeadlineRow>
}

/** Folds a stream from its first event, whatever its length. */
export async function pendingByLog(db: Queryable, stream: StreamId): Promise<PendingRows> {
  const fold = foldOf(kinds[parseStream(stream).kind])
  const net = new NetConsequences<StoredEvent>()
  for await (const event of readHistory(db, stream)) net.add(event, fold.take(event))
  const { effects, deadlines } = pendingRows(net)
  return {
    effects: new Map(effects.map((row) => [row.key, row])),
    deadlines: new Map(deadlines.map((row) => [row.name, row])),
  }
}
