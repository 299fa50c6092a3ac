/** A history, step by step: what every event found, what it made of it, and what it asked for. */
import type { StateValue } from 'xstate'
import type { DomainEvent } from '../event.ts'
import { type DeadlineRequest, type EffectRequest, type Evolve, pathOf } from '../evolve.ts'

/** What of a recorded event a step tells. */
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
  /** How long the actor had been in `before`, in milliseconds of the log's clock; null before the first event. */
  readonly spentMs: number | null
  readonly by: string
  /** The effect, the deadline or the request that it came from. */
  readonly cause: string | null
  readonly asked: readonly EffectRequest[]
  /** Effects given up because their state was left. One whose outcome the event is was not given up. */
  readonly withdrawn: readonly string[]
  readonly armed: readonly (DeadlineRequest & { readonly dueAt: string })[]
  /** Deadlines that will not pass any more. One that the event says has passed was not disarmed. */
  readonly disarmed: readonly string[]
  /** The state itself after the event. */
  readonly snapshot: Snapshot
}

/** Folds a stream's events from its first one through a machine. The states are those that this machine gives. */
export function* stepThrough<Snapshot extends { readonly value: StateValue }>(
  evolve: Evolve<Snapshot>,
  events: Iterable<HappenedEvent>,
): Generator<Step<Snapshot>, void, undefined> {
  let last: { readonly snapshot: Snapshot; readonly path: string; readonly sinceMs: number } | undefined
  for (const event of events) {
    const evolved = last === undefined ? evolve.start(event) : evolve.next(last.snapshot, event)
    const after = pathOf(evolved.snapshot.value)
    const atMs = Date.parse(event.at)
    yield {
      seq: event.version,
      at: event.at,
      type: event.type,
      before: last?.path ?? null,
      after,
      spentMs: last === undefined ? null : atMs - last.sinceMs,
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
    last = {
      snapshot: evolved.snapshot,
      path: after,
      sinceMs: last !== undefined && after === last.path ? last.sinceMs : atMs,
    }
  }
}

function isOutcomeOf(key: string, event: DomainEvent): boolean {
  return event.type === `${key}.succeeded` || event.type === `${key}.failed`
}
