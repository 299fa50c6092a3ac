/**
 * The rows of effects and deadlines that actors wait for. They are the same whether they come from an append, a
 * rebuild, or the repair of a single actor.
 */
import type { DeadlineRequest, EffectRequest } from '../../machines/evolve.ts'
import type { NetConsequences } from '../../machines/fold.ts'
import type { StreamId } from '../../machines/kinds.ts'
import type { StoredEvent } from './event.ts'

type AskingEvent = Pick<StoredEvent, 'id' | 'stream' | 'version' | 'at'>
export type EffectRow = ReturnType<typeof effectRow>
export type DeadlineRow = ReturnType<typeof deadlineRow>

/** The rows that events leave behind. */
export function pendingRows({ asked, armed }: NetConsequences<AskingEvent>): {
  readonly effects: readonly EffectRow[]
  readonly deadlines: readonly DeadlineRow[]
} {
  return {
    effects: [...asked.values()].map(({ event, effect }) => effectRow(event, effect)),
    deadlines: [...armed.values()].map(({ event, deadline }) => deadlineRow(event, deadline)),
  }
}

/** The row of an effect. Its id is the same after a rebuild. */
function effectRow({ id, stream, version, at }: AskingEvent, { key, src, input }: EffectRequest) {
  return { id: `${id}/${key}`, stream, version, key, src, input, asked_at: at, available_at: at }
}

/** The row of a deadline, due `delayMs` after its event. */
function deadlineRow({ stream, at }: AskingEvent, { name, delayMs }: DeadlineRequest) {
  return { stream, name, due_at: new Date(Date.parse(at) + delayMs).toISOString() }
}

/** Rows of one stream that a commit puts back and takes away, as the stream's log demands. */
export type Repair = {
  readonly stream: StreamId
  readonly lost: { readonly effects: readonly EffectRow[]; readonly deadlines: readonly DeadlineRow[] }
  readonly surplus: { readonly effectKeys: readonly string[]; readonly deadlineNames: readonly string[] }
}
