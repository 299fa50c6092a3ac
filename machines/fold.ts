/**
 * A history, folded: the state after each event, and the effects and deadlines that remain after the last one. Every
 * reader of a history folds it here: an append, a replay, a rebuild, the audit, a dry run.
 */
import type { DomainEvent } from './event.ts'
import {
  type ActorState,
  type Consequences,
  type DeadlineRequest,
  type EffectRequest,
  type Evolve,
  type Evolved,
  pathOf,
} from './evolve.ts'
import type { Kind, KindName, SnapshotOf } from './kinds.ts'

/** One actor, event by event. */
export type Fold<Name extends KindName = KindName> = {
  /** Null before the first event. */
  readonly snapshot: SnapshotOf[Name] | null
  /** The path of the state; null before the first event. */
  readonly state: string | null
  /** True when the machine handles this event now. A history begins with the event that its kind is created by. */
  readonly accepts: (event: DomainEvent) => boolean
  /** Takes the next event, of any version, including one that the machine ignores. */
  readonly take: (event: DomainEvent) => Evolved<SnapshotOf[Name]>
  /** Keys of the effects and names of the deadlines that the state waits for. */
  readonly waits: () => ReturnType<Evolve<SnapshotOf[Name]>['pending']>
  /** The state as it is stored. @throws Error before the first event. */
  readonly dehydrated: () => ActorState
}

/** Begins before the first event of a history, or after the events that `snapshot` already includes. */
export function foldOf<Name extends KindName>(
  { evolve, createdBy }: Kind<Name>,
  snapshot: SnapshotOf[Name] | null = null,
): Fold<Name> {
  let last = snapshot
  return {
    get snapshot() {
      return last
    },
    get state() {
      return last === null ? null : pathOf(last.value)
    },
    accepts: (event) => (last === null ? event.type === createdBy : evolve.accepts(last, event)),
    take: (event) => {
      const evolved = last === null ? evolve.start(event) : evolve.next(last, event)
      last = evolved.snapshot
      return evolved
    },
    waits: () => (last === null ? { effects: new Set(), deadlines: new Set() } : evolve.pending(last)),
    dehydrated: () => {
      if (last === null) throw new Error('there is no state before the first event')
      return evolve.dehydrate(last)
    },
  }
}

/** The net consequences of consecutive events: a request and its withdrawal by a later event cancel out. */
export class NetConsequences<Event> {
  readonly asked = new Map<string, { readonly event: Event; readonly effect: EffectRequest }>()
  readonly armed = new Map<string, { readonly event: Event; readonly deadline: DeadlineRequest }>()
  /** Keys and names that these events withdraw and that earlier ones had asked for or armed. */
  readonly withdrawn = new Set<string>()
  readonly disarmed = new Set<string>()

  add(event: Event, { asked, withdrawn, armed, disarmed }: Consequences): void {
    for (const key of withdrawn) if (!this.asked.delete(key)) this.withdrawn.add(key)
    for (const effect of asked) this.asked.set(effect.key, { event, effect })
    for (const name of disarmed) if (!this.armed.delete(name)) this.disarmed.add(name)
    for (const deadline of armed) this.armed.set(deadline.name, { event, deadline })
  }
}
