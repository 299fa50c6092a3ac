/**
 * The fold: state = evolve(state, event) over a stream, and with each step the effects and deadlines that the machine
 * asks for.
 *
 * A machine never acts. XState's pure transition returns its `invoke`s and `after`s as actions; here they become plain
 * data (effects and deadlines) that the event store keeps in the same transaction as the event. This is also the only
 * place where XState's event names meet ours, so that the log outlives the framework:
 *
 *   `<invoke id>.succeeded` ⇄ `xstate.done.actor.<invoke id>`   `<delay name>.elapsed` ⇄ `xstate.after.<delay>.<state>`
 *   `<invoke id>.failed`    ⇄ `xstate.error.actor.<invoke id>`
 */
import {
  type AnyActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  fromPromise,
  type PromiseActorLogic,
  type StateValue,
} from 'xstate'
import type { DomainEvent } from './event.ts'
import type { Upcast } from './upcast.ts'

/** A side effect that a state asked for. `key` is the step key (the invoke's id), `src` names the service. */
export type EffectRequest = { readonly key: string; readonly src: string; readonly input: unknown }

/** A deadline that a state armed. When it passes, `<name>.elapsed` is due. */
export type DeadlineRequest = { readonly name: string; readonly delayMs: number }

/** A machine's snapshot without effects and deadlines, which the event store keeps; plain JSON. */
export type ActorState = { readonly value: StateValue; readonly context: Record<string, unknown> }

/** The effects and deadlines that one event asks for and gives up. */
export type Consequences = {
  readonly asked: readonly EffectRequest[]
  /** Keys of effects whose state was left. A key that is also in `asked` is replaced by the new request. */
  readonly withdrawn: readonly string[]
  readonly armed: readonly DeadlineRequest[]
  readonly disarmed: readonly string[]
}

export type Evolved<Snapshot> = Consequences & { readonly snapshot: Snapshot }

export type Evolve<Snapshot> = {
  /** The first event of a stream creates the actor; its data is the machine's input. */
  readonly start: (event: DomainEvent) => Evolved<Snapshot>
  readonly next: (snapshot: Snapshot, event: DomainEvent) => Evolved<Snapshot>
  /** True when the machine, in this state, handles the event; XState drops one that it does not handle. */
  readonly accepts: (snapshot: Snapshot, event: DomainEvent) => boolean
  readonly dehydrate: (snapshot: Snapshot) => ActorState
  readonly rehydrate: (state: ActorState) => Snapshot
  /** Keys of the effects and names of the deadlines that this state waits for. */
  readonly pending: (snapshot: Snapshot) => {
    readonly effects: ReadonlySet<string>
    readonly deadlines: ReadonlySet<string>
  }
}

/**
 * Builds the fold of one machine.
 *
 * The scope that XState's `machine.transition` wants is made once and reused: its exported `transition()` builds an
 * actor for every call, which costs half of the time (`npm run bench:transition` prints both).
 *
 * Machines know only the newest version of every event, so each event passes through `upcast` first.
 *
 * @throws Error when a delay is unnamed or its name is used in two states: its event would be ambiguous.
 */
export function createEvolve<Snapshot extends AnyMachineSnapshot>(
  machine: AnyStateMachine,
  upcast: Upcast = (event) => event,
): Evolve<Snapshot> {
  const self = createActor(machine)
  const scope = {
    self,
    id: '',
    sessionId: '',
    system: self.system,
    defer: () => {},
    logger: () => {},
    stopChild: () => {},
    emit: () => {},
  }
  const { invokes, deadlines } = namesOf(machine)
  const deadlineOfEvent = new Map([...deadlines].map(([name, event]) => [event, name]))

  const translate = (recorded: DomainEvent): { type: string } => {
    const event = upcast(recorded)
    const [subject, tense] = splitTense(event.type)
    if (tense === 'succeeded' && invokes.has(subject))
      return { type: `xstate.done.actor.${subject}`, ...{ output: event.data } }
    if (tense === 'failed' && invokes.has(subject))
      return { type: `xstate.error.actor.${subject}`, ...{ error: event.data } }
    const elapsed = tense === 'elapsed' ? deadlines.get(subject) : undefined
    return elapsed === undefined ? { ...event } : { type: elapsed }
  }

  const run = (
    before: AnyMachineSnapshot | undefined,
    step: (actionScope: AnyActorScope) => AnyMachineSnapshot,
  ): Evolved<Snapshot> => {
    const asks = new Map<string, EffectRequest>()
    const arms = new Map<string, DeadlineRequest>()
    const actionScope: AnyActorScope = {
      ...scope,
      actionExecutor: (action) => {
        const params = action.params as Record<string, unknown> | undefined
        if (action.type === 'xstate.spawnChild' && params) {
          const key = String(params['id'])
          asks.set(key, { key, src: String(params['src']), input: params['input'] ?? null })
        } else if (action.type === 'xstate.raise' && params && typeof params['delay'] === 'number') {
          const name = deadlineOfEvent.get((params['event'] as { type: string }).type)
          if (name !== undefined) arms.set(name, { name, delayMs: params['delay'] })
        }
      },
    }
    const snapshot = step(actionScope)
    if (snapshot.status === 'error') throw snapshot.error
    const was = pendingIn(before, deadlineOfEvent)
    const is = pendingIn(snapshot, deadlineOfEvent)
    return {
      snapshot: snapshot as Snapshot,
      // One event can pass through several states; the requests of a state that was left again are dropped.
      asked: [...asks.values()].filter(({ key }) => is.effects.has(key)),
      withdrawn: [...was.effects].filter((key) => !is.effects.has(key) || asks.has(key)),
      armed: [...arms.values()].filter(({ name }) => is.deadlines.has(name)),
      disarmed: [...was.deadlines].filter((name) => !is.deadlines.has(name) || arms.has(name)),
    }
  }

  return {
    start: (event) => run(undefined, (actionScope) => machine.getInitialSnapshot(actionScope, upcast(event).data)),
    next: (snapshot, event) =>
      run(snapshot, (actionScope) => machine.transition(snapshot, translate(event), actionScope)),
    accepts: (snapshot, event) => snapshot.can(translate(event)),
    dehydrate: (snapshot) => ({ value: snapshot.value, context: snapshot.context as Record<string, unknown> }),
    rehydrate: ({ value, context }) =>
      machine.resolveState({ value: inOrder(machine.root, value), context }) as unknown as Snapshot,
    pending: (snapshot) => pendingIn(snapshot, deadlineOfEvent),
  }
}

/**
 * Declares a side effect's input and output: typed like an actor, but never run by XState. `actors/` performs it; a
 * machine that ran it by itself would be a bug.
 */
export function effect<Output, Input>(): PromiseActorLogic<Output, Input> {
  return fromPromise<Output, Input>(() =>
    Promise.reject(new Error('machines only ask for effects, actors/ performs them')),
  )
}

/**
 * A state value as text, for people, metrics and the log's `state_from`/`state_to`. Parallel regions are joined by `|`.
 * `{provisioning: {redfish: 'mountingTask'}}` → `provisioning.redfish.mountingTask`
 */
export function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value
  return Object.entries(value)
    .map(([state, inner]) => (inner === undefined ? state : `${state}.${pathOf(inner)}`))
    .join('|')
}

/** `redfish.mount.task.failed` → [`redfish.mount.task`, `failed`]. */
function splitTense(type: string): [subject: string, tense: string] {
  const dot = type.lastIndexOf('.')
  return [type.slice(0, dot), type.slice(dot + 1)]
}

/**
 * The value with its regions in the machine's order. jsonb reorders keys, and storing a state must not change its path,
 * which is recorded with every event.
 */
function inOrder(node: AnyStateNode, value: StateValue): StateValue {
  if (typeof value === 'string') return value
  return Object.fromEntries(
    Object.entries(node.states).flatMap(([key, child]) => {
      const inner = value[key]
      return inner === undefined ? [] : [[key, inOrder(child as AnyStateNode, inner)]]
    }),
  )
}

function pendingIn(snapshot: AnyMachineSnapshot | undefined, deadlineOfEvent: ReadonlyMap<string, string>) {
  const effects = new Set<string>()
  const deadlines = new Set<string>()
  for (const node of (snapshot?._nodes ?? []) as AnyStateNode[]) {
    for (const invoke of node.invoke) effects.add(invoke.id)
    for (const delayed of node.after) {
      const name = deadlineOfEvent.get(delayed.eventType)
      if (name !== undefined) deadlines.add(name)
    }
  }
  return { effects, deadlines }
}

function namesOf(machine: AnyStateMachine): { invokes: ReadonlySet<string>; deadlines: ReadonlyMap<string, string> } {
  const invokes = new Set<string>()
  const deadlines = new Map<string, string>()
  const visit = (node: AnyStateNode) => {
    for (const invoke of node.invoke) invokes.add(invoke.id)
    for (const { delay, eventType } of node.after) {
      if (typeof delay !== 'string')
        throw new Error(`${node.id}: a delay needs a name, because its event goes into the log`)
      const known = deadlines.get(delay)
      if (known !== undefined && known !== eventType)
        throw new Error(`${node.id}: delay "${delay}" is used in two states`)
      deadlines.set(delay, eventType)
    }
    for (const child of Object.values(node.states)) visit(child as AnyStateNode)
  }
  visit(machine.root)
  return { invokes, deadlines }
}
