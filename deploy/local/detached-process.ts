// A server process of our own that outlives its controller if that is killed: started detached, known again by its process id
// and words of its command line, stopped with a deadline. Linux: processes are looked up in /proc.
import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { hasCode, readIfPresent } from './files.ts'

/** A process and words its command line must have: process ids are used again. */
export type KnownProcess = { pid: number; words: readonly string[] }

export const pollMs = 10
const outputTailChars = 2_000
const abandonGraceMs = 5_000

/**
 * Starts the command line in a session of its own (a terminal's Ctrl-C does not reach it), with no more environment than given,
 * its output in a file that each start empties. Resolves with what `ready` returned, asked again and again with the process
 * id until it is not undefined; or with `{ ended }`, the end of its output, when the process ended before that.
 * The signal stops it, as any error of `ready` does; it is gone when the error arrives.
 * @throws when the command cannot be run, the signal's reason, and what `ready` throws.
 */
export async function launchDetached<T>(options: {
  commandLine: readonly string[]
  /** Those of the command line that tell the process from others. */
  words: readonly string[]
  env: NodeJS.ProcessEnv
  outputPath: string
  signal: AbortSignal
  ready: (pid: number) => Promise<T | undefined>
}): Promise<{ ready: T } | { ended: string }> {
  const [command = '', ...args] = options.commandLine
  const output = await open(options.outputPath, 'w', 0o600)
  try {
    const stdio = ['ignore', output.fd, output.fd] satisfies ('ignore' | number)[]
    const child = spawn(command, args, { cwd: '/', env: options.env, detached: true, stdio })
    child.unref()
    const { promise: ended, resolve, reject } = Promise.withResolvers<'ended'>()
    child.on('exit', () => resolve('ended'))
    child.on('error', (cause) => reject(new Error(`${command} could not be run`, { cause })))
    try {
      for (;;) {
        const ready = child.pid === undefined ? undefined : await options.ready(child.pid)
        if (ready !== undefined) return { ready }
        const pause = delay(pollMs, undefined, { signal: options.signal })
        if ((await Promise.race([pause, ended])) === 'ended') {
          return { ended: (await readFile(options.outputPath, 'utf8')).slice(-outputTailChars).trim() }
        }
      }
    } catch (error) {
      if (child.pid !== undefined) {
        const started = { pid: child.pid, words: options.words }
        await stopProcess({ ...started, signals: ['SIGTERM', 'SIGKILL'], graceMs: abandonGraceMs })
      }
      throw error
    }
  } finally {
    await output.close()
  }
}

/** Whether the process lives and is the one that is meant. The command line of a zombie is empty. */
export async function isRunning({ pid, words }: KnownProcess): Promise<boolean> {
  const commandLine = (await readIfPresent(`/proc/${pid}/cmdline`))?.split('\0') ?? []
  return words.every((word) => commandLine.includes(word))
}

/** Whether any process has this id, whichever it is. */
export async function isInUse(pid: number): Promise<boolean> {
  return (await readIfPresent(`/proc/${pid}/cmdline`)) !== undefined
}

/**
 * Resolves once the process is gone: each signal in turn, each with its time. No error when it is gone already.
 * @throws when it survives them all.
 */
export async function stopProcess(
  process_: KnownProcess & { signals: readonly NodeJS.Signals[]; graceMs: number },
): Promise<void> {
  for (const signal of process_.signals) {
    if (!(await isRunning(process_))) return
    send({ pid: process_.pid, signal })
    const deadline = performance.now() + process_.graceMs
    while (performance.now() < deadline) {
      if (!(await isRunning(process_))) return
      await delay(pollMs)
    }
  }
  throw new Error(`process ${process_.pid} does not stop`)
}

function send({ pid, signal }: { pid: number; signal: NodeJS.Signals }): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error
  }
}
