// The key that encrypts BMC credentials at rest, and keys derived from it for other purposes.
import { hkdfSync, randomBytes } from 'node:crypto'
import { chmod, link, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode, readIfPresent } from '../local/files.ts'
import type { Secret } from './secret.ts'

const keyBytes = 32

/**
 * Resolves with the given key, else with the key in `secrets-key` below the storage root. The first use makes that file, readable
 * by its owner only; controllers that start at once agree on one key. Without the file, BMC credentials have to be entered anew.
 * @throws when the file holds no key.
 */
export async function readSecretsKey(options: {
  storageRoot: string
  given: Secret<Uint8Array> | undefined
}): Promise<Uint8Array> {
  if (options.given !== undefined) return options.given.reveal()
  const path = join(options.storageRoot, 'secrets-key')
  const known = await readKey(path)
  if (known !== undefined) return known
  await mkdir(options.storageRoot, { recursive: true })
  // link() is atomic and never replaces a file, so the first writer wins and no reader sees half a key.
  const draft = join(options.storageRoot, `secrets-key.${randomBytes(6).toString('hex')}`)
  try {
    await writeFile(draft, `${randomBytes(keyBytes).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true })
    await chmod(draft, 0o600)
    await link(draft, path)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await rm(draft, { force: true })
  }
  const made = await readKey(path)
  if (made === undefined) throw new Error(`${path} is gone again`)
  return made
}

/** The given key, else that of the file; undefined without either. @throws when the file holds no key. */
export async function findSecretsKey(options: {
  storageRoot: string
  given: Secret<Uint8Array> | undefined
}): Promise<Uint8Array | undefined> {
  return options.given?.reveal() ?? (await readKey(join(options.storageRoot, 'secrets-key')))
}

async function readKey(path: string): Promise<Uint8Array | undefined> {
  const text = await readIfPresent(path)
  if (text === undefined) return undefined
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== keyBytes) throw new Error(`${path} does not hold a key of ${keyBytes} bytes`)
  return new Uint8Array(key)
}

/** A key of 32 bytes for one purpose; it reveals neither the given key nor that of another purpose: HKDF, RFC 5869. */
export function deriveKey({ key, purpose }: { key: Uint8Array; purpose: string }): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), purpose, keyBytes))
}
