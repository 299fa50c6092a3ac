/** A history, step by step: the states before and after every event, and the event's effects and deadlines. */
import type { DomainEvent } from '../event.ts'
import { type DeadlineRequest, type EffectRequest, pathOf } from '../evolve.ts'
import { foldOf } from '../fold.ts'
import type { Kind, KindName, SnapshotOf } from '../kinds.ts'

/** The members of a recorded event that a step shows. */
export type HappenedEvent = DomainEvent & {
  readonly version: number
  readonly at: string
  readonly actor: string
  readonly causation_id: string | null
}

export type Step<Snapshot> = {
  readonly seq: number
  readonly at: string
  readonly type: string
  /** State paths; null before the first event. */
  readonly before: string | null
  readonly after: string
  /** The time that the actor had spent in `before`, in milliseconds of the log's clock; null before the first event. */
  readonly spentMs: number | null
  readonly by: string
  /** The effect, the deadline or the request that caused the event. */
  readonly cause: string | null
  readonly asked: readonly EffectRequest[]
  /** Effects withdrawn because their state was left, except the one whose outcome this event is. */
  readonly withdrawn: readonly string[]
  readonly armed: readonly (DeadlineRequest & { readonly dueAt: string })[]
  /** Deadlines that the event disarmed, except the one whose passing it records. */
  readonly disarmed: readonly string[]
  /** The state itself after the event. */
  readonly snapshot: Snapshot
}

/**
 * Folds a stream's events from its first one through a kind's machine. The machine gives the states, not the events.
 */
export function* stepThrough<Name extends KindName>(
  kind: Kind<Name>,
  events: Iterable<HappenedEvent>,
): Generator<Step<SnapshotOf[Name]>, void, undefined> {
  const fold = foldOf(kind)
  let sinceMs = 0
  for (const event of events) {
    const before = fold.state
    const evolved = fold.take(event)
    const after = pathOf(evolved.snapshot.value)
    const atMs = Date.parse(event.at)
    yield {
      seq: event.version,
      at: event.at,
      type: event.type,
      before,
      after,
      spentMs: before === null ? null : atMs - sinceMs,
      by: event.actor,
      cause: event.causation_id,
      asked: evolved.asked,
      withdrawn: evolved.withdrawn.filter((key) => !isOutcomeOf(key, event)),
      armed: evolved.armed.map((deadline) => ({
        ...deadline,
        dueAt: new Date(atMs + deadline.delayMs).toISOString(),
      })),
      disarmed: evolved.disarmed.filter((name) => event.type !== `${name}.elapsed`),
      snapshot: evolved.snapshot,
    }
    if (after !== before) sinceMs = atMs
  }
}

function isOutcomeOf(key: string, event: DomainEvent): boolean {
  return event.type === `${key}.succeeded` || event.type === `${key}.failed`
}
