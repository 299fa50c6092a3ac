// A clock that stands still until it is told to go on.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../../redfish/simulator/world/timing.ts'

export class ManualClock implements Clock {
  #nowMs = Date.UTC(2026, 0, 1)
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = []

  now(): Date {
    return new Date(this.#nowMs)
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (ms === 0) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sleeper = { atMs: this.#nowMs + ms, wake: resolve }
    this.#sleepers.push(sleeper)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    await promise
  }

  /** Goes on by this much and wakes whoever is due, in order, each with time to fall asleep again. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await setImmediate()
      const due = this.#sleepers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (due === undefined) break
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== due)
      this.#nowMs = due.atMs
      due.wake()
    }
    this.#nowMs = untilMs
  }
}
