/** What dead controllers left on BMCs, where nobody logs in. */
import { randomBytes } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { expect, test } from 'vitest'
import { createBmcs } from '../../../actors/bmcs/clients.ts'
import { createSessionLedgers } from '../../../actors/bmcs/session-ledgers.ts'
import { startSessionReaper } from '../../../actors/bmcs/session-reaper.ts'
import { unknownServer } from '../../../actors/refusals.ts'
import { acquireBmcs, releaseBmcs } from '../../../eventstore/ledgers/bmc-writers.ts'
import { createVault } from '../../../eventstore/ledgers/vault.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { bmcSessions, bmcWriters, sealed } from '../../../eventstore/schema.ts'
import type { Bmc } from '../../../redfish/bmc.ts'
import { createNoopBmc } from '../../../redfish/noop.ts'
import { registration } from '../../machines/server/samples.ts'
import { freshDatabase } from '../../rig/postgres.ts'
import { credentials, type LogEntry, logTo } from '../rig/controller.ts'

const { serial, bmc_address: address, credentials_ref: credentialsRef } = registration
const ttlMs = 300

/** A controller that died with a session open, and the parts of one that looks after it. */
async function site({ registered = true, address: at = address }: { registered?: boolean; address?: string } = {}) {
  const { url } = await freshDatabase()
  const { db } = connect({ url, poolMax: 4 })
  const logged: LogEntry[] = []
  const vault = createVault(db, randomBytes(32))
  const owning = { db, vault, owner: 'living', ttlMs, log: logTo(logged) }
  const ledger = createSessionLedgers({ ...owning, owner: 'dead', nextId: uuidv7 })
  const dead = ledger({ serial, address: at, credentialsRef })
  const { id } = await dead.intend()
  await dead.opened(id, { path: '/redfish/v1/SessionService/Sessions/1', token: 'token-of-the-dead' })
  await db.update(bmcSessions).set({ expires_at: sql`clock_timestamp() - interval '1 s'` })
  const access = async () => {
    if (!registered) throw unknownServer(serial)
    return { registration, unseal: async () => credentials, learned: {} }
  }
  return {
    db,
    id,
    dead,
    logged,
    /** Runs the reaper until it has come to something. */
    reap: async (endLostSessions: Bmc['endLostSessions'], until: () => Promise<unknown>) => {
      const open = () => ({ ...createNoopBmc({ serial }), endLostSessions })
      const bmcs = createBmcs({ access, open, log: owning.log, recordLessons: async () => {} })
      const reaper = startSessionReaper({ ...owning, bmcs, access })
      await until()
      await reaper.stop()
      await bmcs.close()
    },
  }
}

const rows = async ({ db }: Awaited<ReturnType<typeof site>>) => ({
  logins: await db.select().from(bmcSessions),
  tokens: await db.select().from(sealed),
})

test('what is left is ended by the only writer of that BMC', async () => {
  const its = await site()
  await acquireBmcs(its.db, { serials: [serial], owner: 'writing', ttlMs: 60_000 })
  const ended = Promise.withResolvers<readonly { owner: string }[]>()
  await its.reap(
    async () => {
      const writing = await its.db.select().from(bmcWriters)
      await its.dead.closed(its.id)
      ended.resolve(writing)
    },
    async () => {
      await releaseBmcs(its.db, { serials: [serial], owner: 'writing' })
      expect(await ended.promise).toMatchObject([{ serial, owner: 'living/sessions' }])
    },
  )
  expect(await rows(its)).toEqual({ logins: [], tokens: [] })
})

test.each([
  ['a server that was removed', { registered: false }],
  ['an address that is not the server’s any more', { address: 'https://192.0.2.99' }],
])('the token of a session on %s is forgotten and sent nowhere', async (_, about) => {
  const its = await site(about)
  const sent: string[] = []
  await its.reap(
    async () => void sent.push('request'),
    () => expect.poll(() => rows(its)).toEqual({ logins: [], tokens: [] }),
  )
  expect(sent).toEqual([])
  expect(its.logged.map(({ level }) => level)).toEqual(['warn'])
})

test('a BMC that fails is tried again, later each time', async () => {
  const its = await site()
  let tries = 0
  await its.reap(
    async () => {
      tries++
      throw new Error('no route')
    },
    () => expect.poll(async () => (await rows(its)).logins[0]?.attempts).toBe(2),
  )
  expect(tries).toBe(2)
  const [login] = (await rows(its)).logins
  // One lease after the first try, two after the second.
  expect(Date.parse(login?.expires_at ?? '') - Date.parse(login?.asked_at ?? '')).toBeGreaterThanOrEqual(3 * ttlMs)
})
