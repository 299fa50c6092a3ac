/** A commit: events that are appended together, and the condition that must hold then. */
import type { Consequences } from '../../machines/evolve.ts'
import type { StreamId } from '../../machines/kinds.ts'
import type { ReadModelRow } from '../schema.ts'
import type { Repair } from './consequences.ts'
import type { HashedEvent } from './event.ts'

export type NewEvent = HashedEvent & { readonly hash: string }

export type StreamAppend = {
  readonly stream: StreamId
  readonly events: readonly { readonly event: NewEvent; readonly consequences: Consequences }[]
  readonly projected: ReadModelRow
  /** The state after the last event, where a snapshot is due. */
  readonly snapshot: { readonly version: number; readonly machineVersion: string; readonly state: unknown } | null
}

/**
 * The condition that must still hold at commit: the effect's lease, the due deadline, or the faulty rows of a repair.
 */
export type Condition =
  /** `ends`: the outcome, which also removes the effect; otherwise a fact recorded while it goes on. */
  | {
      readonly kind: 'lease'
      readonly effectId: string
      readonly owner: string
      readonly epoch: number
      readonly ends: boolean
    }
  | { readonly kind: 'deadline'; readonly stream: StreamId; readonly name: string }
  /** Rows of the state before the commit are missing or surplus; the commit puts them right. */
  | { readonly kind: 'repair'; readonly repair: Repair }
