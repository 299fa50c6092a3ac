/** Controllers in processes of their own, to be killed, paused and stopped; several may share one database. */
import { type ChildProcess, fork } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { patience } from '../../rig/patience.ts'
import { processEnv } from '../../rig/process-env.ts'

export type ControllerProcess = {
  readonly pid: number
  /** SIGKILL. */
  readonly kill: () => Promise<void>
  /** SIGSTOP, and SIGCONT. */
  readonly pause: () => void
  readonly resume: () => void
  /** SIGTERM, to its end. */
  readonly stop: () => Promise<void>
  /** Resolves when it has ended, however. */
  readonly ended: Promise<void>
}

/** Linux gives 32768 to 60999 to outgoing connections (ip_local_port_range). */
const keptPorts = [10_240, 32_768] as const

/** Starts a controller with these settings and resolves once it is ready. */
export async function startProcess(env: NodeJS.ProcessEnv): Promise<ControllerProcess> {
  const child: ChildProcess = fork(new URL('controller-process.ts', import.meta.url), {
    env: { ...processEnv, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  })
  const ended = once(child, 'exit').then(() => {})
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await ended
  }
  const ready = once(child, 'message', { signal: patience() })
  try {
    await Promise.race([ready, ended.then(() => Promise.reject(new Error('the controller ended before it was ready')))])
  } catch (error) {
    // One that is late would hold the port of the next.
    await end('SIGKILL')
    throw error
  }
  return {
    pid: child.pid ?? 0,
    kill: () => end('SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    stop: () => end('SIGTERM'),
    ended,
  }
}

/**
 * A port that was free a moment ago, for a server that has to come back on the same one. It is below those that the kernel
 * gives to outgoing connections, of which one could else have it while the server is away.
 */
export async function freePort(): Promise<number> {
  const port = randomInt(...keptPorts)
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return freePort()
    throw error
  }
  server.close()
  await once(server, 'close')
  return port
}
