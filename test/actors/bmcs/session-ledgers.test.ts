/** Sessions on BMCs as controllers leave them to each other. */
import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSessionLedgers } from '../../../actors/bmcs/session-ledgers.ts'
import { renewSessions } from '../../../eventstore/ledgers/bmc-sessions.ts'
import { createVault } from '../../../eventstore/ledgers/vault.ts'
import { bmcSessions } from '../../../eventstore/schema.ts'
import { openWorld, type World } from '../../eventstore/rig/world.ts'
import { describeLedger } from '../../redfish/session-ledger-contract.ts'
import { type LogEntry, logTo } from '../rig/controller.ts'

const key = randomBytes(32)
const session = { path: '/redfish/v1/SessionService/Sessions/1', token: 'marked-token-4711' }
const ttlMs = 60_000

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const freshAccount = () => ({ serial: 'S1', address: `https://${uuidv7()}.example`, credentialsRef: 'bmc/S1/1' })

function controller(owner: string, { vaultKey = key, logged = [] }: { vaultKey?: Buffer; logged?: LogEntry[] } = {}) {
  const { db } = world
  return createSessionLedgers({
    db,
    vault: createVault(db, vaultKey),
    owner,
    ttlMs,
    nextId: uuidv7,
    log: logTo(logged),
  })
}

/** As if its controller had been silent for longer than its lease. */
const expire = (address: string) =>
  world.db
    .update(bmcSessions)
    .set({ expires_at: sql`clock_timestamp() - interval '1 s'` })
    .where(sql`address = ${address}`)

describe('the ledger in the database', () => {
  describeLedger(async () => controller('a')(freshAccount()))
})

test('a silent controller’s session goes to one of those who ask, and comes again when that one does not end it', async () => {
  const account = freshAccount()
  const { id } = await controller('a')(account).intend()
  await controller('a')(account).opened(id, session)
  await expire(account.address)
  const asking = ['b', 'c', 'd'].map((owner) => controller(owner)(account).orphans())
  expect((await Promise.all(asking)).flat()).toMatchObject([{ id, session }])
  expect(await controller('e')(account).orphans()).toEqual([])
  await expire(account.address)
  expect(await controller('e')(account).orphans()).toMatchObject([{ id, session }])
})

test('a heartbeat keeps what a controller has, and does not bring back what was taken from it', async () => {
  const account = freshAccount()
  const { id } = await controller('beating')(account).intend()
  await controller('beating')(account).opened(id, session)
  await expire(account.address)
  await renewSessions(world.db, { owner: 'beating', ttlMs })
  expect(await controller('b')(account).orphans()).toEqual([])
  await expire(account.address)
  expect(await controller('b')(account).orphans()).toHaveLength(1)
  await expire(account.address)
  await renewSessions(world.db, { owner: 'beating', ttlMs })
  expect(await controller('b')(account).orphans()).toHaveLength(1)
})

test('other credentials start with no refusals', async () => {
  const account = freshAccount()
  const { id } = await controller('a')(account).intend()
  await controller('a')(account).refused(id)
  expect((await controller('b')(account).intend()).refusals).toBe(1)
  expect((await controller('b')({ ...account, credentialsRef: 'bmc/S1/2' }).intend()).refusals).toBe(0)
})

test('a token is sealed, and gone with its session', async () => {
  const account = freshAccount()
  const its = controller('a')(account)
  const { id } = await its.intend()
  await its.opened(id, session)
  const stored = async () =>
    (
      await world.owner.raw<{ row: string }[]>`
        select bmc_sessions::text as row from bmc_sessions where id = ${id}
        union all select sealed::text from sealed where ref = ${`bmc-session/${id}`}`
    ).map(({ row }) => row)
  const rows = await stored()
  expect(rows).toHaveLength(2)
  for (const row of rows) {
    expect(row).not.toContain(session.token)
    expect(row).not.toContain(Buffer.from(session.token).toString('hex'))
  }
  await its.closed(id)
  expect(await stored()).toEqual([])
})

test('a token that was sealed with another key is left to the BMC’s time-out, with a word about it', async () => {
  const account = freshAccount()
  const its = controller('a')(account)
  const { id } = await its.intend()
  await its.opened(id, session)
  await expire(account.address)
  const logged: LogEntry[] = []
  const other = controller('b', { vaultKey: randomBytes(32), logged })(account)
  expect(await other.orphans()).toEqual([])
  await expire(account.address)
  expect(await other.orphans()).toEqual([])
  expect(logged).toHaveLength(1)
})
