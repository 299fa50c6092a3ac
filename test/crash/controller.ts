/** A controller that is started again when it was killed, as a service manager does. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { ClientError } from '../../deploy/cli/client.ts'
import type { Seam } from '../../eventstore/log/seams.ts'
import { patience } from '../rig/patience.ts'

/** What a controller process is told besides its settings. */
export type Orders = {
  readonly controllerId: string
  readonly killAt?: Seam | null
  /** Where it stops itself, the first time that it comes there. */
  readonly stopAt?: Seam
}

export type Supervised = {
  /** Every seam that was passed, in order; the last one of a killed process is missing. */
  readonly passed: readonly Seam[]
  /** Resolves once the process that runs now is ready. */
  readonly ready: () => Promise<void>
  /** Resolves once a killed process has a successor that is ready. */
  readonly restarted: Promise<void>
  /** Resolves with the answer of the first process that gives one. Safe for requests that are safe to repeat. */
  readonly insist: <Answer>(ask: () => Promise<Answer>) => Promise<Answer>
  /** The clean way. @throws when the process does not end cleanly. */
  readonly stop: () => Promise<void>
  /** However it is: nothing is left running. */
  readonly end: () => Promise<void>
}

export const firstControllerId = 'crash-1'
const secondControllerId = 'crash-2'

/** Starts a controller that kills itself at a seam, if one is given; its one successor does not. */
export function supervise(env: NodeJS.ProcessEnv, killAt: Seam | null): Supervised {
  const passed: Seam[] = []
  const restarted = Promise.withResolvers<void>()
  let current: ChildProcess
  let up = Promise.withResolvers<void>()
  let stopping = false

  const start = (orders: Orders) => {
    up = Promise.withResolvers<void>()
    // Whoever waits for it hears of it; nobody has to.
    up.promise.catch(() => {})
    current = fork(new URL('controller-process.ts', import.meta.url), [JSON.stringify(orders)], {
      env,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    })
    current.on('message', (message: { readonly seam: Seam } | { readonly url: string }) => {
      if ('seam' in message) return void passed.push(message.seam)
      up.resolve()
      if (orders.controllerId === secondControllerId) restarted.resolve()
    })
    current.once('exit', (code, signal) => {
      if (stopping) return
      const error = new Error(`controller ${orders.controllerId} ended with ${signal ?? code}`)
      if (signal === 'SIGKILL' && orders.killAt !== null)
        return start({ controllerId: secondControllerId, killAt: null })
      up = Promise.withResolvers<void>()
      up.promise.catch(() => {})
      up.reject(error)
      restarted.reject(error)
    })
  }
  restarted.promise.catch(() => {})
  start({ controllerId: firstControllerId, killAt })

  return {
    passed,
    ready: () => up.promise,
    restarted: restarted.promise,
    insist: async (ask) => {
      for (;;) {
        const asked = current
        await up.promise
        try {
          return await ask()
        } catch (error) {
          const unanswered = error instanceof ClientError && error.status === null
          const cutOff = error instanceof TypeError && error.message === 'terminated'
          if (killAt === null || !(unanswered || cutOff)) throw error
          if (asked === current && asked.signalCode === null) await once(asked, 'exit')
        }
      }
    },
    stop: async () => {
      stopping = true
      if (current.exitCode !== null || current.signalCode !== null) return
      const gone = once(current, 'exit', { signal: patience() })
      current.kill('SIGTERM')
      const [code, signal] = await gone
      if (code !== 0) throw new Error(`the controller ended with ${signal ?? code}`)
    },
    end: async () => {
      stopping = true
      if (current.exitCode !== null || current.signalCode !== null) return
      const gone = once(current, 'exit')
      current.kill('SIGKILL')
      await gone
    },
  }
}
