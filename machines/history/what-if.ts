/**
 * Replays a recorded history through today's machine and names the first event that it would handle differently. Events
 * after that one are not judged, since they would not have happened like this.
 *
 * A history records events and states. A request for an effect shows only in the events that the effect caused: they
 * name `<id of the event that asked>/<key>` as their cause. So a recorded effect that caused an event is reported when
 * today's machine does not ask for it. A new effect shows when its state does, or when its outcome would come too late.
 */

import { InvalidEventError } from '../event.ts'
import { type Evolved, pathOf } from '../evolve.ts'
import { type Fold, foldOf } from '../fold.ts'
import { type Kind, type KindName, readRecorded, type SnapshotOf } from '../kinds.ts'

/** An event as it was recorded. Effects are compared only as far as `id` and `causation_id` are given. */
export type RecordedEvent = {
  readonly type: string
  readonly schema_version: number
  readonly data: unknown
  readonly state_to: string
  readonly id?: string
  readonly causation_id?: string | null
}

const divergenceKinds = ['unreadable', 'not accepted', 'other state', 'other effects'] as const

export type Divergence = {
  /** The event's place in its history, from 1. */
  readonly seq: number
  readonly type: string
  readonly kind: (typeof divergenceKinds)[number]
  readonly message: string
  /** The state to which the event led, and the step keys of the effects that it is known to have asked for. */
  readonly recorded: { readonly state: string; readonly asked: readonly string[] }
  /** The same today; null when the machine has not reached a first state. */
  readonly now: { readonly state: string; readonly asked: readonly string[] } | null
}

/**
 * The first event of a history that would go another way under `kind`'s machine; null when all of it would happen
 * again. An event that cannot be read, is not accepted or fails in the machine is a divergence, never an exception.
 */
export function firstDivergence<Name extends KindName>(
  kind: Kind<Name>,
  history: readonly RecordedEvent[],
): Divergence | null {
  const askedBy = recordedAsks(history)
  const fold = foldOf(kind)
  for (const [index, event] of history.entries()) {
    const recorded = { state: event.state_to, asked: (event.id === undefined ? null : askedBy.get(event.id)) ?? [] }
    const told = { seq: index + 1, type: event.type, recorded }
    const before = fold.state
    const step = attempt(kind, fold, event)
    if ('fault' in step)
      return {
        ...told,
        kind: step.kind,
        message: step.fault,
        now: before === null ? null : { state: before, asked: [] },
      }
    const now = { state: pathOf(step.snapshot.value), asked: step.asked.map(({ key }) => key) }
    if (now.state !== recorded.state) {
      const message = `leads to ${now.state}, recorded was ${recorded.state}`
      return { ...told, kind: 'other state', message, now }
    }
    const missing = recorded.asked.filter((key) => !now.asked.includes(key))
    if (missing.length > 0) {
      const message = `does not ask for ${missing.join(', ')} any more`
      return { ...told, kind: 'other effects', message, now }
    }
  }
  return null
}

type Attempt<Name extends KindName> =
  | Evolved<SnapshotOf[Name]>
  | { readonly kind: 'unreadable' | 'not accepted'; readonly fault: string }

function attempt<Name extends KindName>(kind: Kind<Name>, fold: Fold<Name>, recorded: RecordedEvent): Attempt<Name> {
  try {
    const event = readRecorded(kind, recorded)
    if (fold.accepts(event)) return fold.take(event)
    const fault =
      fold.state === null ? `a ${kind.name} begins with ${kind.createdBy}` : `is not accepted in ${fold.state}`
    return { kind: 'not accepted', fault }
  } catch (error) {
    if (error instanceof InvalidEventError) return { kind: 'unreadable', fault: error.message }
    // An action or a guard throws on data of an unexpected shape. That is the machine's answer, not a fault of ours.
    return { kind: 'not accepted', fault: `the machine fails on it: ${String(error)}` }
  }
}

/**
 * Step keys of the effects that each event is known to have asked for, by the event's id. The cause of an event can
 * also be a deadline or a request; its entry stands under a name that is no event's id.
 */
function recordedAsks(history: readonly RecordedEvent[]): ReadonlyMap<string, readonly string[]> {
  const asks = new Map<string, string[]>()
  for (const { causation_id } of history) {
    const slash = causation_id?.indexOf('/') ?? -1
    if (typeof causation_id !== 'string' || slash < 0) continue
    const id = causation_id.slice(0, slash)
    const key = causation_id.slice(slash + 1)
    const keys = asks.get(id) ?? []
    if (!keys.includes(key)) asks.set(id, [...keys, key])
  }
  return asks
}
