// A detached server process, which outlives a killed controller. The next controller recognizes it by its process id and words
// of its command line; a stop has a deadline. Linux only: it reads /proc.
import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { hasCode, readIfPresent } from './files.ts'

/** A process id and words that its command line must have: the kernel reuses process ids. */
export type KnownProcess = { pid: number; words: readonly string[] }

export const pollMs = 10
const outputTailChars = 2_000
const abandonGraceMs = 5_000

/**
 * Starts the command line in a session of its own (a terminal's Ctrl-C does not reach it), with no more environment than given,
 * its output in a file that each start empties. Polls `ready` with the process id until it returns a value, and resolves with
 * that; or with `{ ended }`, the end of the output, when the process ended before. The signal and any error of `ready` stop
 * the process; it is gone when the promise rejects.
 * @throws when the command cannot be run, the signal's reason, and what `ready` throws.
 */
export async function launchDetached<T>(options: {
  commandLine: readonly string[]
  /** Words of the command line that identify the process. */
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

/** True when the process lives and its command line has the words. The command line of a zombie is empty. */
export async function isRunning({ pid, words }: KnownProcess): Promise<boolean> {
  const commandLine = (await readIfPresent(`/proc/${pid}/cmdline`))?.split('\0') ?? []
  return words.every((word) => commandLine.includes(word))
}

/** True when any process has this id. */
export async function isInUse(pid: number): Promise<boolean> {
  return (await readIfPresent(`/proc/${pid}/cmdline`)) !== undefined
}

/**
 * Sends the signals in turn and waits `graceMs` after each; resolves once the process is gone, also when it was before.
 * @throws when it survives all signals.
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
