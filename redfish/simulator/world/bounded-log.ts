/** A list that forgets its oldest entries, so that a simulator may run for days. */
export class BoundedLog<T> {
  readonly #entriesMax: number
  readonly #entries: T[] = []

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  add(entry: T): void {
    this.#entries.push(entry)
    if (this.#entries.length > this.#entriesMax) this.#entries.shift()
  }

  get entries(): readonly T[] {
    return this.#entries
  }
}
