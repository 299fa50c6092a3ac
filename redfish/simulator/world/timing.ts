/**
 * The durations of the simulated world, and its clock. The defaults are near those of real hardware, and shorter where
 * a demonstration would take too long; `speed` divides all of them.
 */
import { setTimeout as wait } from 'node:timers/promises'

/** The simulator's source of time. */
export interface Clock {
  now(): Date
  /** Resolves after `ms` of this clock's time. Rejects with the signal's reason as soon as the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** Every delay of one BMC and the host behind it, in milliseconds before `speed` is applied. */
export type Timing = {
  /** Off → PoweringOn → On. */
  readonly powerOnMs: number
  /** On → PoweringOff → Off after ForceOff, and inside PowerCycle. */
  readonly powerOffMs: number
  /** The time without power in a PowerCycle. */
  readonly powerCyclePauseMs: number
  /** The time for an operating system's shutdown over ACPI. */
  readonly gracefulShutdownMs: number
  /** Firmware self test, before a boot device is chosen. */
  readonly postMs: number
  /** From the boot device's loader to a running operating system. */
  readonly osBootMs: number
  /** From the 204 of InsertMedia until `Inserted: true` (quirks.md 6, "Inserted follows seconds later"). */
  readonly mediaAttachMs: number
  /** From the 204 of EjectMedia until the slot is empty (quirks.md 6, iDRAC keeps `Inserted: true` for a while). */
  readonly mediaDetachMs: number
  /** The time for any answer of the BMC. */
  readonly responseMs: number
  /** The time after Manager.Reset in which the BMC does not answer. */
  readonly managerDownMs: number
  /** The time after that in which the BMC answers 503. */
  readonly managerResetMs: number
  /** One step of the maintenance OS. */
  readonly stepMs: number
  /** The dispatcher's wait for a task medium, before exit code 10 (spec/maintenance-os.md, step 3). */
  readonly taskMediumWaitMs: number
  /** The pause between two tries to send a report (spec/maintenance-os.md, "Units"). */
  readonly reportRetryMs: number
}

export const defaultTiming: Timing = {
  powerOnMs: 2_000,
  powerOffMs: 1_000,
  powerCyclePauseMs: 1_000,
  gracefulShutdownMs: 2_000,
  postMs: 600,
  osBootMs: 600,
  mediaAttachMs: 500,
  mediaDetachMs: 200,
  responseMs: 20,
  managerDownMs: 3_000,
  managerResetMs: 10_000,
  stepMs: 450,
  taskMediumWaitMs: 120_000,
  reportRetryMs: 10_000,
}

/**
 * A clock that shows the real time and sleeps `speed` times faster than asked.
 *
 * @throws RangeError when `speed` is not a positive number.
 */
export function realClock(speed = 1): Clock {
  if (!(speed > 0)) throw new RangeError(`speed must be a positive number, not ${speed}`)
  return {
    now: () => new Date(),
    async sleep(ms, signal) {
      signal.throwIfAborted()
      try {
        await wait(ms / speed, undefined, { signal })
      } catch (error) {
        signal.throwIfAborted()
        throw error
      }
    },
  }
}
