/** Password hashes: argon2id in the PHC string format, which other tools read and write as well. */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(argon2)

/** OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 }
const saltBytes = 16
const tagBytes = 32

/** Ceiling of a hash's cost, so that a users file cannot stop the controller. Memory in KiB. */
const costMax = { memory: 1_048_576, passes: 16, parallelism: 16 }

const phc = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/

/** Hashes a password with a new salt: `$argon2id$v=19$m=...`. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(saltBytes)
  const tag = await derive('argon2id', { message: password, nonce, tagLength: tagBytes, ...cost })
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${base64(nonce)}$${base64(tag)}`
}

/** A parsed hash, ready for `verifyPassword`. */
export type PasswordHash = {
  readonly nonce: Buffer
  readonly tag: Buffer
  readonly cost: typeof cost
}

/** Parses a stored hash. @throws RangeError for another format or a cost out of bounds; its message omits the hash. */
export function parsePasswordHash(text: string): PasswordHash {
  const [, memory = '', passes = '', parallelism = '', nonce = '', tag = ''] = phc.exec(text) ?? []
  if (tag === '') throw new RangeError('a password hash is written $argon2id$v=19$m=...,t=...,p=...$salt$hash')
  const asked = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const bounded =
    asked.memory <= costMax.memory && asked.passes <= costMax.passes && asked.parallelism <= costMax.parallelism
  // RFC 9106 section 3.1: at least 8 KiB per lane.
  if (!bounded || asked.passes < 1 || asked.parallelism < 1 || asked.memory < 8 * asked.parallelism)
    throw new RangeError('a password hash asks for too much or too little work')
  return { nonce: Buffer.from(nonce, 'base64'), tag: Buffer.from(tag, 'base64'), cost: asked }
}

/** True when the password has this hash; the comparison takes constant time. */
export async function verifyPassword(password: string, hash: PasswordHash): Promise<boolean> {
  const { nonce, tag } = hash
  const given = await derive('argon2id', { message: password, nonce, tagLength: tag.length, ...hash.cost })
  return timingSafeEqual(given, tag)
}

/** PHC strings have base64 without padding. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}
