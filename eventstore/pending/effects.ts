/** The shared list of effects: leased by controllers, so that any of them can perform any effect and none does twice at once. */
import { and, eq, inArray, sql } from 'drizzle-orm'
import type { StreamId } from '../../machines/kinds.ts'
import type { Database } from '../postgres/database.ts'
import { effects } from '../schema.ts'

/** An effect that this controller may perform until its lease expires. */
export type LeasedEffect = {
  readonly id: string
  readonly stream: StreamId
  readonly version: number
  readonly key: string
  readonly src: string
  readonly input: unknown
  readonly owner: string
  /** Counts leases. Above 1, an earlier performer may have performed any part of the effect. */
  readonly epoch: number
}

/** Leases up to `limit` effects without a lease, oldest first. Expired leases are taken over. */
export async function leaseEffects(
  db: Database,
  { owner, ttlMs, limit }: { owner: string; ttlMs: number; limit: number },
): Promise<LeasedEffect[]> {
  // An array is made once; `in (select ... skip locked)` may run again within the statement and lease more than `limit`.
  const rows = await db.execute<LeasedEffect>(sql`
    update effects set owner = ${owner}, epoch = epoch + 1, expires_at = clock_timestamp() + make_interval(secs => ${ttlMs / 1000})
    where id = any(array(
      select id from effects
      where available_at <= clock_timestamp() and (owner is null or expires_at < clock_timestamp())
      order by available_at limit ${limit} for update skip locked))
    returning id, stream, version, key, src, input, owner, epoch`)
  return [...rows]
}

/** Extends the leases of an owner. Returns the ids that it still holds: the others were withdrawn or taken over. */
export async function renewLeases(
  db: Database,
  { owner, ttlMs, ids }: { owner: string; ttlMs: number; ids: readonly string[] },
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db
    .update(effects)
    .set({ expires_at: sql`clock_timestamp() + make_interval(secs => ${ttlMs / 1000})` })
    .where(and(eq(effects.owner, owner), inArray(effects.id, [...ids])))
    .returning({ id: effects.id })
  return new Set(rows.map((row) => row.id))
}

const lostStatement = `
select id from jsonb_array_elements_text($1::text::jsonb) as mine (id)
where not exists (select from effects where effects.id = mine.id and owner = $2)`

/** Those of these effects that an owner holds no longer: they were withdrawn or taken over. */
export async function lostEffects(
  { $client }: Pick<Database, '$client'>,
  { owner, ids }: { owner: string; ids: readonly string[] },
): Promise<ReadonlySet<string>> {
  const rows = await $client.unsafe<{ id: string }[]>(lostStatement, [JSON.stringify(ids), owner], { prepare: true })
  return new Set(rows.map((row) => row.id))
}

/** Gives an effect back; any performer may lease it after `delayMs`. */
export async function returnEffect(
  db: Database,
  effect: LeasedEffect,
  { delayMs }: { delayMs: number },
): Promise<void> {
  await db
    .update(effects)
    .set({
      owner: null,
      expires_at: null,
      available_at: sql`clock_timestamp() + make_interval(secs => ${delayMs / 1000})`,
    })
    .where(and(eq(effects.id, effect.id), eq(effects.owner, effect.owner), eq(effects.epoch, effect.epoch)))
}
