// Runs one program to its end: bounded in time and in the output it may keep, never through a shell.
import { spawn } from 'node:child_process'

/** What to run. `env` replaces the environment as a whole when given. */
export type Command = {
  command: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  cwd?: string
  signal: AbortSignal
  timeoutMs: number
}

/** A program that could not be started, was stopped, or ended with another status than 0. */
export class CommandFailed extends Error {
  override name = 'CommandFailed'
  readonly status: number | null

  constructor(options: { command: string; status: number | null; reason: string; cause?: unknown }) {
    super(`${options.command} ${options.reason}`, { cause: options.cause })
    this.status = options.status
  }
}

const outputBytesMax = 4 * 1024 * 1024
const errorTailChars = 2_000

/**
 * Resolves with what the program wrote to its standard output once it ended with status 0. The time limit and the
 * signal both end it with SIGKILL. Its standard input is empty.
 * @throws CommandFailed with the last lines of its standard error; arguments are not repeated in it, they may hold secrets.
 */
export async function runCommand({ command, args, env, cwd, signal, timeoutMs }: Command): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  limit.throwIfAborted()
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: limit,
    killSignal: 'SIGKILL',
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
  })
  let output = ''
  let errors = ''
  let overflow = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output.length + text.length > outputBytesMax) {
      overflow = true
      child.kill('SIGKILL')
    } else {
      output += text
    }
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-errorTailChars)
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  child.on('error', (cause) => {
    const reason = limit.aborted ? 'was stopped before its end' : `could not be run: ${cause.message}`
    reject(new CommandFailed({ command, status: null, reason, cause: limit.aborted ? limit.reason : cause }))
  })
  child.on('close', (status, killedBy) => {
    if (overflow) {
      reject(new CommandFailed({ command, status, reason: `wrote more than ${outputBytesMax} bytes` }))
    } else if (status === 0) {
      resolve(output)
    } else {
      const end = status === null ? `was ended by ${killedBy}` : `ended with status ${status}`
      reject(new CommandFailed({ command, status, reason: `${end}: ${errors.trim() || 'no message'}` }))
    }
  })
  return await promise
}
