/**
 * The performer: leases effects, runs their services, appends their outcomes. At least once: after a crash another
 * performer takes over when the lease runs out, which is why every service says what makes it safe to repeat. The
 * outcome is appended under the condition that the lease still holds.
 */
import { leaseEffects, lostEffects, renewLeases } from '../../eventstore/pending/effects.ts'
import { startLoop } from '../../eventstore/postgres/loop.ts'
import type { Notifications } from '../../eventstore/postgres/notifications.ts'
import { type EffectOptions, performEffect } from './effect.ts'
import { RunningEffects } from './running.ts'

export type PerformerOptions = EffectOptions & {
  readonly notifications: Notifications
  readonly concurrencyMax: number
  readonly leaseTtlMs: number
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

/** Leases effects and performs them, up to `concurrencyMax` at once, until it is stopped. */
export function startPerformer(options: PerformerOptions): Performer {
  const { db, runtime, notifications, log, owner, concurrencyMax, leaseTtlMs } = options
  const running = new RunningEffects()
  const waiter = notifications.waiter()
  runtime.onAppended((appended) => running.withdraw(appended))

  /** Aborts what `lostOf` names: it was withdrawn, maybe through another controller, or taken over. */
  const abortLost = async (lostOf: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<void> => {
    try {
      await running.abortLost(lostOf)
    } catch (error) {
      log.warn({ err: error }, 'leases could not be looked at')
    }
  }

  let lookedForLostAt = 0
  const leasing = startLoop({
    everyMs: lookEveryMs,
    restMs: lookRestMs,
    waiter,
    work: async (stopping) => {
      if (performance.now() - lookedForLostAt >= lookForLostEveryMs) {
        lookedForLostAt = performance.now()
        await abortLost((ids) => lostEffects(db, { owner, ids }))
      }
      // At the limit, the end of what runs is what wakes.
      const limit = concurrencyMax - running.size
      if (limit <= 0) return
      const heldUntil = performance.now() + leaseTtlMs
      const leased = await leaseEffects(db, { owner, ttlMs: leaseTtlMs, limit })
      for (const effect of leased)
        running.start(effect, { heldUntil, stopping }, (tenure) => performEffect(options, effect, tenure), waiter.wake)
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
    running.renewed(renewed, heldUntil)
    return new Set(ids).difference(renewed)
  }
  const heartbeat = setInterval(() => void abortLost(renew), leaseTtlMs / 3)

  return {
    underWay: () => running.size,
    stop: async () => {
      await leasing.stop()
      await running.ended()
      clearInterval(heartbeat)
    },
  }
}
