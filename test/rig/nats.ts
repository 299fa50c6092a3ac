// NATS for tests.
import { mkdtemp } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { inject } from 'vitest'
import { startNatsServer } from '../../deploy/local/nats-server.ts'
import { patience } from './patience.ts'

/**
 * The one server of the test run. All tests share it, so a stream on it needs a name and subjects that no other test
 * uses; a test of the controller's own stream takes a server of its own.
 * @throws when no server could be started.
 */
export function natsUrl(): string {
  const nats = inject('nats')
  if ('reason' in nats) throw new Error(nats.reason)
  return nats.url
}

/** A server of one's own, with no streams; about 50 ms. It ends with the test run if it is not stopped before. */
export async function freshNats(): Promise<{ url: string; stop(): Promise<void> }> {
  const storeDir = await mkdtemp(join(inject('runDir'), 'nats-'))
  const packagesDir = resolve(import.meta.dirname, '../../.cache/debian')
  const nats = await startNatsServer({ storeDir, packagesDir, signal: patience() })
  if (!nats.running) throw new Error(nats.reason)
  return nats
}
