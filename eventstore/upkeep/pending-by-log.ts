/** What one actor waits for by its log alone: the rows that should be there, whatever is. */
import type { Evolved } from '../../machines/evolve.ts'
import { type KindName, kinds, parseStream, type SnapshotOf, type StreamId } from '../../machines/kinds.ts'
import { type DeadlineRow, deadlineRow, type EffectRow, effectRow } from '../log/consequences.ts'
import type { StoredEvent } from '../log/event.ts'
import { readStream } from '../log/read.ts'
import type { Queryable } from '../postgres/database.ts'

const eventPage = 1000

export type ReplayedEvent = { readonly event: StoredEvent; readonly evolved: Evolved<SnapshotOf[KindName]> }

/** Folds a stream from its first event, whatever its length, and shows each event with what it made of the actor. */
async function* replay(db: Queryable, stream: StreamId): AsyncGenerator<ReplayedEvent, void, undefined> {
  const { evolve } = kinds[parseStream(stream).kind]
  let snapshot: SnapshotOf[KindName] | undefined
  for (let afterVersion = 0; ; ) {
    const page = await readStream(db, stream, { afterVersion, limit: eventPage })
    for (const event of page) {
      const evolved = snapshot === undefined ? evolve.start(event) : evolve.next(snapshot as never, event)
      snapshot = evolved.snapshot
      yield { event, evolved }
    }
    const last = page.at(-1)
    if (last === undefined) return
    afterVersion = last.version
  }
}

/** The rows that belong to an actor, by key and by name. */
export type PendingRows = {
  readonly effects: ReadonlyMap<string, EffectRow>
  readonly deadlines: ReadonlyMap<string, DeadlineRow>
}

/** What a stream's actor waits for, by its log alone. */
export async function pendingByLog(db: Queryable, stream: StreamId): Promise<PendingRows> {
  const asked = new Map<string, EffectRow>()
  const armed = new Map<string, DeadlineRow>()
  for await (const { event, evolved } of replay(db, stream)) {
    for (const key of evolved.withdrawn) asked.delete(key)
    for (const effect of evolved.asked) asked.set(effect.key, effectRow(event, effect))
    for (const name of evolved.disarmed) armed.delete(name)
    for (const deadline of evolved.armed) armed.set(deadline.name, deadlineRow(event, deadline))
  }
  return { effects: asked, deadlines: armed }
}
