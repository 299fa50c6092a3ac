/** One performance of an effect: its service runs, and the outcome is appended under the condition that the lease holds. */
import { ConditionGone } from '../../eventstore/log/append.ts'
import { readCausedBy } from '../../eventstore/log/read.ts'
import type { OnSeam } from '../../eventstore/log/seams.ts'
import { type LeasedEffect, returnEffect } from '../../eventstore/pending/effects.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import { type BmcWriters, WriterLost } from '../bmcs/writers.ts'
import { failureData } from '../failure.ts'
import type { Log } from '../log.ts'
import { NotAccepted, proposalOf, type Runtime } from '../runtime.ts'
import type { Service, Services, ServiceTable } from '../service.ts'
import { type Tenure, withdrawnReason } from './running.ts'

export type EffectOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly services: ServiceTable
  readonly writers: BmcWriters
  readonly log: Log
  /** Unique to this controller process. */
  readonly owner: string
  /** Hears of a server at whose BMC another controller may have been since this process was there last. */
  readonly forgetRead: (serial: string) => void
  /** Cuts secrets out of failure messages. */
  readonly redact: (text: string) => string
  readonly onFinished?: (finished: FinishedEffect) => void
  readonly onSeam?: OnSeam
}

export type FinishedEffect = {
  readonly key: string
  readonly result: 'succeeded' | 'failed' | 'withdrawn' | 'returned'
  readonly durationMs: number
  readonly stolen: boolean
}

/** Performances of an effect whose service fails in ways that are not the step's own, before that is recorded as a failure. */
const unexpectedErrorsMax = 8
const retryDelayMaxMs = 30_000

/** Performs a leased effect until its outcome is appended, or until it is withdrawn or given back. Never rejects. */
export async function performEffect(options: EffectOptions, effect: LeasedEffect, tenure: Tenure): Promise<void> {
  const { key, epoch } = effect
  const startedAt = performance.now()
  const { serial, jobId } = inputOf(effect)
  const result = await outcome(options, effect, tenure, startedAt)
  const durationMs = Math.round(performance.now() - startedAt)
  const fields = { effect: effect.id, step: key, server_serial: serial, job_id: jobId, attempt: epoch, result }
  options.log.info({ ...fields, duration_ms: durationMs }, `${key} ${result}`)
  options.onFinished?.({ key, result, durationMs, stolen: epoch > 1 })
}

async function outcome(
  options: EffectOptions,
  effect: LeasedEffect,
  tenure: Tenure,
  startedAt: number,
): Promise<FinishedEffect['result']> {
  try {
    const output = await serve(options, effect, tenure)
    await appendFact(options, effect, { type: `${effect.key}.succeeded`, data: output }, { ends: true })
    return 'succeeded'
  } catch (error) {
    return settle(options, effect, error, { signal: tenure.signal, startedAt })
  }
}

/** Runs the service of an effect; as the only writer of the BMC where it writes. Answers the service's output. */
async function serve(options: EffectOptions, effect: LeasedEffect, { signal, held }: Tenure): Promise<unknown> {
  const { db, services, writers, forgetRead, onSeam } = options
  const { serial } = inputOf(effect)
  const service = services[effect.src as keyof Services] as Service<keyof Services> | undefined
  if (service === undefined)
    throw new Error(`no service "${effect.src}": the machine asks for something this version cannot do`)
  const work = async (working: AbortSignal, { alone }: { readonly alone: boolean }) => {
    onSeam?.(`effect.before:${effect.key}`)
    if (effect.epoch > 1 || !alone) forgetRead(serial)
    const output = await service.perform(effect.input as Services[keyof Services]['input'], {
      attempt: effect.epoch,
      signal: working,
      record: async (event) => {
        await appendFact(options, effect, event, { ends: false })
        // This process may have stood still since; the controller that has the lease now has seen the intent, and acted.
        if (!held()) throw new ConditionGone(`the lease of ${effect.key} may have ended while a fact was recorded`)
      },
      recorded: () => readCausedBy(db, effect.stream, effect.id),
    })
    onSeam?.(`effect.after:${effect.key}`)
    return output
  }
  return service.writesBmc ? writers.run(serial, signal, work) : work(signal, { alone: true })
}

/** Appends an event that this effect causes, while its lease holds; `ends` takes the effect off the list with it. */
async function appendFact(
  { runtime, owner }: EffectOptions,
  effect: LeasedEffect,
  event: { readonly type: string; readonly data: unknown },
  { ends }: { readonly ends: boolean },
): Promise<void> {
  const { id, stream, epoch } = effect
  await runtime.commit({
    reads: [stream],
    decide: () => [proposalOf(stream, event)],
    cause: {
      actor: `controller:${owner}`,
      causationId: id,
      correlationId: inputOf(effect).jobId ?? null,
      trace: null,
    },
    condition: { kind: 'lease', effectId: id, owner, epoch, ends },
  })
}

/** Ends an effect whose service failed or whose outcome could not be appended: recorded, withdrawn, or given back. */
async function settle(
  options: EffectOptions,
  effect: LeasedEffect,
  error: unknown,
  { signal, startedAt }: { readonly signal: AbortSignal; readonly startedAt: number },
): Promise<FinishedEffect['result']> {
  const { log, redact } = options
  const { id, key, epoch } = effect
  if (isOver(error) || signal.reason === withdrawnReason) return 'withdrawn'
  if (signal.aborted || error instanceof WriterLost) return giveBack(options, effect, 0)
  const known = failureData(error, redact)
  if (known === null) {
    log.error({ err: error, effect: id, step: key, attempt: epoch }, `${key} met an unexpected error`)
    if (epoch < unexpectedErrorsMax) return giveBack(options, effect, Math.min(250 * 2 ** epoch, retryDelayMaxMs))
  }
  const data = {
    ...(known ?? { kind: 'internal', message: 'an error inside the controller, see its log', attempts: epoch }),
    elapsed_ms: Math.round(performance.now() - startedAt),
  }
  try {
    await appendFact(options, effect, { type: `${key}.failed`, data }, { ends: true })
    return 'failed'
  } catch (refused) {
    if (isOver(refused)) return 'withdrawn'
    log.error({ err: refused, effect: id }, `the failure of ${key} could not be recorded`)
    return giveBack(options, effect, retryDelayMaxMs)
  }
}

/** The lease is gone, or the machine does not wait for this effect any more. */
function isOver(error: unknown): boolean {
  return error instanceof ConditionGone || error instanceof NotAccepted
}

async function giveBack({ db, log }: EffectOptions, effect: LeasedEffect, delayMs: number): Promise<'returned'> {
  try {
    await returnEffect(db, effect, { delayMs })
  } catch (error) {
    log.warn({ err: error, effect: effect.id }, 'an effect could not be given back; its lease will expire')
  }
  return 'returned'
}

/** Every effect is about a server; those of jobs name their job, too. */
function inputOf({ input }: LeasedEffect): { readonly serial: string; readonly jobId?: string } {
  return input as { serial: string; jobId?: string }
}
