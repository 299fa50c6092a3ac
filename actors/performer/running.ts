/** The effects that this controller performs at this moment; each ends early when it is no longer this controller's. */
import type { LeasedEffect } from '../../eventstore/pending/effects.ts'
import type { Appended } from '../runtime.ts'

/** The signal's reason for an effect that was withdrawn or that another controller has leased. */
export const withdrawnReason = new Error('the effect was withdrawn')

/** How a performance of an effect learns that it has to end. */
export type Tenure = {
  /** Aborts when the effect is withdrawn or lost, and when the controller stops. */
  readonly signal: AbortSignal
  /** False from when another controller may have the lease: it was given or renewed `leaseTtlMs` before. Looks at a clock. */
  readonly held: () => boolean
}

type Running = {
  readonly effect: LeasedEffect
  readonly abort: AbortController
  readonly done: Promise<void>
  heldUntil: number
}

export class RunningEffects {
  readonly #all = new Set<Running>()
  /** The same by stream: an event concerns the few effects of its own stream, not the whole fleet's. */
  readonly #byStream = new Map<string, Set<Running>>()

  get size(): number {
    return this.#all.size
  }

  /** Starts `perform`, which must not reject. `heldUntil` is a time of `performance.now()`. Calls `onDone` at its end. */
  start(
    effect: LeasedEffect,
    { heldUntil, stopping }: { readonly heldUntil: number; readonly stopping: AbortSignal },
    perform: (tenure: Tenure) => Promise<void>,
    onDone: () => void,
  ): void {
    // A lease that ran out while this process stood still can come back to it: the run before has lost it.
    const ofStream = this.#byStream.get(effect.stream) ?? new Set()
    for (const before of ofStream) if (before.effect.id === effect.id) before.abort.abort(withdrawnReason)
    const abort = new AbortController()
    const signal = AbortSignal.any([abort.signal, stopping])
    const done = perform({ signal, held: () => performance.now() < one.heldUntil }).finally(() => {
      this.#all.delete(one)
      ofStream.delete(one)
      if (ofStream.size === 0 && this.#byStream.get(effect.stream) === ofStream) this.#byStream.delete(effect.stream)
      onDone()
    })
    const one: Running = { effect, abort, done, heldUntil }
    this.#all.add(one)
    this.#byStream.set(effect.stream, ofStream.add(one))
  }

  /** Aborts what events of this process withdrew. */
  withdraw(appended: readonly Appended[]): void {
    for (const { event, withdrawn } of appended) {
      if (withdrawn.length === 0) continue
      for (const { effect, abort } of this.#byStream.get(event.stream) ?? []) {
        // An effect that the event itself asked for, under the same key, may have begun already.
        const asked = effect.version < event.version
        const ended = event.causation_id === effect.id
        if (asked && withdrawn.includes(effect.key) && !ended) abort.abort(withdrawnReason)
      }
    }
  }

  /** Aborts those that `lostOf` names of all that run now. @throws what `lostOf` throws. */
  async abortLost(lostOf: (ids: readonly string[]) => Promise<ReadonlySet<string>>): Promise<void> {
    const looked = [...this.#all]
    if (looked.length === 0) return
    const lost = await lostOf(looked.map(({ effect }) => effect.id))
    for (const { effect, abort } of looked) if (lost.has(effect.id)) abort.abort(withdrawnReason)
  }

  /** The leases of these effects were renewed, until a time of `performance.now()`. */
  renewed(ids: ReadonlySet<string>, heldUntil: number): void {
    for (const one of this.#all) if (ids.has(one.effect.id)) one.heldUntil = heldUntil
  }

  /** Resolves when all that run now have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#all].map(({ done }) => done))
  }
}
