/** At most one request in flight per BMC, reads included: BMCs fall over under parallel requests (quirks.md 10). */
import { aborted, Fault } from '../wire/fault.ts'

export type RequestQueue = <T>(signal: AbortSignal, task: () => Promise<T>) => Promise<T>

/**
 * A first-in-first-out lock with a bounded number of waiters. A waiter whose signal aborts leaves the queue; more
 * waiters than allowed are refused with a retriable `Fault`.
 */
export function createRequestQueue(limits: { readonly requestsWaitingMax: number }): RequestQueue {
  let busy = false
  const waiting: (() => void)[] = []

  function acquire(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(aborted(signal))
    if (!busy) {
      busy = true
      return Promise.resolve()
    }
    if (waiting.length >= limits.requestsWaitingMax) {
      const detail = `${waiting.length} requests already wait for this BMC`
      return Promise.reject(new Fault({ kind: 'unreachable', retry: true, detail }, { sent: false }))
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const enter = () => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    const leave = () => {
      waiting.splice(waiting.indexOf(enter), 1)
      reject(aborted(signal))
    }
    signal.addEventListener('abort', leave, { once: true })
    waiting.push(enter)
    return promise
  }

  function release(): void {
    const next = waiting.shift()
    if (next === undefined) busy = false
    else next()
  }

  return async (signal, task) => {
    await acquire(signal)
    try {
      return await task()
    } finally {
      release()
    }
  }
}
