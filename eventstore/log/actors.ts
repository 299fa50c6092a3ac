/**
 * Loads many actors at once. Of an actor that this process remembers, only the last known event and later ones are
 * read. That takes two statements for any number of actors, and one when all are remembered.
 */
import { sql } from 'drizzle-orm'
import type { DomainEvent } from '../../machines/event.ts'
import type { ActorState } from '../../machines/evolve.ts'
import { foldOf } from '../../machines/fold.ts'
import { type KindName, kinds, parseStream, type SnapshotOf, type StreamId } from '../../machines/kinds.ts'
import type { Database, Queryable } from '../postgres/database.ts'

/** The parts of an actor that a decision and the next event need. */
export type Actor<Name extends KindName> = {
  readonly snapshot: SnapshotOf[Name]
  readonly version: number
  readonly hash: string
  readonly firstEvent: DomainEvent & { readonly at: string }
  readonly lastEvent: { readonly at: string }
}

export type Asked = {
  readonly stream: StreamId
  /** The remembered actor, a cache entry: valid only if the log still has its last event. */
  readonly known: Actor<KindName> | null
}

type SnapshotRow = {
  readonly stream: StreamId
  readonly version: number
  readonly machine_version: string
  readonly state: ActorState
}

/** A state to which the events after `version` are applied. */
type Kept = Pick<Actor<KindName>, 'snapshot' | 'version'>

type EventRow = DomainEvent & {
  readonly stream: StreamId
  readonly version: number
  readonly at: string
  readonly hash: string
}

const snapshotsStatement = `
select stream, version, machine_version, state from snapshots
where stream = any(array(select jsonb_array_elements_text($1::text::jsonb)))`

/**
 * Events from a version on, which is that of the remembered actor or of the snapshot, and the first event if asked for.
 */
const eventsStatement = `
select event.stream, event.version, event.type, event.schema_version, event.data, event.at, event.hash
from jsonb_to_recordset($1::text::jsonb) as asked (stream text, from_version int, first boolean)
cross join lateral (
  select * from events where events.stream = asked.stream and version = 1 and asked.first and asked.from_version > 1
  union all
  select * from events where events.stream = asked.stream and version >= asked.from_version
) as event
order by event.stream, event.version`

/** The actors as they are stored now, in the order of `asked`; null for a stream without events. */
export async function loadActors(db: Queryable, asked: readonly Asked[]): Promise<readonly (Actor<KindName> | null)[]> {
  const known = new Map(asked.flatMap(({ stream, known: actor }) => (actor === null ? [] : [[stream, actor] as const])))
  const streams = [...new Set(asked.map(({ stream }) => stream))]
  const kept = await readSnapshots(
    db,
    streams.filter((stream) => !known.has(stream)),
  )
  const rows = await readEvents(
    db,
    streams.map((stream) => ({
      stream,
      from_version: known.get(stream)?.version ?? kept.get(stream)?.version ?? 1,
      first: !known.has(stream),
    })),
  )
  const actors = new Map<StreamId, Actor<KindName> | null>()
  const lost: StreamId[] = []
  for (const stream of streams) {
    const events = rows.get(stream) ?? []
    const remembered = known.get(stream)
    if (remembered === undefined) actors.set(stream, actorAfter(stream, kept.get(stream), events))
    // A database that failed over may have lost acknowledged events.
    else if (events[0]?.hash !== remembered.hash) lost.push(stream)
    else actors.set(stream, events.length === 1 ? remembered : actorAfter(stream, remembered, events))
  }
  if (lost.length > 0) {
    const again = await loadActors(
      db,
      lost.map((stream) => ({ stream, known: null })),
    )
    for (const [index, stream] of lost.entries()) actors.set(stream, again[index] ?? null)
  }
  return asked.map(({ stream }) => actors.get(stream) ?? null)
}

/** One actor as it is stored now; null for a stream without events. */
export async function loadActor<Name extends KindName>(
  db: Queryable,
  stream: StreamId<Name>,
): Promise<Actor<Name> | null> {
  const [actor = null] = await loadActors(db, [{ stream, known: null }])
  return actor as Actor<Name> | null
}

/** Runs a prepared statement, except in a drizzle transaction, which does not expose its driver. */
async function query<Row extends object>(db: Queryable, statement: string, asked: unknown): Promise<readonly Row[]> {
  const parameter = JSON.stringify(asked)
  if ('$client' in db) return (db as Database).$client.unsafe<Row[]>(statement, [parameter], { prepare: true })
  const [before = '', after = ''] = statement.split('$1')
  return [...(await db.execute(sql`${sql.raw(before)}${parameter}${sql.raw(after)}`))] as unknown as Row[]
}

/** Reads the snapshots that have the machine version of this program. */
async function readSnapshots(db: Queryable, streams: readonly StreamId[]): Promise<ReadonlyMap<StreamId, Kept>> {
  if (streams.length === 0) return new Map()
  const rows = await query<SnapshotRow>(db, snapshotsStatement, streams)
  return new Map(
    rows.flatMap(({ stream, version, machine_version, state }) => {
      const { machineVersion, evolve } = kinds[parseStream(stream).kind]
      return machine_version === machineVersion ? [[stream, { snapshot: evolve.rehydrate(state), version }]] : []
    }),
  )
}

async function readEvents(
  db: Queryable,
  asked: readonly { readonly stream: StreamId; readonly from_version: number; readonly first: boolean }[],
): Promise<ReadonlyMap<StreamId, readonly EventRow[]>> {
  const rows = await query<EventRow>(db, eventsStatement, asked)
  return Map.groupBy(rows, ({ stream }) => stream)
}

/** The actor after `events`, the first of which `before` may include already; null if there is no event. */
function actorAfter(
  stream: StreamId,
  before: (Kept & { readonly firstEvent?: Actor<KindName>['firstEvent'] }) | undefined,
  events: readonly EventRow[],
): Actor<KindName> | null {
  const fold = foldOf(kinds[parseStream(stream).kind], before?.snapshot)
  for (const event of events) if (event.version > (before?.version ?? 0)) fold.take(event)
  const [first, last] = [events[0], events.at(-1)]
  if (fold.snapshot === null || first === undefined || last === undefined) return null
  const firstEvent = before?.firstEvent ?? told(first)
  return { snapshot: fold.snapshot, version: last.version, hash: last.hash, firstEvent, lastEvent: told(last) }
}

/** The driver returns instants in the text form of Postgres; events show RFC 3339. */
function told(event: EventRow): DomainEvent & { readonly at: string } {
  return { ...event, at: new Date(event.at).toISOString() }
}
