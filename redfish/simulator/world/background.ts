/** Work that outlives its request: power transitions, attaching of media, the host itself. */

/** The reason with which work is stopped. It is not reported, because the caller that stopped the work knows. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

export type Work = (signal: AbortSignal) => Promise<void>

export class Background {
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()

  /** Aborted by `close`. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Starts the work and returns a function that stops it. An error before the stop stays unhandled, so it is seen. */
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
      // After the stop, errors inside (a request cut off, a sleep cancelled) are consequences of it.
      if (!signal.aborted) throw error
    }
  }
}
