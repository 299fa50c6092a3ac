/**
 * How long things take in the simulated world, and the clock they are measured with. The defaults are about what real
 * hardware shows, cut where a demonstration would bore; `speed` divides every one of them.
 */
import { setTimeout as wait } from 'node:timers/promises'

/** Where the simulator takes its time from. */
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
  /** How long PowerCycle leaves the host without power. */
  readonly powerCyclePauseMs: number
  /** How long an operating system takes to shut down when it is asked to over ACPI. */
  readonly gracefulShutdownMs: number
  /** Firmware self test, before a boot device is chosen. */
  readonly postMs: number
  /** From the boot device's loader to a running operating system. */
  readonly osBootMs: number
  /** From the 204 of InsertMedia until the slot says `Inserted: true` (quirks.md 6, "Inserted follows seconds later"). */
  readonly mediaAttachMs: number
  /** From the 204 of EjectMedia until the slot is empty (quirks.md 6, iDRAC keeps `Inserted: true` for a while). */
  readonly mediaDetachMs: number
  /** What a BMC takes for any answer. */
  readonly responseMs: number
  /** How long nobody answers after Manager.Reset. */
  readonly managerDownMs: number
  /** How long the BMC answers 503 after that. */
  readonly managerResetMs: number
  /** One step of the maintenance OS. */
  readonly stepMs: number
  /** How long the dispatcher waits for a task medium before exit code 10 (spec/maintenance-os.md, step 3). */
  readonly taskMediumWaitMs: number
  /** Between two tries to send a report (spec/maintenance-os.md, "Units"). */
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
