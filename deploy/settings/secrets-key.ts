// The key that encrypts BMC credentials at rest, and keys derived from it for other purposes.
import { hkdfSync, randomBytes } from 'node:crypto'
import { chmod, link, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode, readIfPresent } from '../local/files.ts'
import type { Secret } from './secret.ts'

const keyBytes = 32

/**
 * Resolves with the given key, or else with the one in `secrets-key` below the storage root, made on first use and readable by
 * its owner only. Controllers that start at once agree on one key. Losing the file means to enter BMC credentials anew.
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
  // Whole or not at all, and the first one wins: a link never replaces a file.
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

/** The given key, or the one below the storage root; undefined where there is none yet. @throws when the file holds no key. */
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

/** A key of 32 bytes for one purpose, from which neither the first key nor another purpose's follows: HKDF, RFC 5869. */
export function deriveKey({ key, purpose }: { key: Uint8Array; purpose: string }): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), purpose, keyBytes))
}
