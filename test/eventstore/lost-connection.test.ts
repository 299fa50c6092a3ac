// A database that ends its connections, as after a restart: queries fail, and the process and its pool go on.
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { connect } from '../../eventstore/database.ts'
import { freshDatabase } from '../postgres.ts'

async function pool() {
  const { url } = await freshDatabase()
  const [own, admin] = [connect({ url, poolMax: 4 }), connect({ url, poolMax: 1, asApplication: false })]
  /** Ends every session of the pool but the administrator's. */
  const endSessions = () =>
    admin.db.execute(sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = current_user and pid <> pg_backend_pid()`)
  return { db: own.db, endSessions }
}

test('a transaction whose session was ended is rejected, also when it goes on to write', async () => {
  const { db, endSessions } = await pool()
  const lost = db.transaction(async (tx) => {
    await tx.execute(sql`select 1`)
    await endSessions()
    await expect(tx.execute(sql`select 2`)).rejects.toThrow()
    // Without the mend of the driver this one finds no socket, and ends the process.
    await tx.execute(sql`select 3`)
  })
  await expect(lost).rejects.toThrow()
})

test('the pool answers again after its sessions were ended, however often', async () => {
  const { db, endSessions } = await pool()
  // The driver may leave a query unanswered that it had in hand at that moment; who asks again is answered.
  const answer = () => {
    const asked = db.execute<{ n: number }>(sql`select 1::int as n`).then(
      ([row]) => row?.n,
      () => 'lost',
    )
    return Promise.race([asked, delay(500, 'unanswered')])
  }
  for (let round = 0; round < 5; round += 1) {
    const begun = Array.from({ length: 4 }, answer)
    await endSessions()
    await Promise.all(begun)
    await expect
      .poll(async () => Promise.all(Array.from({ length: 4 }, answer)), { timeout: 20_000 })
      .toEqual([1, 1, 1, 1])
  }
})
