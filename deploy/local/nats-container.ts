// The NATS server as a container of docker or podman. The container outlives a killed controller; the next start finds it by
// its name.
import { setTimeout as delay } from 'node:timers/promises'
import { readGreeting } from './nats-greeting.ts'
import { CommandFailed, runCommand } from './run-command.ts'

const image = 'nats:2'
const engines = ['docker', 'podman']
const engineTimeoutMs = 10_000
const pullTimeoutMs = 5 * 60 * 1000
const readyTimeoutMs = 30_000
const stopTimeoutMs = 30_000
const pollMs = 100

/** A running container. `stop` removes it and keeps its volume, where the streams are. */
export type NatsContainer = { running: true; url: string; stop(): Promise<void> }

/**
 * Resolves once the container's server answers on 127.0.0.1, or with the reason when no engine runs it. A volume with the
 * container's name keeps the streams.
 */
export async function startNatsContainer(options: {
  name: string
  port?: number
  signal: AbortSignal
  onProgress?: (message: string) => void
}): Promise<NatsContainer | string> {
  const reasons: string[] = []
  for (const engine of engines) {
    try {
      await runCommand({ command: engine, args: ['info'], signal: options.signal, timeoutMs: engineTimeoutMs })
      return await run({ ...options, engine })
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      options.signal.throwIfAborted()
      reasons.push(error.message.split('\n', 1)[0] ?? engine)
    }
  }
  return reasons.join('; ')
}

async function run(options: {
  engine: string
  name: string
  port?: number
  signal: AbortSignal
  onProgress?: (message: string) => void
}): Promise<NatsContainer> {
  const { engine, name, signal } = options
  const call = (args: readonly string[], timeoutMs = engineTimeoutMs) =>
    runCommand({ command: engine, args, signal, timeoutMs })
  const running = await call(['ps', '--quiet', '--filter', `name=^${name}$`])
  if (running.trim() === '') {
    options.onProgress?.(`starting a NATS container with ${engine}`)
    await remove({ engine, name })
    const publish = ['--publish', `127.0.0.1:${options.port ?? ''}:4222`, '--volume', `${name}:/data`]
    const server = ['--jetstream', '--store_dir', '/data', '--name', name]
    await call(['run', '--detach', '--name', name, ...publish, image, ...server], pullTimeoutMs)
  }
  const [address = ''] = (await call(['port', name, '4222/tcp'])).split('\n')
  const url = `nats://${address.trim()}`
  await ready({ url, name, signal: AbortSignal.any([signal, AbortSignal.timeout(readyTimeoutMs)]) })
  return { running: true, url, stop: () => remove({ engine, name }) }
}

async function remove({ engine, name }: { engine: string; name: string }): Promise<void> {
  const signal = AbortSignal.timeout(stopTimeoutMs)
  const call = (...args: string[]) => runCommand({ command: engine, args, signal, timeoutMs: stopTimeoutMs })
  if ((await call('ps', '--all', '--quiet', '--filter', `name=^${name}$`)).trim() === '') return
  await call('stop', name)
  await call('rm', '--force', name)
}

/** Waits for the server's greeting: the engine's port forwarding accepts connections before the server listens. */
async function ready({ url, name, signal }: { url: string; name: string; signal: AbortSignal }): Promise<void> {
  for (;;) {
    const greeting = await readGreeting({ url, signal })
    if (greeting?.server_name === name && greeting.jetstream === true) return
    await delay(pollMs, undefined, { signal })
  }
}
