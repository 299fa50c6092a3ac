/**
 * Announcements of appends: they wake loops that wait for events, effects or deadlines, in this process at once and in other
 * controllers through LISTEN/NOTIFY. Only a hint: every loop also looks at intervals, so a lost one costs a moment.
 *
 * NOTIFY inside the appending transactions would serialise their commits, so it is sent apart: the first at once, and then
 * at most every `notifyEveryMs`.
 */
import type postgres from 'postgres'
import { pause } from './pause.ts'

const channel = 'provisioner_events'
const notifyEveryMs = 20

/** Remembers an announcement that came between two waits, so that none is lost while a loop looks. */
export type Waiter = {
  /**
   * Resolves at an announcement since the last wait, after `timeoutMs`, or when the signal aborts; never rejects. Not before
   * `restMs`, so that many announcements in a row are worth one look.
   */
  readonly wait: (options: {
    readonly timeoutMs: number
    readonly restMs?: number
    readonly signal: AbortSignal
  }) => Promise<void>
  /** Ends this waiter's current or next wait. */
  readonly wake: () => void
  readonly close: () => void
}

export type Notifications = {
  /** Announces an append to every waiter here and in other controllers. */
  readonly announce: () => void
  readonly waiter: () => Waiter
  readonly close: () => Promise<void>
}

/** Starts to listen. `onError` is called for a failed notification, which costs other controllers a moment. */
export async function startNotifications(raw: postgres.Sql, onError: (error: unknown) => void): Promise<Notifications> {
  const listeners = new Set<() => void>()
  const wake = () => {
    for (const listener of [...listeners]) listener()
  }
  let timer: NodeJS.Timeout | undefined
  let sentAt = Number.NEGATIVE_INFINITY
  let sending: Promise<unknown> = Promise.resolve()
  const listening = await raw.listen(channel, wake, wake)

  return {
    announce: () => {
      wake()
      timer ??= setTimeout(
        () => {
          timer = undefined
          sentAt = performance.now()
          sending = raw.notify(channel, '').catch(onError)
        },
        Math.max(0, sentAt + notifyEveryMs - performance.now()),
      )
    },
    waiter: () => createWaiter(listeners),
    close: async () => {
      clearTimeout(timer)
      await sending
      await listening.unlisten().catch(onError)
    },
  }
}

function createWaiter(listeners: Set<() => void>): Waiter {
  let announced = false
  let resolve: (() => void) | undefined
  const listener = () => {
    announced = true
    resolve?.()
  }
  listeners.add(listener)
  return {
    wait: async ({ timeoutMs, restMs = 0, signal }) => {
      if (restMs > 0) await pause(restMs, signal)
      if (!announced) {
        await pause(timeoutMs, signal, (end) => {
          resolve = end
        })
        resolve = undefined
      }
      announced = false
    },
    wake: listener,
    close: () => void listeners.delete(listener),
  }
}
