/**
 * The virtual media slots of one BMC. Changes take time: a slot names the image at once, `Inserted` follows later, and
 * stays for a moment after an eject (quirks.md 6). The host loses the medium at once with the eject.
 */

import type { Background } from '../world/background.ts'
import type { Clock, Timing } from '../world/timing.ts'
import type { SlotProfile } from './traits.ts'

export type InsertRequest = {
  readonly image: string
  readonly writeProtected: boolean
  readonly transferMethod: string | null
  readonly transferProtocolType: string | null
  readonly userName: string | null
}

/** A read from the medium ended because the medium was ejected. */
export class MediumGone extends Error {
  override readonly name = 'MediumGone'
}

type Phase = 'empty' | 'attaching' | 'inserted' | 'detaching'

export class Slot {
  readonly profile: SlotProfile
  readonly #background: Background
  readonly #clock: Clock
  readonly #timing: Timing
  #phase: Phase = 'empty'
  #request: InsertRequest | null = null
  #presence = new AbortController()
  #stopAttaching: () => void = () => {}

  constructor(
    profile: SlotProfile,
    world: { readonly background: Background; readonly clock: Clock; readonly timing: Timing },
  ) {
    this.profile = profile
    this.#background = world.background
    this.#clock = world.clock
    this.#timing = world.timing
  }

  get inserted(): boolean {
    return this.#phase === 'inserted' || this.#phase === 'detaching'
  }

  get request(): InsertRequest | null {
    return this.#request
  }

  /**
   * The host sees the slot as a disc drive or as a disk. A slot that takes both decides by the end of the image's name, as
   * iDRAC does (quirks.md 4).
   */
  get appearsAs(): 'optical' | 'removable' {
    const takes = (...types: readonly string[]) => this.profile.mediaTypes.some((type) => types.includes(type))
    if (!takes('CD', 'DVD')) return 'removable'
    return takes('USBStick', 'Floppy') && this.#request?.image.endsWith('.img') === true ? 'removable' : 'optical'
  }

  /** The medium that the host sees, with a signal that its removal aborts; null for an empty drive. */
  get medium(): { readonly image: string; readonly gone: AbortSignal } | null {
    if (this.#phase !== 'inserted' || this.#request === null) return null
    return { image: this.#request.image, gone: this.#presence.signal }
  }

  /** Inserts an image. False, and no change, when the slot is in use or in transition. */
  insert(request: InsertRequest): boolean {
    if (this.#phase !== 'empty') return false
    this.#phase = 'attaching'
    this.#request = request
    this.#presence = new AbortController()
    this.#stopAttaching = this.#background.start(async (signal) => {
      await this.#clock.sleep(this.#timing.mediaAttachMs, signal)
      this.#phase = 'inserted'
    })
    return true
  }

  /** Ejects the image. An empty slot stays as it is. */
  eject(): void {
    if (this.#phase === 'empty' || this.#phase === 'detaching') return
    this.#stopAttaching()
    this.#presence.abort(new MediumGone('the medium was ejected'))
    this.#phase = this.#phase === 'inserted' ? 'detaching' : 'empty'
    if (this.#phase === 'empty') {
      this.#request = null
      return
    }
    this.#background.start(async (signal) => {
      await this.#clock.sleep(this.#timing.mediaDetachMs, signal)
      this.#phase = 'empty'
      this.#request = null
    })
  }
}
