/**
 * The plan of a job: the effects and deadlines that the real machine asks for when every step succeeds.
 */
import type { DomainEvent } from '../event.ts'
import type { EffectRequest } from '../evolve.ts'
import { foldOf } from '../fold.ts'
import { kinds } from '../kinds.ts'
import type { JobRequested } from './events.ts'
import { taskFormOf } from './layout.ts'

/** The slots of the two media, by their paths; a single slot is named twice, as in a job's history. */
export type Layout = { readonly kind: string; readonly maintenance: string; readonly task: string }

type PlannedEffect = {
  readonly step: string
  readonly effect: string
  /** The virtual media slot, where one is used and known. */
  readonly slot: string | null
}
type PlannedWait = { readonly for: string; readonly budget_ms: number }

/** Most servers have two CD slots, so a plan assumes them for a server that was never probed. */
const usualLayout: Layout = { kind: 'two-cds', maintenance: '', task: '' }

/** Effects that this job would ask for and deadlines that it would arm, in order. */
export function planOf(requested: JobRequested, layout: Layout | null) {
  const fold = foldOf(kinds.job)
  const effects: PlannedEffect[] = []
  const waits: PlannedWait[] = []
  const unanswered: EffectRequest[] = []
  const take = (event: DomainEvent) => {
    const { asked, armed } = fold.take(event)
    unanswered.push(...asked)
    for (const { key, src, input } of asked) effects.push({ step: key, effect: src, slot: slotOf(input) })
    for (const { name, delayMs } of armed) waits.push({ for: name, budget_ms: delayMs })
  }

  take({ type: 'job.requested', data: requested })
  let reported = false
  while (!fold.snapshot?.matches('complete')) {
    const effect = unanswered.shift()
    if (effect === undefined && reported) throw new Error('the plan of a job does not come to its end')
    reported ||= effect === undefined
    for (const event of effect === undefined ? [report] : goodAnswers(effect, layout ?? usualLayout)) take(event)
  }
  return { effects, waits }
}

const report: DomainEvent = {
  type: 'report.received',
  data: { status: 'success', failed_step: null, delivery_id: null },
}

function goodAnswers({ key }: EffectRequest, layout: Layout): DomainEvent[] {
  const form = taskFormOf(layout.kind)
  const succeeded = { type: `${key}.succeeded`, data: { layout, form, sha256: '', bytes: 0 } }
  // A reset is announced before it is sent, and cleanup does more after one.
  return key === 'redfish.reset' ? [{ type: 'redfish.reset.requested', data: {} }, succeeded] : [succeeded]
}

function slotOf(input: unknown): string | null {
  const slot = (input as { readonly slot?: unknown } | null)?.slot
  return typeof slot === 'string' && slot !== '' ? slot : null
}
