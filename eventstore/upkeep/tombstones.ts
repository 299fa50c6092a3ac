/**
 * Tombstones: the signed row that stays of a history which was archived and removed. The signature is Ed25519, so that
 * an auditor checks it with a public key and needs no secret that could also forge one; it covers the RFC 8785 text of
 * the statement.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import canonicalize from 'canonicalize'
import { asc, eq, gt, sql } from 'drizzle-orm'
import { jobStream, type StreamId } from '../../machines/kinds.ts'
import type { Database } from '../postgres/database.ts'
import { sqlState } from '../postgres/sql-error.ts'
import { events, tombstones } from '../schema.ts'

/** The statement that is signed. */
export type RemovalStatement = {
  readonly stream: StreamId
  readonly lastVersion: number
  readonly headHash: string
  /** SHA-256 of the archive's file. */
  readonly archiveSha256: string
  /** RFC 3339 UTC, milliseconds, by the database's clock. */
  readonly removedAt: string
  readonly removedBy: string
  readonly reason: string
}

export type Tombstone = RemovalStatement & {
  /** Names the key that signed it. */
  readonly keyId: string
  /** Base64. */
  readonly signature: string
}

/** The stream was not removed, because it is not closed, is not published, or differs from the archive. */
export class RemovalRefused extends Error {
  override readonly name = 'RemovalRefused'
}

/** PKCS #8 of an Ed25519 key up to its 32 bytes (RFC 8410 section 7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

export type TombstoneKey = { readonly privateKey: KeyObject; readonly publicKey: KeyObject }

/** The Ed25519 key of a seed of 32 bytes. */
export function tombstoneKey(seed: Uint8Array): TombstoneKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** A public key's name: the first 16 hex digits of the SHA-256 of its SPKI. */
function keyIdOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16)
}

/**
 * The text that is signed: one line of canonical JSON; `statement` keeps it from passing for a text of another kind.
 */
function statementOf(removal: RemovalStatement): string {
  return (
    canonicalize({
      statement: 'provisioner-tombstone/1',
      stream: removal.stream,
      first_version: 1,
      last_version: removal.lastVersion,
      events: removal.lastVersion,
      head_hash: removal.headHash,
      archive_sha256: removal.archiveSha256,
      removed_at: removal.removedAt,
      removed_by: removal.removedBy,
      reason: removal.reason,
    }) ?? ''
  )
}

export function signRemoval(removal: RemovalStatement, { privateKey, publicKey }: TombstoneKey): Tombstone {
  const signature = sign(null, Buffer.from(statementOf(removal)), privateKey).toString('base64')
  return { ...removal, keyId: keyIdOf(publicKey), signature }
}

/**
 * Removes one closed stream and leaves its tombstone, all or nothing. Needs the owner's rights. The job's row, its
 * snapshot and its sealed recipe go with the stream. The server's history stays and still names the job.
 * @throws RemovalRefused.
 */
export async function removeStream(db: Database, tombstone: Tombstone): Promise<void> {
  const { stream, lastVersion, headHash, archiveSha256, removedAt, removedBy, reason, keyId, signature } = tombstone
  try {
    await db.execute(sql`select remove_archived_stream(${stream}, ${lastVersion}, ${headHash}, ${archiveSha256},
      ${removedAt}::timestamptz, ${removedBy}, ${reason}, ${keyId}, ${signature})`)
  } catch (error) {
    if (sqlState(error) === '55000') throw new RemovalRefused(messageOf(error), { cause: error })
    throw error
  }
}

/** The job's tombstone; null when there is none. */
export async function findTombstone(db: Database, jobId: string): Promise<Tombstone | null> {
  const [row] = await db
    .select()
    .from(tombstones)
    .where(eq(tombstones.stream, jobStream(jobId)))
  return row === undefined ? null : tombstoneOf(row)
}

/** Removals after the position `after`, in the order of their commits. 0 is before the first. */
export async function listRemovals(
  db: Database,
  { after, limit }: { readonly after: bigint; readonly limit: number },
): Promise<{ readonly position: bigint; readonly tombstone: Tombstone }[]> {
  const rows = await db
    .select()
    .from(tombstones)
    .where(gt(tombstones.position, after))
    .orderBy(asc(tombstones.position))
    .limit(limit)
  return rows.map((row) => ({ position: row.position, tombstone: tombstoneOf(row) }))
}

const pageSize = 1000

/** Counts all tombstones and lists their faults. */
export async function verifyTombstones(db: Database, trusted: readonly KeyObject[]) {
  const keys = new Map(trusted.map((key) => [keyIdOf(key), key]))
  const faults: { readonly stream: StreamId; readonly version: number; readonly reason: string }[] = []
  let count = 0
  let after = 0n
  for (;;) {
    const page = await listRemovals(db, { after, limit: pageSize })
    for (const { tombstone, position } of page) {
      const reason = faultOf(tombstone, keys)
      if (reason !== null) faults.push({ stream: tombstone.stream, version: tombstone.lastVersion, reason })
      after = position
    }
    count += page.length
    if (page.length === 0) break
  }
  return { count, faults: [...faults, ...(await streamsBesideTombstones(db)), ...(await missingStreams(db))] }
}

function faultOf(tombstone: Tombstone, keys: ReadonlyMap<string, KeyObject>): string | null {
  const key = keys.get(tombstone.keyId)
  if (key === undefined) return `its tombstone is signed with key ${tombstone.keyId}, which is not a trusted one`
  const holds = verify(null, Buffer.from(statementOf(tombstone)), key, Buffer.from(tombstone.signature, 'base64'))
  return holds ? null : 'its tombstone does not have a valid signature: it was forged or altered'
}

/** Streams with a tombstone and events: a removal takes the whole stream, and a job's id is never given again. */
async function streamsBesideTombstones(db: Database) {
  const rows = await db
    .select({ stream: tombstones.stream, version: sql<number>`min(${events.version})::int` })
    .from(tombstones)
    .innerJoin(events, eq(events.stream, tombstones.stream))
    .groupBy(tombstones.stream)
    .limit(pageSize)
  return rows.map((row) => ({ ...row, reason: 'it has a tombstone, and events all the same' }))
}

/**
 * A job's first event is appended together with its server's reservation, whose own chain tells that the job existed.
 */
async function missingStreams(db: Database) {
  const rows = await db.execute<{ stream: StreamId }>(sql`
    select distinct 'job-' || (r.data ->> 'job_id') as stream from events r
    where r.stream like 'server-%' and r.type = 'server.reserved'
      and not exists (select from events e where e.stream = 'job-' || (r.data ->> 'job_id') and e.version = 1)
      and not exists (select from tombstones t where t.stream = 'job-' || (r.data ->> 'job_id'))
    order by 1 limit ${pageSize}`)
  const reason = 'a server was reserved for it, but it has neither events nor a tombstone: it was removed'
  return [...rows].map(({ stream }) => ({ stream, version: 1, reason }))
}

function tombstoneOf(row: typeof tombstones.$inferSelect): Tombstone {
  return {
    stream: row.stream,
    lastVersion: row.last_version,
    headHash: row.head_hash,
    archiveSha256: row.archive_sha256,
    removedAt: row.removed_at,
    removedBy: row.removed_by,
    reason: row.reason,
    keyId: row.key_id,
    signature: row.signature,
  }
}

/** The message of Postgres; drizzle's own message is the statement. */
function messageOf(error: unknown): string {
  if (error instanceof Error && error.cause instanceof Error) return messageOf(error.cause)
  return error instanceof Error ? error.message : String(error)
}
