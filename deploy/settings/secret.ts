// A value that does not print: not in logs, not in JSON, not in error messages.
import { inspect } from 'node:util'

const shown = '[secret]'

/** Holds a secret; only `reveal` returns it. */
export class Secret<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  reveal(): T {
    return this.#value
  }

  toString(): string {
    return shown
  }

  toJSON(): string {
    return shown
  }

  [inspect.custom](): string {
    return shown
  }
}
