/**
 * Faults that a test switches on for some requests: a status, a delay, a dropped connection. A fault list belongs to one
 * BMC; the first fault that matches a request strikes.
 */
import type { Json } from '../bmc/reply.ts'

export type Fault = {
  /** Upper case; any method when absent. */
  readonly method?: string
  /** A string must occur in the request's path; a pattern must match it. Any path when absent. */
  readonly path?: RegExp | string
  /** The number of requests that it strikes; unlimited when absent. */
  readonly times?: number
  /** 0 to 1, the share of matching requests that it strikes; all when absent. */
  readonly probability?: number
  /** The BMC answers with this status and does not act. */
  readonly status?: number
  readonly body?: Json
  readonly headers?: Readonly<Record<string, string>>
  /** A delay before all else, in real milliseconds, not divided by `speed`. */
  readonly delayMs?: number
  /** The BMC does nothing about the request before it resolves. */
  readonly until?: Promise<unknown>
  /** `before`: the BMC closes the connection and does not act. `after`: it acts, then closes without an answer. */
  readonly drop?: 'before' | 'after'
}

const faultsMax = 1_000

/** The faults that are switched on. At most 1 000 at once. */
export class Faults {
  readonly #random: () => number
  #active: { readonly fault: Fault; left: number }[] = []

  constructor(random: () => number) {
    this.#random = random
  }

  /** @throws RangeError when the fault could never strike or contradicts itself, or when there are too many. */
  add(fault: Fault): void {
    if (this.#active.length >= faultsMax) throw new RangeError(`at most ${faultsMax} faults at once`)
    if (fault.times !== undefined && !(Number.isInteger(fault.times) && fault.times > 0))
      throw new RangeError('times must be a positive integer')
    if (fault.probability !== undefined && !(fault.probability > 0 && fault.probability <= 1))
      throw new RangeError('probability must be above 0 and at most 1')
    if (fault.status !== undefined && !(Number.isInteger(fault.status) && fault.status >= 200 && fault.status <= 599))
      throw new RangeError('status must be an integer from 200 to 599')
    if (fault.delayMs !== undefined && !(fault.delayMs >= 0)) throw new RangeError('delayMs must not be negative')
    this.#active.push({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })
  }

  clear(): void {
    this.#active = []
  }

  /** The fault that strikes this request, or null. The call counts it as struck. */
  take(request: { readonly method: string; readonly path: string }): Fault | null {
    const hit = this.#active.find(({ fault }) => matches(fault, request) && this.#strikes(fault))
    if (hit === undefined) return null
    hit.left -= 1
    if (hit.left <= 0) this.#active = this.#active.filter((entry) => entry !== hit)
    return hit.fault
  }

  #strikes(fault: Fault): boolean {
    return fault.probability === undefined || this.#random() < fault.probability
  }
}

function matches(fault: Fault, request: { readonly method: string; readonly path: string }): boolean {
  if (fault.method !== undefined && fault.method !== request.method) return false
  if (fault.path === undefined) return true
  if (typeof fault.path === 'string') return request.path.includes(fault.path)
  // A pattern with the g or y flag remembers where it stopped; every request is matched from its start.
  fault.path.lastIndex = 0
  return fault.path.test(request.path)
}
