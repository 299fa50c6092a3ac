import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashEvent } from '../../../eventstore/log/event.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { sqlState } from '../../../eventstore/postgres/sql-error.ts'
import { verifyLog } from '../../../eventstore/upkeep/verify.ts'
import type { StreamId } from '../../../machines/kinds.ts'
import { patience } from '../../rig/patience.ts'
import { jobAfter, openWorld, successfulRun, type World } from '../rig/world.ts'

let world: World
let stream: StreamId
beforeAll(async () => {
  world = await openWorld()
  stream = await jobAfter(world, successfulRun.length)
  await jobAfter(world, 4)
})
afterAll(() => world.close())

const signal = patience()
const restrictViolation = '23001'
const insufficientPrivilege = '42501'

/** The SQLSTATE of a statement's refusal; null when it went through. */
async function refusal(as: 'raw' | 'owner', statement: string): Promise<string | null> {
  const sql = as === 'owner' ? world.owner.raw : world.raw
  try {
    await sql.unsafe(statement)
    return null
  } catch (error) {
    const state = sqlState(error)
    if (state === undefined) throw error
    return state
  }
}

describe('a stored event', () => {
  const changes = [
    `update events set actor = 'principal:mallory'`,
    `update events set hash = hash`,
    'delete from events',
    'truncate events',
  ]

  test.each(changes)('is not changed as the application’s role by: %s', async (statement) => {
    expect(await refusal('raw', statement)).toBe(insufficientPrivilege)
  })

  test.each(changes)('is not changed as the owner by: %s', async (statement) => {
    expect(await refusal('owner', statement)).toBe(restrictViolation)
  })

  test.each([
    'alter table events disable trigger events_append_only',
    'alter table events disable trigger all',
    'drop trigger events_append_only on events',
    'drop function refuse_change_of_the_log() cascade',
    `create or replace function refuse_change_of_the_log() returns trigger language plpgsql as 'begin return new; end'`,
    'set session_replication_role = replica',
    'drop table events',
    'create rule quiet as on insert to events do instead nothing',
  ])('stays protected when the application’s role tries: %s', async (statement) => {
    expect(await refusal('raw', statement)).toBe(insufficientPrivilege)
  })

  test('is not replaced by an insert that updates what it meets', async () => {
    const statement = `insert into events overriding system value select * from events on conflict (id) do update set actor = 'principal:mallory'`
    expect(await refusal('raw', statement)).toBe(insufficientPrivilege)
  })
})

describe('the hash chain', () => {
  test('of an untouched log verifies', async () => {
    const events = await world.owner.raw`select count(*)::int as count from events`
    const whole = { streams: 4, events: events[0]?.['count'], snapshots: 0, tombstones: 0, faults: [] }
    expect(await verifyLog(world.db, { signal })).toEqual(whole)
  })

  test.each([
    ['one letter of its data', `data = jsonb_set(data, '{tls}', '"insecurf"')`, 'its content does not have its hash'],
    ['who caused it', `actor = 'principal:tesT'`, 'its content does not have its hash'],
    ['its time by a millisecond', `at = at + interval '1 ms'`, 'its content does not have its hash'],
    ['its type', `type = 'redfish.discover.failed'`, 'its content does not have its hash'],
    ['its state', `state_to = 'complete'`, 'its content does not have its hash'],
    ['its own hash', `hash = translate(hash, '0123456789abcdef', '123456789abcdef0')`, 'does not have its hash'],
    ['its predecessor’s hash', `prev_hash = repeat('0', 64)`, 'prev_hash is not the hash of the event before'],
  ])('names the first bad event after somebody altered %s', async (_what, assignment, reason) => {
    await tampered(`update events set ${assignment} where stream = '${stream}' and version = 4`, async () => {
      const { faults } = await verifyLog(world.db, { signal })
      expect(faults).toEqual([{ stream, version: 4, reason: expect.stringContaining(reason) }])
    })
  })

  test('names the gap that a removed event leaves', async () => {
    await tampered(`delete from events where stream = '${stream}' and version = 6`, async () => {
      const { faults } = await verifyLog(world.db, { signal })
      expect(faults).toEqual([{ stream, version: 7, reason: 'version 6 is missing' }])
    })
  })

  test('names events whose hashes were computed anew, because replay reads them too', async () => {
    const history = await readStream(world.db, stream)
    const last = history.at(-1)
    if (last === undefined) throw new Error('the job has no events')
    const rewrite = (change: object) => {
      const { position: _position, hash: _hash, ...rest } = { ...last, ...change }
      return hashEvent(rest)
    }
    for (const [change, assignment, reason] of [
      [{ state_to: 'queued' }, `state_to = 'queued'`, 'replay gives state complete, recorded was queued'],
      [{ data: { a: 1 } }, `data = '{"a": 1}'`, 'server.release.succeeded has data of another shape'],
    ] as const) {
      const statement = `update events set ${assignment}, hash = '${rewrite(change)}' where id = '${last.id}'`
      await tampered(statement, async () => {
        const { faults } = await verifyLog(world.db, { signal })
        expect(faults).toEqual([{ stream, version: last.version, reason: expect.stringContaining(reason) }])
      })
    }
  })

  test('names an event that was put into a stream from outside', async () => {
    const [last] = (await readStream(world.db, stream)).slice(-1)
    const statement = `insert into events (id, stream, version, type, schema_version, data, state_to, machine, machine_version, at, actor, prev_hash, hash)
      values ('${uuidv7()}', '${stream}', ${(last?.version ?? 0) + 1}, 'report.duplicated', 1, '{}', 'complete', 'job', '1', now(), 'x', '${last?.hash}', '${'0'.repeat(64)}')`
    await tampered(statement, async () => {
      expect((await verifyLog(world.db, { signal })).faults).toMatchObject([
        { stream, version: (last?.version ?? 0) + 1 },
      ])
    })
  })
})

/** Does what the triggers refuse, as somebody with the superuser's rights can, looks, and puts everything back. */
async function tampered(statement: string, look: () => Promise<void>): Promise<void> {
  const unguarded = (...statements: string[]) =>
    world.owner.raw.begin(async (tx) => {
      await tx`set local session_replication_role = replica`
      for (const one of statements) await tx.unsafe(one)
    })
  await unguarded('create table untouched as table events', statement)
  try {
    await look()
  } finally {
    await unguarded(
      'delete from events',
      'insert into events overriding system value select * from untouched',
      'drop table untouched',
    )
  }
}
