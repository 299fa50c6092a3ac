/**
 * The runtime: load, decide, append. It runs machines through their pure transition and keeps what they ask for; it
 * performs nothing. Reading order of the folder: this file, `performer/` (effects), `deadlines.ts`,
 * `commands/`, `services/` (one file per kind of side effect).
 */

import { LRUCache } from 'lru-cache'
import { type Actor, loadActors } from '../eventstore/log/actors.ts'
import { VersionConflict } from '../eventstore/log/append.ts'
import { createBatch } from '../eventstore/log/batch.ts'
import type { Condition, NewEvent, StreamAppend } from '../eventstore/log/commit.ts'
import { hashEvent, plainJson } from '../eventstore/log/event.ts'
import { createGroupCommit } from '../eventstore/log/group-commit.ts'
import type { OnSeam } from '../eventstore/log/seams.ts'
import { snapshotDue } from '../eventstore/log/snapshots.ts'
import { createDatabaseClock } from '../eventstore/postgres/clock.ts'
import type { Database } from '../eventstore/postgres/database.ts'
import { project } from '../eventstore/read-models/project.ts'
import type { ReadModelRow } from '../eventstore/schema.ts'
import type { DomainEvent } from '../machines/event.ts'
import { type Consequences, pathOf } from '../machines/evolve.ts'
import { foldOf } from '../machines/fold.ts'
import type { JobContext } from '../machines/job/context.ts'
import {
  checkEvent,
  type EventsOf,
  jobStream,
  type KindName,
  kinds,
  parseStream,
  type StreamId,
  serverStream,
} from '../machines/kinds.ts'
import { createKeyedMutex } from './keyed-mutex.ts'

/** Where and why an event came from; goes onto every event of a commit. */
export type Cause = {
  /** `principal:alice`, `controller:<id>`, `maintenance-os:<serial>`, `system:deadline`. */
  readonly actor: string
  readonly causationId: string | null
  readonly correlationId: string | null
  readonly trace: string | null
}

/** Events of one actor: no other's compile, nor do other data than theirs. */
export type Proposal<Name extends KindName = KindName> = {
  readonly [Each in Name]: { readonly stream: StreamId<Each>; readonly events: readonly EventsOf[Each][] }
}[Name]

/**
 * Proposes events whose types are put together when they happen: how an effect ended, or that a deadline passed. Only the
 * runtime compares these with their actor's catalogue.
 */
export function proposalOf(stream: StreamId, ...events: readonly DomainEvent[]): Proposal {
  return { stream, events: events as readonly EventsOf[KindName][] } as Proposal
}

/** An actor as a decision sees it; null where its stream has no event yet. */
export type Actors = {
  readonly job: (jobId: string) => Actor<'job'> | null
  readonly server: (serial: string) => Actor<'server'> | null
  /** The database's clock when the actors were read: the `at` of the events. */
  readonly now: string
}

export type Commit = {
  /** The streams that the decision reads; it may append to these only. */
  readonly reads: readonly StreamId[]
  /** Pure. Throws a domain error to refuse; an empty answer appends nothing. Runs again after a lost race. */
  readonly decide: (actors: Actors) => readonly Proposal[]
  readonly cause: Cause
  readonly condition?: Condition
}

/** An event that was appended, which effects of its stream it ended, and the actor's row after the whole commit. */
export type Appended = {
  readonly event: NewEvent
  readonly withdrawn: readonly string[]
  readonly projected: ReadModelRow
}

/** The machine, in the state it is in, does nothing with this event. */
export class NotAccepted extends Error {
  override readonly name = 'NotAccepted'
  readonly stream: StreamId
  readonly state: string

  constructor(stream: StreamId, state: string, type: string) {
    super(`${stream} is ${state} and does not take ${type} now`)
    this.stream = stream
    this.state = state
  }
}

export type Runtime = {
  /**
   * Decides on the current state and appends, all or nothing.
   * @throws NotAccepted when a machine does not take a proposed event in its state.
   * @throws ConditionGone, ValueTaken as append() does; whatever `decide` throws.
   */
  readonly commit: (commit: Commit) => Promise<readonly NewEvent[]>
  /** An actor as it is stored now, by this controller or another; null where its stream has no event. */
  readonly read: <Name extends KindName>(kind: Name, id: string) => Promise<Actor<Name> | null>
  /** Hears of every append of this process, after it is durable. */
  readonly onAppended: (listener: (appended: readonly Appended[]) => void) => void
}

/** Lost races in a row before giving up; each means that another commit made progress. */
const conflictsMax = 20

export type RuntimeOptions = {
  readonly db: Database
  readonly nextId: () => string
  readonly onSeam?: OnSeam
}

/** Some ten kilobytes each; enough for the jobs and servers that a busy controller has under way. */
const recentActorsMax = 8192
/** Streams that are read together: what is in memory of them at once is at most this times `readsUnderWayMax`. */
const streamsPerReadMax = 50
const readsUnderWayMax = 4

/**
 * Reads actors. An actor that this process stored last is not read again: with 64 actors that is worth 2 to 2.7 times as many
 * transitions a second, and two thirds of the CPU time of each. It may be out of date, since another controller may have
 * appended. Then the append is refused by the version or by the event that it was to follow; a refusal, an empty answer, or
 * a decision that appends to fewer streams than it has read counts for nothing, and all is decided again on what is stored.
 */
function createActorReader(db: Database) {
  const recent = new LRUCache<StreamId, Actor<KindName>>({ max: recentActorsMax })
  const now = createDatabaseClock(db)

  const readStored = createBatch<StreamId, Actor<KindName> | null>({
    itemsMax: streamsPerReadMax,
    underWayMax: readsUnderWayMax,
    answerAll: (streams) =>
      loadActors(
        db,
        streams.map((stream) => ({ stream, known: recent.get(stream) ?? null })),
      ),
  })

  const load = async (reads: readonly StreamId[], fresh: boolean): Promise<Loaded> => {
    const known = new Map(reads.map((stream) => [stream, fresh ? undefined : recent.get(stream)]))
    const [at, ...actors] = await Promise.all([
      now(),
      ...reads.map(async (stream) => known.get(stream) ?? (await readStored(stream))),
    ])
    return {
      actors: new Map(reads.map((stream, index) => [stream, actors[index] ?? null])),
      now: at,
      maybeOutOfDate: [...known.values()].some((actor) => actor !== undefined),
    }
  }

  return { recent, readStored, load }
}

export function createRuntime({ db, nextId, onSeam }: RuntimeOptions): Runtime {
  const listeners: ((appended: readonly Appended[]) => void)[] = []
  const groups = createGroupCommit(db)
  const { recent, readStored, load } = createActorReader(db)
  /**
   * Commits of this process that read the same stream go one after the other: raced, all but one would be refused, read the
   * stream again and decide again. Between controllers it stays a race.
   */
  const inTurn = createKeyedMutex()

  /** Null where the cached actors may be out of date and the decision depends on that. */
  const attempt = async (commit: Commit, fresh: boolean): Promise<readonly Appended[] | null> => {
    const { reads, condition } = commit
    const loaded = await load(reads, fresh)
    let evolved: readonly EvolvedStream[]
    try {
      evolved = evolveStreams(commit, loaded, nextId)
    } catch (error) {
      if (loaded.maybeOutOfDate) return null
      throw error
    }
    if (loaded.maybeOutOfDate && evolved.length < new Set(reads).size) return null
    if (evolved.length === 0) return []
    const appends = evolved.map(({ append }) => append)
    const types = () => appends.flatMap((one) => one.events.map(({ event }) => event.type)).join('+')
    onSeam?.(`append.before:${types()}`)
    // The outcome of this append is unknown until it is acknowledged, so the cached actors are dropped first.
    for (const { append } of evolved) recent.delete(append.stream)
    await groups.append(appends, condition)
    for (const { append, actor } of evolved) recent.set(append.stream, actor)
    onSeam?.(`append.after:${types()}`)
    return appends.flatMap((one) =>
      one.events.map(({ event, consequences }) => ({
        event,
        withdrawn: consequences.withdrawn,
        projected: one.projected,
      })),
    )
  }

  return {
    commit: (commit) =>
      inTurn.run(commit.reads, async () => {
        let fresh = false
        for (let conflicts = 0; ; ) {
          try {
            const appended = await attempt(commit, fresh)
            if (appended !== null) {
              if (appended.length > 0) for (const listener of listeners) listener(appended)
              return appended.map(({ event }) => event)
            }
          } catch (error) {
            if (!(error instanceof VersionConflict) || conflicts >= conflictsMax) throw error
            conflicts += 1
          }
          fresh = true
        }
      }),
    read: async <Name extends KindName>(kind: Name, id: string) => {
      const stream = kind === 'job' ? jobStream(id) : serverStream(id)
      const actor = await readStored(stream)
      // An append of this process may have come to its end meanwhile; then what it remembers is at least as new.
      if (actor !== null && (recent.get(stream)?.version ?? 0) < actor.version) recent.set(stream, actor)
      return actor as Actor<Name> | null
    },
    onAppended: (listener) => void listeners.push(listener),
  }
}

/**
 * A job's context at this moment, for services and readers of its media.
 * @throws Error for a job without a history: it cannot have asked for anything.
 */
export async function jobContext(runtime: Pick<Runtime, 'read'>, jobId: string): Promise<JobContext> {
  const actor = await runtime.read('job', jobId)
  if (actor === null) throw new Error(`job ${jobId} asked for an effect but has no history`)
  return actor.snapshot.context
}

type Loaded = {
  readonly actors: ReadonlyMap<StreamId, Actor<KindName> | null>
  readonly now: string
  /** True when some of the actors came from the cache. */
  readonly maybeOutOfDate: boolean
}

type EvolvedStream = { readonly append: StreamAppend; readonly actor: Actor<KindName> }

/** Decides, and runs the machines over what was decided. @throws what `decide` throws; NotAccepted; InvalidEventError. */
function evolveStreams({ decide, cause }: Commit, { actors, now }: Loaded, nextId: () => string): EvolvedStream[] {
  const proposals = decide({
    job: (jobId) => (actors.get(`job-${jobId}`) ?? null) as Actor<'job'> | null,
    server: (serial) => (actors.get(`server-${serial}`) ?? null) as Actor<'server'> | null,
    now,
  })
  return proposals
    .filter(({ events }) => events.length > 0)
    .map((proposal) => {
      const actor = actors.get(proposal.stream)
      if (actor === undefined) throw new Error(`a decision appends to ${proposal.stream}, which it did not read`)
      return evolveStream(proposal, actor, { now, cause, nextId })
    })
}

/** Runs one stream's machine over the proposed events and gathers what has to be stored. Pure but for the ids. */
function evolveStream(
  { stream, events }: Proposal,
  actor: Actor<KindName> | null,
  { now, cause, nextId }: { readonly now: string; readonly cause: Cause; readonly nextId: () => string },
): EvolvedStream {
  const { kind } = parseStream(stream)
  const { machineVersion } = kinds[kind]
  const fold = foldOf(kinds[kind], actor?.snapshot)
  let version = actor?.version ?? 0
  let hash = actor?.hash ?? null
  // The database's clock may step back; a stream's own time does not.
  const at = actor !== null && actor.lastEvent.at > now ? actor.lastEvent.at : now
  const stored: { event: NewEvent; consequences: Consequences }[] = []
  let kept: StreamAppend['snapshot'] = null

  for (const proposed of events) {
    const data = plainJson(proposed.data)
    const schemaVersion = checkEvent(kind, { type: proposed.type, data }).version
    const domainEvent = { type: proposed.type, data }
    const before = fold.state
    if (!fold.accepts(domainEvent)) throw new NotAccepted(stream, before ?? 'not there yet', proposed.type)
    const evolved = fold.take(domainEvent)
    version += 1
    const unhashed = {
      id: nextId(),
      stream,
      version,
      type: proposed.type,
      schema_version: schemaVersion,
      data,
      state_from: before,
      state_to: pathOf(evolved.snapshot.value),
      machine: kind,
      machine_version: machineVersion,
      at,
      actor: cause.actor,
      causation_id: cause.causationId,
      correlation_id: cause.correlationId,
      trace: cause.trace,
      prev_hash: hash,
    }
    hash = hashEvent(unhashed)
    stored.push({ event: { ...unhashed, hash }, consequences: evolved })
    if (snapshotDue(version)) kept = { version, machineVersion, state: plainJson(fold.dehydrated()) }
  }

  const first = actor?.firstEvent ?? stored[0]?.event
  const last = stored.at(-1)?.event
  const { snapshot } = fold
  if (snapshot === null || first === undefined || last === undefined)
    throw new Error(`nothing was proposed for ${stream}`)
  return {
    append: {
      stream,
      events: stored,
      projected: project(kind, snapshot, { firstEvent: first, lastEvent: last }),
      snapshot: kept,
    },
    actor: { snapshot, version, hash: last.hash, firstEvent: first, lastEvent: last },
  }
}
