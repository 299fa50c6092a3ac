/** Leases of the right to write to a BMC: one controller at a time has it, and a dead controller's expires. */
import { and, eq, sql } from 'drizzle-orm'
import type { Database } from '../postgres/database.ts'
import { bmcWriters } from '../schema.ts'

export type WriterLease = { readonly serial: string; readonly owner: string; readonly ttlMs: number }

/** Lock order: by serial, so that two controllers that ask for the same leases cannot deadlock. */
const acquireStatement = `
insert into bmc_writers as held (serial, owner, expires_at)
select serial, $2, clock_timestamp() + make_interval(secs => $3::float8)
from jsonb_array_elements_text($1::text::jsonb) as asked (serial) order by serial
on conflict (serial) do update set owner = excluded.owner, expires_at = excluded.expires_at,
  turn = case when held.owner = excluded.owner then held.turn else held.turn + 1 end
where held.owner = excluded.owner or held.expires_at < clock_timestamp()
returning serial, turn::int4`

/**
 * Takes or extends leases, expired ones of other controllers too. Returns those that this controller holds now, each with
 * its turn; other controllers hold the rest. Turns count from 1, by one for each change of the owner.
 */
export async function acquireBmcs(
  { $client }: Pick<Database, '$client'>,
  { serials, owner, ttlMs }: { readonly serials: readonly string[]; readonly owner: string; readonly ttlMs: number },
): Promise<ReadonlyMap<string, number>> {
  const parameters = [JSON.stringify(serials), owner, ttlMs / 1000]
  const rows = await $client.unsafe<{ serial: string; turn: number }[]>(acquireStatement, parameters, { prepare: true })
  return new Map(rows.map(({ serial, turn }) => [serial, turn]))
}

/** Extends a lease. Returns false when another controller has taken it over. */
export async function renewBmc(db: Database, { serial, owner, ttlMs }: WriterLease): Promise<boolean> {
  const rows = await db
    .update(bmcWriters)
    .set({ expires_at: sql`clock_timestamp() + make_interval(secs => ${ttlMs / 1000})` })
    .where(and(eq(bmcWriters.serial, serial), eq(bmcWriters.owner, owner)))
    .returning({ serial: bmcWriters.serial })
  return rows.length > 0
}

/** The rows are locked in the order in which they are taken. */
const releaseStatement = `
update bmc_writers set expires_at = '-infinity' where serial = any(array(
  select serial from bmc_writers where owner = $2 and serial = any(array(select jsonb_array_elements_text($1::text::jsonb)))
  order by serial for update))`

/** Releases leases, except those that another controller has taken over. */
export async function releaseBmcs(
  { $client }: Pick<Database, '$client'>,
  { serials, owner }: { readonly serials: readonly string[]; readonly owner: string },
): Promise<void> {
  await $client.unsafe(releaseStatement, [JSON.stringify(serials), owner], { prepare: true })
}
