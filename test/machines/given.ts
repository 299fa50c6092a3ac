/**
 * `given(...events).when(event).leadsTo({...})` for machines: the events that an actor has behind it, the one that happens,
 * and all that follows. Every event is checked against its catalogue, and one that the machine would drop is an error.
 */
import { expect } from 'vitest'
import type { DomainEvent } from '../../machines/event.ts'
import { type Evolve, type Evolved, pathOf } from '../../machines/evolve.ts'
import { checkEvent, type KindName, kinds, type SnapshotOf } from '../../machines/kinds.ts'

/** What follows from an event. What is left out must not happen; `context` is compared where it says something. */
type Consequence = {
  readonly state: string
  /** Step keys of effects, in the order in which they are asked for. */
  readonly asks?: readonly string[]
  readonly withdraws?: readonly string[]
  readonly arms?: readonly string[]
  readonly disarms?: readonly string[]
  readonly context?: Readonly<Record<string, unknown>>
}

export type Given<Name extends KindName> = {
  readonly snapshot: SnapshotOf[Name]
  readonly state: string
  readonly when: (event: DomainEvent) => { readonly leadsTo: (expected: Consequence) => Evolved<SnapshotOf[Name]> }
  /** The machine does nothing with the event in this state. */
  readonly refuses: (event: DomainEvent) => void
}

export function evolveOf<Name extends KindName>(kind: Name): Evolve<SnapshotOf[Name]> {
  return kinds[kind].evolve
}

/** Starts an actor with the first event and lets the others happen to it. */
export function fold<Name extends KindName>(kind: Name, events: readonly DomainEvent[]): SnapshotOf[Name] {
  const [first, ...later] = events
  if (first?.type !== kinds[kind].createdBy) throw new Error(`a ${kind} begins with ${kinds[kind].createdBy}`)
  checkEvent(kind, first)
  return later.reduce((snapshot, event) => step(kind, snapshot, event).snapshot, evolveOf(kind).start(first).snapshot)
}

export function given<Name extends KindName>(kind: Name, events: readonly DomainEvent[]): Given<Name> {
  const snapshot = fold(kind, events)
  return {
    snapshot,
    state: pathOf(snapshot.value),
    when: (event) => ({
      leadsTo: (expected) => {
        const evolved = step(kind, snapshot, event)
        const { context, ...rest } = { asks: [], withdraws: [], arms: [], disarms: [], ...expected }
        expect(summaryOf(evolved)).toEqual(rest)
        if (context !== undefined) expect(evolved.snapshot.context).toMatchObject(context)
        return evolved
      },
    }),
    refuses: (event) => {
      checkEvent(kind, event)
      expect(evolveOf(kind).accepts(snapshot, event), `${event.type} in ${pathOf(snapshot.value)}`).toBe(false)
    },
  }
}

function step<Name extends KindName>(kind: Name, snapshot: SnapshotOf[Name], event: DomainEvent) {
  checkEvent(kind, event)
  const { accepts, next } = evolveOf(kind)
  if (!accepts(snapshot, event)) throw new Error(`${kind} does not take ${event.type} in ${pathOf(snapshot.value)}`)
  return next(snapshot, event)
}

function summaryOf({ snapshot, asked, withdrawn, armed, disarmed }: Evolved<SnapshotOf[KindName]>) {
  return {
    state: pathOf(snapshot.value),
    asks: asked.map(({ key }) => key),
    withdraws: withdrawn,
    arms: armed.map(({ name }) => name),
    disarms: disarmed,
  }
}
