/** The key that signs tombstones, derived from SECRETS_KEY, and the public keys that an audit trusts. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type TombstoneKey, tombstoneKey } from '../../eventstore/upkeep/tombstones.ts'
import { readConfig } from './config.ts'
import { deriveKey, findSecretsKey } from './secrets-key.ts'

/**
 * The signing key of this installation; undefined without a SECRETS_KEY. It is never derived from a temporary key: no auditor
 * could check such a signature.
 * @throws Error with every fault of the settings.
 */
async function findTombstoneKey(env: NodeJS.ProcessEnv): Promise<TombstoneKey | undefined> {
  const reading = readConfig({ env, flags: {}, readFile: (path) => readFileSync(path, 'utf8') })
  if (!reading.ok) throw new Error(`settings:\n  ${reading.faults.join('\n  ')}`)
  const { storageRoot, secretsKey } = reading.config
  const key = await findSecretsKey({ storageRoot, given: secretsKey })
  return key === undefined ? undefined : tombstoneKey(deriveKey({ key, purpose: 'tombstone signature' }))
}

/** @throws Error that says what to do when there is no key. */
export async function requireTombstoneKey(env: NodeJS.ProcessEnv): Promise<TombstoneKey> {
  const key = await findTombstoneKey(env)
  if (key === undefined)
    throw new Error("there is no key to sign with: set SECRETS_KEY, or STORAGE_ROOT to a controller's folder")
  return key
}

/** This installation's public key and those of the files, PEM. @throws Error for a file that holds no Ed25519 key. */
export async function trustedKeys(env: NodeJS.ProcessEnv, files: readonly string[]): Promise<readonly KeyObject[]> {
  const own = await findTombstoneKey(env)
  const given = await Promise.all(files.map(readPublicKey))
  return [...(own === undefined ? [] : [own.publicKey]), ...given]
}

async function readPublicKey(path: string): Promise<KeyObject> {
  const pem = await readFile(path, 'utf8')
  // createPublicKey also accepts a private key; an auditor's file must not hold one.
  const key = pem.includes('BEGIN PUBLIC KEY') ? createPublicKey(pem) : null
  if (key?.asymmetricKeyType !== 'ed25519') throw new Error(`${path} does not hold an Ed25519 public key (PEM)`)
  return key
}
