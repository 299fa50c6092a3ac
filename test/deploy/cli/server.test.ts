// `provisioner server`: how a certificate is judged, and another one accepted.
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openSite } from '../../api/site.ts'
import { openTerminal } from './terminal.ts'

const site = await openSite()
const { client, run } = await openTerminal(site)

const passwordFile = join(tmpdir(), `bmc-password-${process.pid}`)
await writeFile(passwordFile, 'calvin\n')
afterAll(() => rm(passwordFile))

const add = (serial: string, ...options: readonly string[]) => {
  const required = ['--address', 'https://bmc.example', '--username', 'root', '--password-file', passwordFile]
  return run('server', 'add', serial, ...required, ...options)
}
const tlsOf = async (serial: string) => (await client.request<{ tls: object }>(`/api/v1/servers/${serial}`)).tls

test('a fingerprint is taken in the notation of browsers, and old TLS by its own flag', async () => {
  const pasted = 'AB:'.repeat(31).concat('AB')
  expect(await add('CLI-1', '--tls', 'pinned', '--fingerprint', pasted, '--legacy-tls')).toMatchObject({ status: 0 })
  expect(await tlsOf('CLI-1')).toEqual({ mode: 'pinned', fingerprint: 'ab'.repeat(32), legacy: true })
  await add('CLI-2', '--legacy-tls')
  expect(await tlsOf('CLI-2')).toEqual({ mode: 'system', legacy: true })
  await add('CLI-2')
  expect(await tlsOf('CLI-2')).toEqual({ mode: 'system' })
})

test('another certificate is accepted where one is pinned, and nowhere else', async () => {
  const other = 'CD:'.repeat(31).concat('CD')
  await add('CLI-3', '--tls', 'pinned', '--fingerprint', 'ab'.repeat(32))
  const { status, text } = await run('server', 'accept-certificate', 'CLI-3', other)
  expect([status, text]).toEqual([0, 'certificate of CLI-3 pinned; it is probed again\n'])
  expect(await tlsOf('CLI-3')).toEqual({ mode: 'pinned', fingerprint: 'cd'.repeat(32) })
  await add('CLI-4')
  const refused = await run('server', 'accept-certificate', 'CLI-4', other)
  expect([refused.status, refused.errors]).toEqual([1, expect.stringContaining('judged by "system"')])
})
