/** A controller that stops itself (SIGSTOP) at a seam of its work and stands there until it is told to go on. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { type Client, createClient } from '../../deploy/cli/client.ts'
import type { Seam } from '../../eventstore/log/seams.ts'
import { freePort } from '../e2e/rig/processes.ts'
import { storageFolder } from '../e2e/rig/storage.ts'
import { patienceMs } from '../rig/patience.ts'
import { processEnv } from '../rig/process-env.ts'
import type { Orders } from './controller.ts'

export type StoppingController = {
  readonly url: string
  readonly client: Client
  /** Resolves once it stands at its seam. */
  readonly stopped: Promise<void>
  /** SIGCONT. */
  readonly goOn: () => void
  /** Results of an effect as this controller has counted them, such as `withdrawn`. */
  readonly resultsOf: (key: string) => Promise<readonly string[]>
  /** The clean way. @throws when the process does not end cleanly. */
  readonly stop: () => Promise<void>
  /** However it is: nothing is left running. */
  readonly end: () => Promise<void>
}

export type StoppingOptions = {
  readonly controllerId: string
  readonly stopAt: Seam
  readonly leaseTtlMs: number
  /** What BMCs and hosts are given, the same by every controller of a site; its own by default. */
  readonly publicUrl?: string | undefined
  readonly databaseUrl: string
  readonly natsUrl: string
}

const standingPollMs = 20

/** Resolves once it is ready. */
export async function startStopping(options: StoppingOptions): Promise<StoppingController> {
  const { controllerId, stopAt } = options
  const [port, folder] = await Promise.all([freePort(), storageFolder()])
  const url = `http://127.0.0.1:${port}`
  const orders: Orders = { controllerId, stopAt }
  const child = fork(new URL('controller-process.ts', import.meta.url), [JSON.stringify(orders)], {
    env: {
      ...processEnv,
      STORAGE_ROOT: folder,
      HTTP_ADDR: `127.0.0.1:${port}`,
      PUBLIC_URL: options.publicUrl ?? url,
      DATABASE_URL: options.databaseUrl,
      NATS_URL: options.natsUrl,
      SECRETS_KEY: Buffer.alloc(32, 7).toString('base64'),
      REDFISH_MODE: 'http',
      JOB_LEASE_TTL: `${options.leaseTtlMs}ms`,
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  })
  const exited = once(child, 'exit')
  const [ready, stopped] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const give = (error: Error) => {
    ready.reject(error)
    stopped.reject(error)
  }
  // Whoever waits for it hears of it; nobody has to.
  stopped.promise.catch(() => {})
  const limit = setTimeout(() => give(new Error(`${controllerId} did not come to ${stopAt}`)), patienceMs)
  void stopped.promise.finally(() => clearTimeout(limit)).catch(() => {})
  void exited.then(([code, signal]) => give(new Error(`controller ${controllerId} ended with ${signal ?? code}`)))
  child.on('message', (message: { readonly seam: Seam } | { readonly url: string }) => {
    if ('url' in message) ready.resolve()
    else if (message.seam === stopAt) standing(child.pid).then(stopped.resolve, stopped.reject)
  })
  const end = async () => {
    clearTimeout(limit)
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await ready.promise
  } catch (error) {
    await end()
    throw error
  }
  return {
    url,
    client: createClient({ url }),
    stopped: stopped.promise,
    goOn: () => void child.kill('SIGCONT'),
    resultsOf: async (key) => {
      const text = await (await fetch(`${url}/metrics`)).text()
      const counts = text.matchAll(/^phase_duration_seconds_count\{phase="([^"]+)",result="([^"]+)"\} [1-9]/gm)
      return [...counts].flatMap(([, phase, result]) => (phase === key && result !== undefined ? [result] : []))
    },
    stop: async () => {
      child.kill('SIGTERM')
      const [code, signal] = await exited
      if (code !== 0) throw new Error(`controller ${controllerId} ended with ${signal ?? code}`)
    },
    end,
  }
}

/**
 * Resolves once the process stands still: seconds after it has said so, on a busy machine. A SIGCONT that comes before is
 * lost.
 */
async function standing(pid: number | undefined): Promise<void> {
  // proc_pid_stat(5): the state follows the name, which is in brackets and may hold anything.
  while (!/\) T [^)]*$/.test(await readFile(`/proc/${pid}/stat`, 'utf8'))) await delay(standingPollMs)
}
