/** Starts the processes of simulated BMCs and asks them how many requests there were. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Message, Orders, Reachable } from './simulators-process.ts'

export type Simulators = {
  readonly bmcs: readonly Reachable[]
  /** Redfish requests so far, of all BMCs together. */
  readonly requests: () => Promise<number>
  readonly stop: () => Promise<void>
}

/** What one process can bear while it answers on time. */
const bmcsPerProcess = 875
const answerTimeoutMs = 60_000
const stopTimeoutMs = 10_000

/** Resolves when all BMCs listen. @throws when one of the processes does not come up within a minute. */
export async function startSimulators(count: number): Promise<Simulators> {
  const children: ChildProcess[] = []
  const stop = async () => {
    await Promise.all(children.map(stopChild))
  }
  try {
    const started: Promise<Message>[] = []
    for (let first = 0; first < count; first += bmcsPerProcess) {
      const orders: Orders = { first, count: Math.min(bmcsPerProcess, count - first) }
      const child = fork(new URL('simulators-process.ts', import.meta.url), [JSON.stringify(orders)], { execArgv: [] })
      children.push(child)
      started.push(answerOf(child))
    }
    const bmcs = (await Promise.all(started)).flatMap((message) => ('bmcs' in message ? message.bmcs : []))
    return {
      bmcs,
      requests: async () => {
        const answers = await Promise.all(
          children.map((child) => {
            const answer = answerOf(child)
            child.send({})
            return answer
          }),
        )
        return answers.reduce((sum, message) => sum + ('requests' in message ? message.requests : 0), 0)
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function answerOf(child: ChildProcess): Promise<Message> {
  const settled = new AbortController()
  const signal = AbortSignal.any([settled.signal, AbortSignal.timeout(answerTimeoutMs)])
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message as Message),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`simulated BMCs ended with ${code} before they answered`)
      }),
    ])
  } finally {
    settled.abort()
  }
}

/** A process without its parent ends by itself; one that does not is killed. */
async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  if (child.connected) child.disconnect()
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await ended
  clearTimeout(timer)
}
