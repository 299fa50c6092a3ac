// Runs one program to its end, with a limit on its time and on the output that is kept; never through a shell.
import { spawn } from 'node:child_process'

/** A program to run. `env`, when given, replaces the whole environment. */
export type Command = {
  command: string
  args: readonly string[]
  env?: NodeJS.ProcessEnv
  cwd?: string
  signal: AbortSignal
  timeoutMs: number
}

/** A program did not start, was stopped, or ended with a status other than 0. */
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
 * Resolves with the program's standard output once it ended with status 0. The time limit and the signal end it with
 * SIGKILL. Its standard input is empty.
 * @throws CommandFailed with the last lines of its standard error; it never repeats arguments, which may hold secrets.
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
