/** `provisioner serve`: a controller in its own process, from settings to the last signal. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { readConfig } from '../settings/config.ts'
import { startController } from './controller.ts'
import { createLog } from './log.ts'

const startTimeoutMs = 5 * 60_000

/**
 * Runs a controller until SIGTERM or SIGINT, then stops it. A second signal ends the process at once.
 * @returns the exit code: 0, or 1 when it could not start.
 */
export async function serve({
  env,
  flags,
}: {
  readonly env: NodeJS.ProcessEnv
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
}): Promise<number> {
  const reading = readConfig({ env, flags, readFile: (path) => readFileSync(path, 'utf8') })
  if (!reading.ok) {
    process.stderr.write(`the controller does not start; its settings have ${reading.faults.length} fault(s):\n`)
    for (const fault of reading.faults) process.stderr.write(`  ${fault}\n`)
    return 1
  }
  const controllerId = `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`
  const log = createLog({ level: reading.config.logLevel, controller: controllerId })
  for (const warning of reading.warnings) log.warn({}, warning)

  const stopping = new AbortController()
  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) process.exit(130)
    log.info({ signal }, 'the controller stops and releases the effects under way')
    stopping.abort(new Error(`stopped by ${signal}`))
  }
  // A crash loses nothing, so the controller ends rather than continue in an unknown state. One cause: postgres.js throws
  // past every handler when a connection is lost at the wrong moment (porsager/postgres issue 1154).
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an error was not caught; the controller ends, and its supervisor has to start it again')
    process.exit(1)
  })
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  try {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(startTimeoutMs)])
    const controller = await startController({ config: reading.config, log, controllerId, signal })
    if (!stopping.signal.aborted) {
      await new Promise<void>((resolve) => stopping.signal.addEventListener('abort', () => resolve()))
    }
    await controller.stop()
    log.info({}, 'stopped')
    return 0
  } catch (error) {
    if (stopping.signal.aborted) return 0
    log.error({ err: error }, 'the controller could not start')
    return 1
  }
}
