/**
 * The performer: leases effects, runs their services, appends their outcomes. At least once: after a crash another
 * performer takes over when the lease runs out, which is why every service says what makes it safe to repeat. The
 * outcome is appended under the condition that the lease still holds.
 */
import { ConditionGone } from '../eventstore/log/append.ts'
import { readCausedBy } from '../eventstore/log/read.ts'
import type { OnSeam } from '../eventstore/log/seams.ts'
import {
  type LeasedEffect,
  leaseEffects,
  lostEffects,
  renewLeases,
  returnEffect,
} from '../eventstore/pending/effects.ts'
import type { Database } from '../eventstore/postgres/database.ts'
import { startLoop } from '../eventstore/postgres/loop.ts'
import type { Notifications } from '../eventstore/postgres/notifications.ts'
import { parseStream } from '../machines/kinds.ts'
import { type BmcWriters, WriterLost } from './bmcs/writers.ts'
import { failureData } from './failure.ts'
import type { Log } from './log.ts'
import { type Cause, NotAccepted, type Runtime } from './runtime.ts'
import type { Service, Services, ServiceTable } from './service.ts'

export type PerformerOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly notifications: Notifications
  readonly services: ServiceTable
  readonly writers: BmcWriters
  readonly log: Log
  /** Unique to this controller process. */
  readonly owner: string
  readonly concurrencyMax: number
  readonly leaseTtlMs: number
  /** Told of a server at whose BMC somebody else may have been since this process was there last. */
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

export type Performer = {
  readonly underWay: () => number
  /** Aborts what is under way and gives it back at once, so that another controller can go on. */
  readonly stop: () => Promise<void>
}

/** Looking without having been woken: for effects that became available by time or whose lease expired. */
const lookEveryMs = 500
/** Between two looks, however much is announced. */
const lookRestMs = 10
/** Between two looks for what was withdrawn through another controller: they name everything that is under way. */
const lookForLostEveryMs = 250
/** Tries of an effect whose service fails in ways that are not the step's own, before that is recorded as a failure. */
const unexpectedErrorsMax = 8
const retryDelayMaxMs = 30_000

type Running = {
  readonly effect: LeasedEffect
  readonly abort: AbortController
  readonly done: Promise<void>
  /** Until then nobody else can have the lease: it was given or renewed no earlier than `leaseTtlMs` before. */
  heldUntil: number
}

const withdrawnReason = new Error('the effect was withdrawn')

export function startPerformer(options: PerformerOptions): Performer {
  const { db, runtime, notifications, services, writers, log, owner, concurrencyMax, leaseTtlMs } = options
  const running = new Set<Running>()
  /** The same by stream: an event concerns the few of its own, not the whole fleet. */
  const runningOf = new Map<string, Set<Running>>()
  const waiter = notifications.waiter()

  runtime.onAppended((appended) => {
    for (const { event, withdrawn } of appended) {
      if (withdrawn.length === 0) continue
      for (const { effect, abort } of runningOf.get(event.stream) ?? []) {
        // What the event itself asked for, under the same key, may have begun already.
        const asked = effect.version < event.version
        const ended = event.causation_id === effect.id
        if (asked && withdrawn.includes(effect.key) && !ended) abort.abort(withdrawnReason)
      }
    }
  })

  const start = (effect: LeasedEffect, heldUntil: number, stopping: AbortSignal) => {
    // A lease that ran out while this process stood still can come back to it: the run before has lost it.
    const ofStream = runningOf.get(effect.stream) ?? new Set()
    for (const before of ofStream) if (before.effect.id === effect.id) before.abort.abort(withdrawnReason)
    const abort = new AbortController()
    const held = () => performance.now() < one.heldUntil
    const done = perform(effect, AbortSignal.any([abort.signal, stopping]), held).finally(() => {
      running.delete(one)
      ofStream.delete(one)
      if (ofStream.size === 0 && runningOf.get(effect.stream) === ofStream) runningOf.delete(effect.stream)
      waiter.wake()
    })
    const one: Running = { effect, abort, done, heldUntil }
    running.add(one)
    runningOf.set(effect.stream, ofStream.add(one))
  }

  /** Aborts what `lostOf` names: it was withdrawn, maybe through another controller, or taken over. */
  const abortLost = async (lostOf: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<void> => {
    const looked = [...running]
    if (looked.length === 0) return
    try {
      const lost = await lostOf(looked.map(({ effect }) => effect.id))
      for (const { effect, abort } of looked) if (lost.has(effect.id)) abort.abort(withdrawnReason)
    } catch (error) {
      log.warn({ err: error }, 'leases could not be looked at')
    }
  }

  let lookedForLostAt = 0
  const leasing = startLoop({
    everyMs: lookEveryMs,
    restMs: lookRestMs,
    waiter,
    work: async (signal) => {
      if (performance.now() - lookedForLostAt >= lookForLostEveryMs) {
        lookedForLostAt = performance.now()
        await abortLost((ids) => lostEffects(db, { owner, ids }))
      }
      // At the limit, the end of what runs is what wakes.
      const limit = concurrencyMax - running.size
      if (limit <= 0) return
      const heldUntil = performance.now() + leaseTtlMs
      const leased = await leaseEffects(db, { owner, ttlMs: leaseTtlMs, limit })
      for (const effect of leased) start(effect, heldUntil, signal)
      // A full batch means that there is more.
      return leased.length < limit ? undefined : 0
    },
    onError: (error) => {
      log.error({ err: error }, 'effects could not be leased, looking again')
    },
  })

  const renew = async (ids: readonly string[]) => {
    const heldUntil = performance.now() + leaseTtlMs
    const renewed = await renewLeases(db, { owner, ttlMs: leaseTtlMs, ids })
    for (const one of running) if (renewed.has(one.effect.id)) one.heldUntil = heldUntil
    return new Set(ids).difference(renewed)
  }
  const heartbeat = setInterval(() => void abortLost(renew), leaseTtlMs / 3)

  const perform = async (effect: LeasedEffect, signal: AbortSignal, held: () => boolean): Promise<void> => {
    const startedAt = performance.now()
    const { id } = parseStream(effect.stream)
    const input = effect.input as { serial: string; jobId?: string }
    const fields = {
      effect: effect.id,
      step: effect.key,
      server_serial: input.serial,
      job_id: input.jobId,
      attempt: effect.epoch,
    }
    const finish = (result: FinishedEffect['result']) => {
      const durationMs = Math.round(performance.now() - startedAt)
      log.info({ ...fields, result, duration_ms: durationMs }, `${effect.key} ${result}`)
      options.onFinished?.({ key: effect.key, result, durationMs, stolen: effect.epoch > 1 })
    }
    const cause: Cause = {
      actor: `controller:${owner}`,
      causationId: effect.id,
      correlationId: input.jobId ?? null,
      trace: null,
    }
    const appendFact = async (event: { type: string; data: unknown }, ends: boolean) => {
      await runtime.commit({
        reads: [effect.stream],
        decide: () => [{ stream: effect.stream, events: [event] }],
        cause,
        condition: { kind: 'lease', effectId: effect.id, owner, epoch: effect.epoch, ends },
      })
    }
    try {
      const service = services[effect.src as keyof Services] as Service<keyof Services> | undefined
      if (service === undefined)
        throw new Error(`no service "${effect.src}": the machine asks for something this version cannot do`)
      const work = async (working: AbortSignal, { alone }: { readonly alone: boolean }) => {
        options.onSeam?.(`effect.before:${effect.key}`)
        if (effect.epoch > 1 || !alone) options.forgetRead(input.serial ?? id)
        const output = await service.perform(effect.input as never, {
          attempt: effect.epoch,
          signal: working,
          record: async (event) => {
            await appendFact(event, false)
            // This process may have stood still since, and whoever has the lease now has seen the intent, and acted.
            if (!held()) throw new ConditionGone(`the lease of ${effect.key} may have ended while a fact was recorded`)
          },
          recorded: () => readCausedBy(db, effect.stream, effect.id),
        })
        options.onSeam?.(`effect.after:${effect.key}`)
        return output
      }
      const output = service.writesBmc
        ? await writers.run(input.serial ?? id, signal, work)
        : await work(signal, { alone: true })
      await appendFact({ type: `${effect.key}.succeeded`, data: output }, true)
      finish('succeeded')
    } catch (error) {
      finish(await settle(effect, error, { signal, appendFact, startedAt }))
    }
  }

  /** What becomes of an effect whose service or whose outcome's append failed. */
  const settle = async (
    effect: LeasedEffect,
    error: unknown,
    {
      signal,
      appendFact,
      startedAt,
    }: {
      signal: AbortSignal
      startedAt: number
      appendFact: (event: { type: string; data: unknown }, ends: boolean) => Promise<void>
    },
  ): Promise<FinishedEffect['result']> => {
    if (error instanceof ConditionGone || error instanceof NotAccepted || signal.reason === withdrawnReason)
      return 'withdrawn'
    if (signal.aborted || error instanceof WriterLost) return giveBack(effect, 0)
    const known = failureData(error, options.redact)
    if (known === null) {
      log.error(
        { err: error, effect: effect.id, step: effect.key, attempt: effect.epoch },
        `${effect.key} met an unexpected error`,
      )
      if (effect.epoch < unexpectedErrorsMax)
        return giveBack(effect, Math.min(250 * 2 ** effect.epoch, retryDelayMaxMs))
    }
    const data = {
      ...(known ?? {
        kind: 'internal',
        message: 'an error inside the controller, see its log',
        attempts: effect.epoch,
      }),
      elapsed_ms: Math.round(performance.now() - startedAt),
    }
    try {
      await appendFact({ type: `${effect.key}.failed`, data }, true)
      return 'failed'
    } catch (refused) {
      if (refused instanceof ConditionGone || refused instanceof NotAccepted) return 'withdrawn'
      log.error({ err: refused, effect: effect.id }, `the failure of ${effect.key} could not be recorded`)
      return giveBack(effect, retryDelayMaxMs)
    }
  }

  const giveBack = async (effect: LeasedEffect, delayMs: number): Promise<'returned'> => {
    try {
      await returnEffect(db, effect, { delayMs })
    } catch (error) {
      log.warn({ err: error, effect: effect.id }, 'an effect could not be given back; its lease will expire')
    }
    return 'returned'
  }

  return {
    underWay: () => running.size,
    stop: async () => {
      await leasing.stop()
      await Promise.all([...running].map(({ done }) => done))
      clearInterval(heartbeat)
    },
  }
}
