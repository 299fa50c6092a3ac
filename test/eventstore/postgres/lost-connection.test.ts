// A database that ends its connections, as after a restart: queries fail, and the process and its pool go on.
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { connect } from '../../../eventstore/postgres/database.ts'
import { freshDatabase } from '../../rig/postgres.ts'

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

test('a transaction whose session was ended does not go on in the next one', async () => {
  const { url } = await freshDatabase()
  // One connection: what comes next opens it anew, and has the session that the transaction would go on in.
  const { db } = connect({ url, poolMax: 1 })
  const admin = connect({ url, poolMax: 1, asApplication: false })
  const opened = Promise.withResolvers<void>()
  const renewed = Promise.withResolvers<void>()
  let late: Promise<unknown> = Promise.resolve()
  const lost = db.transaction(async (tx) => {
    const [session] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    await admin.db.execute(sql`select pg_terminate_backend(${session?.pid ?? 0})`)
    opened.resolve()
    await renewed.promise
    late = Promise.resolve(tx.execute(sql`select 1`))
    await late
  })
  await opened.promise
  await expect(lost).rejects.toThrow('CONNECTION_CLOSED')
  await expect.poll(() => db.execute(sql`select 1`).then(() => 'answered', String)).toBe('answered')
  renewed.resolve()
  await expect
    .poll(() =>
      late.then(
        () => 'carried out',
        () => 'rejected',
      ),
    )
    .toBe('rejected')
  expect(await db.execute(sql`select 2 as n`)).toMatchObject([{ n: 2 }])
})

test('what a transaction has in line when its session ends is rejected, too', async () => {
  const { db, endSessions } = await pool()
  let inLine: readonly PromiseSettledResult<unknown>[] = []
  const lost = db.transaction(async (tx) => {
    // Those with parameters fill the connection until they are described.
    const asked = Array.from({ length: 4 }, (_, n) => tx.execute(sql`select ${n}::int, pg_sleep(10)`))
    const settled = Promise.allSettled(asked)
    await endSessions()
    inLine = await settled
  })
  await expect(lost).rejects.toThrow()
  await expect.poll(() => inLine.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
})

test('a transaction that begins where the line of a connection is full has the connection', async () => {
  const { url } = await freshDatabase()
  const client = postgres(url, { max: 1 })
  await client`select 1`
  // The driver puts a hundred behind the one that is under way, and the transaction is the last of them.
  const asked = Promise.all(Array.from({ length: 100 }, () => client`select 1`.execute()))
  const begun = client.begin((tx) => tx<{ n: number }[]>`select 2 as n`)
  await asked
  expect(await begun).toMatchObject([{ n: 2 }])
})

test('the pool answers again after its sessions were ended, however often', async () => {
  const { db, endSessions } = await pool()
  const answer = () =>
    db.execute<{ n: number }>(sql`select 1::int as n`).then(
      ([row]) => row?.n,
      () => 'lost',
    )
  for (let round = 0; round < 5; round += 1) {
    const begun = Array.from({ length: 4 }, answer)
    await endSessions()
    await Promise.all(begun)
    await expect.poll(async () => Promise.all(Array.from({ length: 4 }, answer))).toEqual([1, 1, 1, 1])
  }
})
