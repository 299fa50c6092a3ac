/**
 * Many actors at once, and cheaply those that this process remembers: of them only the events since are read. Two
 * statements for any number of actors, one where all are remembered.
 */
import type { DomainEvent } from '../../machines/event.ts'
import { type KindName, kinds, parseStream, type SnapshotOf, type StreamId } from '../../machines/kinds.ts'
import type { Database } from '../postgres/database.ts'

/** What of an actor a decision and the next event need. */
export type Actor<Name extends KindName> = {
  readonly snapshot: SnapshotOf[Name]
  readonly version: number
  readonly hash: string
  readonly firstEvent: DomainEvent & { readonly at: string }
  readonly lastEvent: { readonly at: string }
}

export type Asked = {
  readonly stream: StreamId
  /** The actor as it was stored once; it counts only if the log still has its last event. */
  readonly known: Actor<KindName> | null
}

type SnapshotRow = {
  readonly stream: StreamId
  readonly version: number
  readonly machine_version: string
  readonly state: unknown
}

type EventRow = DomainEvent & {
  readonly stream: StreamId
  readonly version: number
  readonly at: string
  readonly hash: string
}

const snapshotsStatement = `
select stream, version, machine_version, state from snapshots
where stream = any(array(select jsonb_array_elements_text($1::text::jsonb)))`

/** The first event besides those from a version on, which is the remembered one's own or the snapshot's. */
const eventsStatement = `
select event.stream, event.version, event.type, event.schema_version, event.data, event.at, event.hash
from jsonb_to_recordset($1::text::jsonb) as asked (stream text, from_version int, first boolean)
cross join lateral (
  select * from events where events.stream = asked.stream and version = 1 and asked.first and asked.from_version > 1
  union all
  select * from events where events.stream = asked.stream and version >= asked.from_version
) as event
order by event.stream, event.version`

/** The actors as they are stored now, in the order of the question; null where a stream has no event. */
export async function loadActors(
  db: Pick<Database, '$client'>,
  asked: readonly Asked[],
): Promise<readonly (Actor<KindName> | null)[]> {
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
    // A database that failed over may have lost what it had acknowledged.
    if (remembered !== undefined && events[0]?.hash !== remembered.hash) lost.push(stream)
    else
      actors.set(
        stream,
        remembered ? goOn(stream, remembered, events.slice(1)) : rebuild(stream, kept.get(stream), events),
      )
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

/** Snapshots of this program's machines. */
async function readSnapshots(
  { $client }: Pick<Database, '$client'>,
  streams: readonly StreamId[],
): Promise<ReadonlyMap<StreamId, SnapshotRow>> {
  if (streams.length === 0) return new Map()
  const rows = await $client.unsafe<SnapshotRow[]>(snapshotsStatement, [JSON.stringify(streams)], { prepare: true })
  const usable = rows.filter((row) => row.machine_version === kinds[parseStream(row.stream).kind].machineVersion)
  return new Map(usable.map((row) => [row.stream, row]))
}

async function readEvents(
  { $client }: Pick<Database, '$client'>,
  asked: readonly { readonly stream: StreamId; readonly from_version: number; readonly first: boolean }[],
): Promise<ReadonlyMap<StreamId, readonly EventRow[]>> {
  const rows = await $client.unsafe<EventRow[]>(eventsStatement, [JSON.stringify(asked)], { prepare: true })
  return Map.groupBy(rows, ({ stream }) => stream)
}

function rebuild(stream: StreamId, kept: SnapshotRow | undefined, events: readonly EventRow[]): Actor<KindName> | null {
  const { evolve } = kinds[parseStream(stream).kind]
  const [first, ...later] = events
  if (first === undefined) return null
  const begun = { version: first.version, hash: first.hash, firstEvent: told(first), lastEvent: told(first) }
  if (kept === undefined) return goOn(stream, { snapshot: evolve.start(first).snapshot, ...begun }, later)
  const own = later.find(({ version }) => version === kept.version) ?? first
  const restored = { ...begun, version: own.version, hash: own.hash, lastEvent: told(own) }
  const since = later.filter(({ version }) => version > kept.version)
  return goOn(stream, { snapshot: evolve.rehydrate(kept.state as never), ...restored }, since)
}

function goOn(stream: StreamId, actor: Actor<KindName>, events: readonly EventRow[]): Actor<KindName> {
  const { evolve } = kinds[parseStream(stream).kind]
  const last = events.at(-1)
  if (last === undefined) return actor
  const snapshot = events.reduce((before, event) => evolve.next(before as never, event).snapshot, actor.snapshot)
  return { ...actor, snapshot, version: last.version, hash: last.hash, lastEvent: told(last) }
}

/** The driver leaves instants as Postgres writes them. */
function told(event: EventRow): DomainEvent & { readonly at: string } {
  return { ...event, at: new Date(event.at).toISOString() }
}
