/** The right to write to a BMC: one controller at a time, over all of them, by a lease that a dead one does not keep. */
import { and, eq, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { bmcWriters } from './schema.ts'

export type WriterLease = { readonly serial: string; readonly owner: string; readonly ttlMs: number }

/** Takes the right, or extends it; false while another controller has it. An expired right is taken over. */
export async function acquireBmc(db: Database, { serial, owner, ttlMs }: WriterLease): Promise<boolean> {
  const expires_at = sql`clock_timestamp() + make_interval(secs => ${ttlMs / 1000})`
  const rows = await db
    .insert(bmcWriters)
    .values({ serial, owner, expires_at })
    .onConflictDoUpdate({
      target: bmcWriters.serial,
      set: { owner, expires_at },
      setWhere: sql`${bmcWriters.owner} = ${owner} or ${bmcWriters.expires_at} < clock_timestamp()`,
    })
    .returning({ serial: bmcWriters.serial })
  return rows.length > 0
}

/** Extends a right that is still held; false when it was taken over. */
export async function renewBmc(db: Database, { serial, owner, ttlMs }: WriterLease): Promise<boolean> {
  const rows = await db
    .update(bmcWriters)
    .set({ expires_at: sql`clock_timestamp() + make_interval(secs => ${ttlMs / 1000})` })
    .where(and(eq(bmcWriters.serial, serial), eq(bmcWriters.owner, owner)))
    .returning({ serial: bmcWriters.serial })
  return rows.length > 0
}

/** Gives the right back. One that was taken over is left with its new owner. */
export async function releaseBmc(
  db: Database,
  { serial, owner }: Pick<WriterLease, 'serial' | 'owner'>,
): Promise<void> {
  await db.delete(bmcWriters).where(and(eq(bmcWriters.serial, serial), eq(bmcWriters.owner, owner)))
}
