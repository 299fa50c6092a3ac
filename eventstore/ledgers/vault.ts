/**
 * Secrets that events refer to: BMC credentials and raw recipes, sealed with AES-256-GCM. The reference is bound to the
 * ciphertext, so a row that was moved to another reference does not open.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import type { Database } from '../postgres/database.ts'
import { sealed } from '../schema.ts'

const nonceBytes = 12
const tagBytes = 16

/** A sealed value that could not be opened; the message has the reference and the reason, never the content. */
export class UnsealError extends Error {
  override readonly name = 'UnsealError'
}

export type Vault = {
  /** Seals bytes under a reference of the caller's choice. A reference that exists keeps its bytes. */
  readonly put: (ref: string, bytes: Uint8Array) => Promise<void>
  /** @throws UnsealError when there is nothing under the reference, or it was sealed with another key. */
  readonly get: (ref: string) => Promise<Uint8Array>
  readonly remove: (ref: string) => Promise<void>
}

/** @param key 32 bytes; `SECRETS_KEY`. */
export function createVault(db: Database, key: Uint8Array): Vault {
  const keyId = createHash('sha256').update('key id').update(key).digest('hex').slice(0, 16)
  return {
    put: async (ref, bytes) => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(ref))
      const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()])
      await db.insert(sealed).values({ ref, key_id: keyId, nonce, ciphertext }).onConflictDoNothing()
    },
    get: async (ref) => {
      const [row] = await db.select().from(sealed).where(eq(sealed.ref, ref))
      if (row === undefined) throw new UnsealError(`nothing is kept under ${ref}`)
      if (row.key_id !== keyId) {
        throw new UnsealError(
          `${ref} was sealed with key ${row.key_id}, SECRETS_KEY is ${keyId}: start with the key it was sealed with`,
        )
      }
      const body = row.ciphertext.subarray(0, -tagBytes)
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, row.nonce).setAAD(Buffer.from(ref))
        decipher.setAuthTag(row.ciphertext.subarray(-tagBytes))
        return Buffer.concat([decipher.update(body), decipher.final()])
      } catch (error) {
        throw new UnsealError(`${ref} does not open: its stored bytes were altered`, { cause: error })
      }
    },
    remove: async (ref) => {
      await db.delete(sealed).where(eq(sealed.ref, ref))
    },
  }
}
