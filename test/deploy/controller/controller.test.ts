/** The composition root: a start that fails leaves nothing running. */
import { expect, test } from 'vitest'
import { startController } from '../../../deploy/controller/controller.ts'
import { createLog } from '../../../deploy/controller/log.ts'
import { readConfig } from '../../../deploy/settings/config.ts'
import { freePort } from '../../e2e/rig/processes.ts'
import { storageFolder } from '../../e2e/rig/storage.ts'
import { freshDatabase } from '../../rig/postgres.ts'

async function startWith(
  settings: Readonly<Record<string, string>>,
): Promise<{ url: string; started: Promise<unknown> }> {
  const address = `127.0.0.1:${await freePort()}`
  const env = { STORAGE_ROOT: await storageFolder(), HTTP_ADDR: address, ...settings }
  const reading = readConfig({ env, flags: {}, readFile: () => '' })
  if (!reading.ok) throw new Error(reading.faults.join('; '))
  const { config } = reading
  const log = createLog({ level: 'silent', controller: 'test' })
  const started = startController({ config, log, controllerId: 'test', signal: AbortSignal.timeout(60_000) })
  return { url: `http://${address}`, started }
}

test('without its database it does not start, and its address is free again', async () => {
  const { url, started } = await startWith({ DATABASE_URL: `postgres://nobody@127.0.0.1:${await freePort()}/none` })
  await expect(started).rejects.toThrow('ECONNREFUSED')
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})

test('a part that fails late stops those before it: users that cannot be read, with everything else running', async () => {
  const { url, started } = await startWith({
    DATABASE_URL: (await freshDatabase()).url,
    NATS_URL: `nats://127.0.0.1:${await freePort()}`,
    AUTH_MODE: 'basic',
    BASIC_USERS_FILE: '/nowhere/users.json',
  })
  await expect(started).rejects.toThrow('/nowhere/users.json')
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})
