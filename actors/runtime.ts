/**
 * The runtime: load, decide, append. It runs machines through their pure transition and keeps what they ask for; it
 * performs nothing. Reading order of the folder: this file, `performer.ts` (effects), `deadlines.ts`, `jobs.ts` and
 * `servers.ts` (commands), `services/` (one file per kind of side effect).
 */
import {
  append,
  type Condition,
  type Consequences,
  type NewEvent,
  type StreamAppend,
  VersionConflict,
} from '../eventstore/append.ts'
import type { Database } from '../eventstore/database.ts'
import { hashEvent, plainJson } from '../eventstore/event.ts'
import { type ProjectedRow, project } from '../eventstore/projections/project.ts'
import { databaseNow, type LoadedActor, loadActor } from '../eventstore/read.ts'
import type { OnSeam } from '../eventstore/seams.ts'
import { snapshotDue } from '../eventstore/snapshots.ts'
import { checkEvent, type KindName, kinds, parseStream, type SnapshotOf, type StreamId } from '../machines/kinds.ts'
import { pathOf } from '../machines/state-path.ts'

/** Where and why an event came from; goes onto every event of a commit. */
export type Cause = {
  /** `principal:alice`, `controller:<id>`, `maintenance-os:<serial>`, `system:deadline`. */
  readonly actor: string
  readonly causationId: string | null
  readonly correlationId: string | null
  readonly trace: string | null
}

export type Proposal = {
  readonly stream: StreamId
  readonly events: readonly { readonly type: string; readonly data: unknown }[]
}

/** An actor as a decision sees it; null where its stream has no event yet. */
export type Actors = {
  readonly job: (jobId: string) => LoadedActor<'job'> | null
  readonly server: (serial: string) => LoadedActor<'server'> | null
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
  readonly projected: ProjectedRow
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
  /** Hears of every append of this process, after it is durable. */
  readonly onAppended: (listener: (appended: readonly Appended[]) => void) => void
}

/** Lost races in a row before giving up; each means that somebody else made progress. */
const conflictsMax = 20

export type RuntimeOptions = {
  readonly db: Database
  readonly nextId: () => string
  readonly onSeam?: OnSeam
}

export function createRuntime({ db, nextId, onSeam }: RuntimeOptions): Runtime {
  const listeners: ((appended: readonly Appended[]) => void)[] = []

  const attempt = async ({ reads, decide, cause, condition }: Commit): Promise<readonly Appended[]> => {
    const loaded = new Map<StreamId, LoadedActor<KindName> | null>()
    const [now] = await Promise.all([
      databaseNow(db),
      ...reads.map(async (stream) => loaded.set(stream, await loadActor(db, parseStream(stream).kind, stream))),
    ])
    const proposals = decide({
      job: (jobId) => (loaded.get(`job-${jobId}`) ?? null) as LoadedActor<'job'> | null,
      server: (serial) => (loaded.get(`server-${serial}`) ?? null) as LoadedActor<'server'> | null,
      now,
    }).filter(({ events }) => events.length > 0)
    if (proposals.length === 0) return []
    const appends = proposals.map((proposal) => {
      const actor = loaded.get(proposal.stream)
      if (actor === undefined) throw new Error(`a decision appends to ${proposal.stream}, which it did not read`)
      return evolveStream(proposal, actor, { now, cause, nextId })
    })
    const types = () => appends.flatMap((one) => one.events.map(({ event }) => event.type)).join('+')
    onSeam?.(`append.before:${types()}`)
    await append(db, appends, condition)
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
    commit: async (commit) => {
      for (let conflicts = 0; ; conflicts += 1) {
        try {
          const appended = await attempt(commit)
          if (appended.length > 0) for (const listener of listeners) listener(appended)
          return appended.map(({ event }) => event)
        } catch (error) {
          if (!(error instanceof VersionConflict) || conflicts >= conflictsMax) throw error
        }
      }
    },
    onAppended: (listener) => void listeners.push(listener),
  }
}

/** Runs one stream's machine over the proposed events and gathers what has to be stored. Pure but for the ids. */
function evolveStream(
  { stream, events }: Proposal,
  actor: LoadedActor<KindName> | null,
  { now, cause, nextId }: { readonly now: string; readonly cause: Cause; readonly nextId: () => string },
): StreamAppend {
  const { kind } = parseStream(stream)
  const { evolve, machineVersion, createdBy } = kinds[kind]
  let snapshot: SnapshotOf[typeof kind] | undefined = actor?.snapshot
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
    const accepted =
      snapshot === undefined ? proposed.type === createdBy : evolve.accepts(snapshot as never, domainEvent)
    if (!accepted) {
      throw new NotAccepted(stream, snapshot === undefined ? 'not there yet' : pathOf(snapshot.value), proposed.type)
    }
    const before = snapshot === undefined ? null : pathOf(snapshot.value)
    const evolved = snapshot === undefined ? evolve.start(domainEvent) : evolve.next(snapshot as never, domainEvent)
    snapshot = evolved.snapshot
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
    if (snapshotDue(version)) kept = { version, machineVersion, state: plainJson(evolve.dehydrate(snapshot as never)) }
  }

  const first = actor?.firstEvent ?? stored[0]?.event
  const last = stored.at(-1)?.event
  if (snapshot === undefined || first === undefined || last === undefined)
    throw new Error(`nothing was proposed for ${stream}`)
  return {
    stream,
    events: stored,
    projected: project(kind, snapshot as never, { firstEvent: first, lastEvent: last }),
    snapshot: kept,
  }
}
