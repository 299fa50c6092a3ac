/** Work that goes on after its request was answered: power transitions, media being attached, the host itself. */

/** Why work was stopped. Nothing reports it: whoever stopped the work knows. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

export type Work = (signal: AbortSignal) => Promise<void>

export class Background {
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  /** Aborted when everything ends. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Starts the work and returns how to stop it. An error that is not a consequence of stopping is left unhandled. */
  start(work: Work): () => void {
    const stopping = new AbortController()
    const signal = AbortSignal.any([stopping.signal, this.#closing.signal])
    const running = this.#finish(work, signal)
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
    return () => stopping.abort(new Stopped('stopped'))
  }

  /** Stops all work and resolves when none is left. */
  async close(): Promise<void> {
    this.#closing.abort(new Stopped('the simulator is closing'))
    await Promise.allSettled(this.#running)
  }

  async #finish(work: Work, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted()
      await work(signal)
    } catch (error) {
      // Once it is stopped, what fails inside (a request that was cut off, a sleep that was cancelled) is the stopping.
      if (!signal.aborted) throw error
    }
  }
}
