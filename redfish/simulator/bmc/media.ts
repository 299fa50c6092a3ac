/**
 * The virtual media slots of one BMC. A slot takes its time: the image is named at once, `Inserted` follows, and after
 * an eject it stays for a moment (quirks.md 6). What the host reads through is gone the moment the eject arrives.
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

/** Why a read from a medium ended: it was ejected. */
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
   * As what the host sees the slot: as a disc drive or as a disk. A slot that takes both goes by the end of the image's
   * name, as iDRAC does (quirks.md 4).
   */
  get appearsAs(): 'optical' | 'removable' {
    const takes = (...types: readonly string[]) => this.profile.mediaTypes.some((type) => types.includes(type))
    if (!takes('CD', 'DVD')) return 'removable'
    return takes('USBStick', 'Floppy') && this.#request?.image.endsWith('.img') === true ? 'removable' : 'optical'
  }

  /** What the host sees: the image and the signal that is aborted when it is taken away, or null for an empty drive. */
  get medium(): { readonly image: string; readonly gone: AbortSignal } | null {
    if (this.#phase !== 'inserted' || this.#request === null) return null
    return { image: this.#request.image, gone: this.#presence.signal }
  }

  /** False when the slot is in use or in transition; it then stays as it is. */
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

  /** Ejecting an empty slot does nothing. */
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
