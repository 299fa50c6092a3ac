/**
 * Restarts the host into the maintenance OS. A reset is not safe to repeat, so each one is recorded as an intent before
 * it is sent. After a reset without an outcome (an earlier performer died, or the answer was lost) this performer
 * checks the host first (spec/job.md "What makes a step safe to repeat"). It resets again only with proof that no
 * restart happened.
 */
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { JobContext } from '../../machines/job/context.ts'
import type { JobEventData } from '../../machines/job/events.ts'
import type { Bmc, ResetIntent } from '../../redfish/bmc.ts'
import { BmcError } from '../../redfish/failure.ts'
import type { Bmcs } from '../bmcs/clients.ts'
import { StepFailure } from '../failure.ts'
import type { Service, ServiceContext } from '../service.ts'
import type { Timing } from '../timing.ts'
import { intentData, powerData, powerObservation, resetData } from './facts.ts'

export type ResetHostOptions = {
  readonly bmcs: Bmcs
  readonly timing: Timing
  /** The reads that the controller's media server saw: a host that reads its boot medium has restarted. */
  readonly mediaReadsOf: (jobId: string) => Promise<JobContext['mediaReads']>
  /** The service waits this long for proof of a restart; an accepted reset takes effect within moments. */
  readonly resolveWithinMs?: number
}

type Verdict = Omit<JobEventData<'redfish.reset.resolved'>, 'after'> & {
  readonly after: JobEventData<'redfish.reset.resolved'>['after']
}

const lookEveryMs = 1000

export function resetHost({
  bmcs,
  timing,
  mediaReadsOf,
  resolveWithinMs = 20_000,
}: ResetHostOptions): Service<'resetHost'> {
  const look = async (bmc: Bmc, jobId: string, intent: StoredEvent, signal: AbortSignal): Promise<Verdict> => {
    const reads = await mediaReadsOf(jobId)
    const verdict = await bmc.resolveReset(resetIntent(intent), { signal })
    const after = powerData(verdict.after)
    const readSince = Object.values(reads).some((read) => read.last_read_at > intent.at)
    if (verdict.happened !== 'yes' && readSince) return { happened: 'yes', evidence: 'media-read', after }
    return { happened: verdict.happened, evidence: verdict.evidence, after }
  }

  /** Polls for proof of a restart, at most for `resolveWithinMs`; then the last verdict counts. */
  const resolve = async (bmc: Bmc, jobId: string, intent: StoredEvent, signal: AbortSignal): Promise<Verdict> => {
    const until = timing.now() + resolveWithinMs
    for (;;) {
      const verdict = await look(bmc, jobId, intent, signal)
      if (verdict.happened === 'yes' || timing.now() >= until) return verdict
      await timing.delay(lookEveryMs, signal)
    }
  }

  /** Resolves the last intent and records the verdict. `restarted` is the step's outcome, or null without a restart. */
  const settle = async (bmc: Bmc, jobId: string, intents: Intents, { signal, record }: ServiceContext<'job'>) => {
    const startedAt = timing.now()
    const verdict = await resolve(bmc, jobId, intents.last, signal)
    await record({ type: 'redfish.reset.resolved', data: verdict })
    const restarted = {
      attempts: 1,
      elapsed_ms: Math.round(timing.now() - startedAt),
      sent: intents.all.map((intent) => resetIntent(intent).resetType),
      evidence: verdict.evidence ?? 'accepted',
      after: verdict.after,
    } as const
    return { happened: verdict.happened, restarted: verdict.happened === 'yes' ? restarted : null }
  }

  const resume = async (bmc: Bmc, jobId: string, context: ServiceContext<'job'>) => {
    const intents = await intentsOf(context)
    if (intents === null) return null
    const { happened, restarted } = await settle(bmc, jobId, intents, context)
    if (happened === 'unknown') {
      const message =
        'the controller stopped while it reset the host, and the BMC does not tell whether that happened; not reset again, because the host may be writing its disk'
      throw new StepFailure({ kind: 'not-confirmed', message })
    }
    return restarted
  }

  return {
    writesBmc: true,
    perform: async ({ jobId, serial }, context) =>
      bmcs.use(serial, async (bmc) => {
        const resumed = await resume(bmc, jobId, context)
        if (resumed !== null) return resumed
        const announced: ResetIntent[] = []
        const onIntent = async (intent: ResetIntent) => {
          await context.record({ type: 'redfish.reset.requested', data: intentData(intent) })
          announced.push(intent)
        }
        try {
          return resetData(await bmc.restart({ signal: context.signal, onIntent }))
        } catch (error) {
          if (!leavesOpen(error) || announced.length === 0 || context.signal.aborted) throw error
          // The BMC may show no restart, but reads of the boot medium prove one.
          const intents = await intentsOf(context)
          const { restarted } = intents === null ? { restarted: null } : await settle(bmc, jobId, intents, context)
          if (restarted === null) throw error
          return restarted
        }
      }),
  }
}

type Intents = { readonly all: readonly StoredEvent[]; readonly last: StoredEvent }

/** The reset intents that the step has recorded; null without any. */
async function intentsOf({ recorded }: ServiceContext<'job'>): Promise<Intents | null> {
  const all = (await recorded()).filter(({ type }) => type === 'redfish.reset.requested')
  const last = all.at(-1)
  return last === undefined ? null : { all, last }
}

/** True when the reset may have happened although its request failed. */
function leavesOpen(error: unknown): boolean {
  return error instanceof BmcError && (error.failure.kind === 'not-confirmed' || error.failure.retry)
}

function resetIntent(event: StoredEvent): ResetIntent {
  const data = event.data as JobEventData<'redfish.reset.requested'>
  return {
    resetType: data.reset_type as ResetIntent['resetType'],
    reason: data.reason,
    before: powerObservation(data.before),
    overrideBefore: data.override_before,
  }
}
