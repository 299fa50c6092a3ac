/**
 * The power of the simulated host and the reset types that change it. A transition and the life of the host after it
 * are one piece of background work: the next transition ends it, which is what losing power does.
 */

import type { Background } from '../world/background.ts'
import type { Clock, Timing } from '../world/timing.ts'
import type { ResetType } from './traits.ts'

export type PowerState = 'On' | 'Off' | 'PoweringOn' | 'PoweringOff'

/** The machine that the power is for. */
export interface PoweredHost {
  /** Starts at the firmware and lives until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>
  /** Goes on with what was running when the simulation began, instead of booting. */
  resume(signal: AbortSignal): Promise<void>
  /** Whether something runs that reacts to the power button. Firmware and a silent installer do not. */
  readonly heedsAcpi: boolean
  /** The operating system ends its work; power stays until `stop`. */
  shutDown(): void
  /** Without power from now on. */
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
      /** Told of every state that it changes to. */
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

  /** When the host last came out of a reset or was switched on. */
  get lastResetTime(): Date {
    return this.#lastResetTime
  }

  /**
   * Starts a transition. False when this state rules it out: switching on what is on (iDRAC answers 409 PSU501), and
   * anything but switching on for what is off. A graceful request that nothing reacts to is accepted and does nothing.
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
        // The operating systems here take no notice of it.
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
