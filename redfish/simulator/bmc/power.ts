/**
 * The power of the simulated host and the reset types that change it. A transition and the life of the host after it are
 * one piece of background work, which the next transition stops, like a loss of power.
 */

import type { Background } from '../world/background.ts'
import type { Clock, Timing } from '../world/timing.ts'
import type { ResetType } from './traits.ts'

export type PowerState = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff'

/** The computer that is switched on and off. */
export interface PoweredHost {
  /** Starts at the firmware and lives until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Continues the operating system that ran before the simulation began, instead of booting. */
  resume(signal: AbortSignal): Promise<void>
  /** The running software reacts to the power button; firmware and a silent installer do not. */
  readonly heedsAcpi: boolean
  /** The operating system shuts down; power stays until `stop`. */
  shutDown(): void
  /** The host has no power from now on. */
  stop(): void
}

export class Power {
  readonly #host: PoweredHost
  readonly #background: Background
  readonly #clock: Clock
  readonly #timing: Timing
  #state: PowerState = 'Off'
  #lastResetTime: Date
  readonly #onState: (state: PowerState) => void
  #end: () => void = () => {}

  constructor(
    host: PoweredHost,
    world: {
      readonly background: Background
      readonly clock: Clock
      readonly timing: Timing
      readonly initially: 'On' | 'Off'
      /** Called with every new power state. */
      readonly onState?: (state: PowerState) => void
    },
  ) {
    this.#host = host
    this.#background = world.background
    this.#clock = world.clock
    this.#timing = world.timing
    this.#lastResetTime = world.clock.now()
    this.#onState = world.onState ?? (() => {})
    if (world.initially === 'On') {
      this.#state = 'On'
      this.#transition((signal) => host.resume(signal))
    }
  }

  get state(): PowerState {
    return this.#state
  }

  /** The instant at which the host last came out of a reset or was switched on. */
  get lastResetTime(): Date {
    return this.#lastResetTime
  }

  /**
   * Starts a transition. False when the power state rules it out: a host that is on cannot be switched on (iDRAC answers
   * 409 PSU501), and a host that is off can only be switched on. If no software reacts to a graceful request, it is
   * accepted and has no effect.
   */
  reset(type: ResetType): boolean {
    const off = this.#state === 'Off'
    switch (type) {
      case 'On':
      case 'ForceOn':
        if (!off) return false
        this.#transition((signal) => this.#powerUp(signal))
        return true
      case 'ForceOff':
        if (off) return false
        this.#transition((signal) => this.#powerDown(signal))
        return true
      case 'PowerCycle':
        if (off) return false
        this.#transition((signal) => this.#powerCycle(signal))
        return true
      case 'ForceRestart':
        if (off) return false
        this.#transition((signal) => this.#restart(signal))
        return true
      case 'GracefulShutdown':
        if (off) return false
        if (this.#host.heedsAcpi) this.#transition((signal) => this.#shutDown(signal))
        return true
      case 'GracefulRestart':
        if (off) return false
        if (this.#host.heedsAcpi) this.#transition((signal) => this.#gracefulRestart(signal))
        return true
      case 'PushPowerButton':
        return this.reset(off ? 'On' : 'GracefulShutdown')
      case 'Nmi':
        // The simulated operating systems ignore it.
        return !off
    }
  }

  #transition(work: (signal: AbortSignal) => Promise<void>): void {
    this.#end()
    this.#end = this.#background.start(work)
  }

  async #powerUp(signal: AbortSignal): Promise<void> {
    this.#become('PoweringOn')
    await this.#clock.sleep(this.#timing.powerOnMs, signal)
    await this.#restart(signal)
  }

  async #powerDown(signal: AbortSignal): Promise<void> {
    this.#host.stop()
    this.#become('PoweringOff')
    await this.#clock.sleep(this.#timing.powerOffMs, signal)
    this.#become('Off')
  }

  async #powerCycle(signal: AbortSignal): Promise<void> {
    await this.#powerDown(signal)
    await this.#clock.sleep(this.#timing.powerCyclePauseMs, signal)
    await this.#powerUp(signal)
  }

  /** A warm reset never leaves `On` (quirks.md 9). */
  async #restart(signal: AbortSignal): Promise<void> {
    this.#become('On')
    this.#lastResetTime = this.#clock.now()
    await this.#host.run(signal)
  }

  async #shutDown(signal: AbortSignal): Promise<void> {
    this.#host.shutDown()
    this.#become('PoweringOff')
    await this.#clock.sleep(this.#timing.gracefulShutdownMs, signal)
    this.#host.stop()
    this.#become('Off')
  }

  async #gracefulRestart(signal: AbortSignal): Promise<void> {
    this.#host.shutDown()
    await this.#clock.sleep(this.#timing.gracefulShutdownMs, signal)
    await this.#restart(signal)
  }

  #become(state: PowerState): void {
    if (state === this.#state) return
    this.#state = state
    this.#onState(state)
  }
}
