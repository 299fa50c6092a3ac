import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Secret } from '../../../deploy/settings/secret.ts'
import { deriveKey, readSecretsKey } from '../../../deploy/settings/secrets-key.ts'

let folder: string
let storageRoot: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'provisioner-key-'))
  storageRoot = join(folder, 'data')
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

test('a key that was given is used, and none is made', async () => {
  const given = new Uint8Array(32).fill(7)
  expect(await readSecretsKey({ storageRoot, given: new Secret(given) })).toEqual(given)
  expect(await readdir(folder)).toEqual([])
})

test('controllers that start at once make one key, which the next start finds and only its owner reads', async () => {
  const reads = Array.from({ length: 8 }, () => readSecretsKey({ storageRoot, given: undefined }))
  const keys = await Promise.all(reads)
  const again = await readSecretsKey({ storageRoot, given: undefined })
  for (const key of keys) expect(key).toEqual(again)
  expect(again).toHaveLength(32)
  expect(new Set(again).size).toBeGreaterThan(1)
  expect(await readdir(storageRoot)).toEqual(['secrets-key'])
  expect((await stat(join(storageRoot, 'secrets-key'))).mode & 0o777).toBe(0o600)
})

test('a file that holds no key is not replaced by a new one', async () => {
  await writeFile(join(folder, 'secrets-key'), 'damaged')
  await expect(readSecretsKey({ storageRoot: folder, given: undefined })).rejects.toThrow('does not hold a key')
})

test('keys for two purposes differ, and each is the same every time', () => {
  const key = new Uint8Array(32).fill(1)
  const media = deriveKey({ key, purpose: 'media signing' })
  expect(deriveKey({ key, purpose: 'media signing' })).toEqual(media)
  expect(deriveKey({ key, purpose: 'report token' })).not.toEqual(media)
  expect(media).not.toEqual(key)
})
