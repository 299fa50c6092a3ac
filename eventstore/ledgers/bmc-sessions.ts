/**
 * Logins on BMCs and the sessions that they opened, so that a controller that dies leaves no session behind. A controller
 * writes the row before it sends the login, and deletes the row when the session is gone from the BMC. The row is leased
 * like an effect: the owner's heartbeat extends it, and the session reaper ends sessions whose lease has expired. Tokens are
 * in the vault, under `sessionTokenRef`.
 */
import { and, eq, isNotNull, sql } from 'drizzle-orm'
import type { Database } from '../postgres/database.ts'
import { bmcRefusals, bmcSessions } from '../schema.ts'

/** A BMC and the version of its credentials. */
export type BmcAccount = { readonly serial: string; readonly address: string; readonly credentialsRef: string }

export type Owner = { readonly owner: string; readonly ttlMs: number }

export type KnownLogin = { readonly id: string; readonly askedAt: string; readonly path: string | null }

export const sessionTokenRef = (id: string) => `bmc-session/${id}`

/** Back-off ceiling: a BMC that does not answer is tried again after 1, 2, 4 ... 64 times the lease. */
const doublingsMax = 6

const inMs = (ms: number) => sql`clock_timestamp() + make_interval(secs => ${ms / 1000})`
const afterBackOff = (ttlMs: number) =>
  sql`clock_timestamp() + make_interval(secs => ${ttlMs / 1000} * 2 ^ least(${bmcSessions.attempts}, ${doublingsMax}))`

/** Records the intent to log in. Returns its time and how often in a row the BMC refused these credentials. */
export async function intendLogin(
  db: Database,
  { id, serial, address, credentialsRef, owner, ttlMs }: BmcAccount & Owner & { readonly id: string },
): Promise<{ readonly askedAt: string; readonly refusals: number }> {
  const [row] = await db
    .insert(bmcSessions)
    .values({ id, serial, address, owner, asked_at: sql`clock_timestamp()`, expires_at: inMs(ttlMs) })
    .returning({ askedAt: bmcSessions.asked_at })
  if (row === undefined) throw new Error('an inserted login is not there')
  const [refused] = await db
    .select({ refusals: bmcRefusals.refusals })
    .from(bmcRefusals)
    .where(and(eq(bmcRefusals.address, address), eq(bmcRefusals.credentials_ref, credentialsRef)))
  return { askedAt: row.askedAt, refusals: refused?.refusals ?? 0 }
}

/** Records the session's path. A row that another controller took over while its owner stood still is the owner's again. */
export async function recordSession(
  db: Database,
  { id, serial, address, owner, ttlMs, path }: BmcAccount & Owner & { readonly id: string; readonly path: string },
): Promise<void> {
  const expires_at = inMs(ttlMs)
  await db
    .insert(bmcSessions)
    .values({ id, serial, address, owner, path, asked_at: sql`clock_timestamp()`, expires_at })
    .onConflictDoUpdate({ target: bmcSessions.id, set: { owner, path, expires_at } })
  await db.delete(bmcRefusals).where(eq(bmcRefusals.address, address))
}

/** Counts a refusal of these credentials and forgets those of other ones. */
export async function countRefusal(db: Database, { address, credentialsRef }: BmcAccount): Promise<void> {
  await db
    .insert(bmcRefusals)
    .values({ address, credentials_ref: credentialsRef, refusals: 1 })
    .onConflictDoUpdate({
      target: bmcRefusals.address,
      set: {
        credentials_ref: credentialsRef,
        refusals: sql`case when ${bmcRefusals.credentials_ref} = ${credentialsRef} then ${bmcRefusals.refusals} + 1 else 1 end`,
      },
    })
}

export async function forgetLogin(db: Database, id: string): Promise<void> {
  await db.delete(bmcSessions).where(eq(bmcSessions.id, id))
}

/** Gives a login up to any controller's reaper: at once, or after the back-off when its end was tried before. */
export async function leaveLogin(db: Database, { id, ttlMs }: { id: string; ttlMs: number }): Promise<void> {
  const backOff = sql`case when ${bmcSessions.attempts} = 0 then clock_timestamp() else ${afterBackOff(ttlMs)} end`
  await db.update(bmcSessions).set({ owner: null, expires_at: backOff }).where(eq(bmcSessions.id, id))
}

/** Claims the logins of one BMC whose lease has expired. Each can be claimed again after the back-off, unless it is forgotten. */
export async function claimOrphans(
  db: Database,
  { address, ttlMs, limit }: { address: string; ttlMs: number; limit: number },
): Promise<KnownLogin[]> {
  return db
    .update(bmcSessions)
    .set({ owner: null, attempts: sql`${bmcSessions.attempts} + 1`, expires_at: afterBackOff(ttlMs) })
    .where(
      sql`${bmcSessions.id} = any(array(select id from bmc_sessions
        where address = ${address} and expires_at < clock_timestamp() limit ${limit} for update skip locked))`,
    )
    .returning({ id: bmcSessions.id, askedAt: bmcSessions.asked_at, path: bmcSessions.path })
}

/** BMCs with logins whose lease has expired, the oldest first. */
export async function findOrphaned(
  db: Database,
  { limit }: { limit: number },
): Promise<{ readonly serial: string; readonly address: string }[]> {
  return db
    .select({ serial: bmcSessions.serial, address: bmcSessions.address })
    .from(bmcSessions)
    .where(sql`${bmcSessions.expires_at} < clock_timestamp()`)
    .groupBy(bmcSessions.serial, bmcSessions.address)
    .orderBy(sql`min(${bmcSessions.expires_at})`)
    .limit(limit)
}

/** Forgets logins without an owner that are so old that the BMC's own session time-out has ended them. Returns their ids. */
export async function forgetTimedOut(db: Database, { afterMs }: { afterMs: number }): Promise<string[]> {
  const rows = await db
    .delete(bmcSessions)
    .where(
      sql`${bmcSessions.owner} is null and ${bmcSessions.asked_at} < clock_timestamp() - make_interval(secs => ${afterMs / 1000})`,
    )
    .returning({ id: bmcSessions.id })
  return rows.map(({ id }) => id)
}

/** Forgets expired logins of a server at an address under which it is registered no longer. Returns their ids. */
export async function forgetOrphansOf(
  db: Database,
  { serial, address }: { serial: string; address: string },
): Promise<string[]> {
  const rows = await db
    .delete(bmcSessions)
    .where(
      and(
        eq(bmcSessions.serial, serial),
        eq(bmcSessions.address, address),
        sql`${bmcSessions.expires_at} < clock_timestamp()`,
      ),
    )
    .returning({ id: bmcSessions.id })
  return rows.map(({ id }) => id)
}

/** Heartbeat: extends the leases of all logins of an owner. */
export async function renewSessions(db: Database, { owner, ttlMs }: Owner): Promise<void> {
  await db
    .update(bmcSessions)
    .set({ expires_at: inMs(ttlMs) })
    .where(eq(bmcSessions.owner, owner))
}

/** Paths of all sessions on a BMC that some controller has recorded. */
export async function readSessionPaths(db: Database, address: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .select({ path: bmcSessions.path })
    .from(bmcSessions)
    .where(and(eq(bmcSessions.address, address), isNotNull(bmcSessions.path)))
  return new Set(rows.flatMap(({ path }) => (path === null ? [] : [path])))
}
