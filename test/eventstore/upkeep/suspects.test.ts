/** The sweep's two looks: pages of suspects that are cheap, and one actor exactly. */
import type { SQL } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readStream } from '../../../eventstore/log/read.ts'
import { leaseEffects } from '../../../eventstore/pending/effects.ts'
import { databaseNow } from '../../../eventstore/postgres/clock.ts'
import { inspect } from '../../../eventstore/upkeep/inspect.ts'
import type { Lateness } from '../../../eventstore/upkeep/lateness.ts'
import { pendingByLog } from '../../../eventstore/upkeep/pending-by-log.ts'
import { rebuild } from '../../../eventstore/upkeep/rebuild.ts'
import { findSuspects, type KnownStates, type SweepCursor, sweepStart } from '../../../eventstore/upkeep/suspects.ts'
import { jobStream, type StreamId, serverStream } from '../../../machines/kinds.ts'
import { commit, jobAfter, openWorld, registerServer, registration, successfulRun, type World } from '../rig/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

const longAgo = '2026-01-01T00:00:00.000Z'
const sinceLongAgo: Lateness = { since: longAgo, deadlineMs: 60_000, leaseMs: 90_000 }
const failure = { kind: 'unreachable', message: 'no answer' }

async function suspects(lateness = sinceLongAgo): Promise<readonly StreamId[]> {
  const states: KnownStates = new Map()
  const found: StreamId[] = []
  for (let cursor: SweepCursor | null = sweepStart; cursor !== null; ) {
    const page = await findSuspects(world.db, cursor, { lateness, states })
    found.push(...page.suspects)
    cursor = page.next
  }
  return found
}

/** What is wrong with an actor, which must be what makes it a suspect. */
async function wrongWith(stream: StreamId, lateness = sinceLongAgo) {
  const looked = await inspect(world.db, stream, lateness)
  const violations = looked?.violations ?? []
  expect((await suspects(lateness)).includes(stream)).toBe(violations.length > 0)
  return violations.map(({ reason, subject, repaired }) => [reason, subject, repaired])
}

function once(work: () => Promise<unknown>): () => Promise<unknown> {
  let done: Promise<unknown> | undefined
  return () => {
    done ??= work()
    return done
  }
}

async function idOf(stream: StreamId, type: string): Promise<string> {
  const event = (await readStream(world.db, stream)).findLast((one) => one.type === type)
  if (event === undefined) throw new Error(`${stream} has no ${type}`)
  return event.id
}

test('actors in all the states of a run have what they wait for, and none is suspected', async () => {
  const jobs = await Promise.all(successfulRun.map((_, steps) => jobAfter(world, steps)))
  const cancelled = await jobAfter(world, 8)
  await commit(world, cancelled, [{ type: 'cancel.requested', data: { reason: null } }])
  const busy = serverStream(await registerServer(world))
  await commit(world, busy, [
    { type: 'server.probe.failed', data: failure },
    { type: 'server.power.requested', data: { action: 'off' } },
    { type: 'server.changed', data: registration(busy.slice(7)) },
  ])
  const removed = serverStream(await registerServer(world))
  await commit(world, removed, [{ type: 'server.removed', data: {} }])
  expect(await suspects()).toEqual([])
  for (const stream of [...jobs, cancelled, busy, removed]) {
    const { violations, repair } = (await inspect(world.db, stream, sinceLongAgo)) ?? {}
    expect({ violations, repair }).toEqual({ violations: [], repair: null })
  }
})

test('what a log stands for is what its appends have kept, and what a rebuild keeps', async () => {
  const stream = await jobAfter(world, 6)
  const there = async () => ({
    effects:
      await world.raw`select id, stream, version, key, src, input, asked_at from effects where stream = ${stream}`,
    deadlines: await world.raw`select * from deadlines where stream = ${stream} order by name`,
  })
  const byLog = await pendingByLog(world.db, stream)
  const kept = await there()
  expect([...byLog.effects.values()]).toEqual(
    kept.effects.map((row) => ({
      ...row,
      asked_at: row['asked_at'].toISOString(),
      available_at: row['asked_at'].toISOString(),
    })),
  )
  expect([...byLog.deadlines.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1))).toEqual(
    kept.deadlines.map((row) => ({ ...row, due_at: row['due_at'].toISOString() })),
  )
  await rebuild(world.owner.db)
  expect(await there()).toEqual(kept)
})

describe('found are', () => {
  test('an effect and a deadline that were lost, with the rows that the log says', async () => {
    const stream = await jobAfter(world, 2)
    await world.raw`delete from effects where stream = ${stream}`
    await world.raw`delete from deadlines where stream = ${stream} and name = 'redfish'`
    const asked = `${await idOf(stream, 'iso.build.succeeded')}/redfish.discover`
    expect(await wrongWith(stream)).toEqual([
      ['effect.missing', asked, true],
      ['deadline.missing', 'redfish', true],
    ])
    const { effects, deadlines } = (await inspect(world.db, stream, sinceLongAgo))?.repair?.lost ?? {}
    expect(effects).toMatchObject([{ id: asked, key: 'redfish.discover', src: 'discover', version: 3 }])
    expect(deadlines).toMatchObject([{ stream, name: 'redfish' }])
  })

  test('what nobody asked for, of actors under way and of actors that have ended', async () => {
    const stream = await jobAfter(world, 1)
    const removed = serverStream(await registerServer(world))
    await commit(world, removed, [{ type: 'server.removed', data: {} }])
    await world.raw`insert into deadlines values (${stream}, 'cleanup', now() + interval '1 hour')`
    await world.raw`
      insert into effects (id, stream, version, key, src, input, asked_at, available_at)
      values ('x/server.probe', ${removed}, 1, 'server.probe', 'probeServer', '{}', now(), now())`
    expect(await wrongWith(stream)).toEqual([['deadline.surplus', 'cleanup', true]])
    expect(await wrongWith(removed)).toEqual([['effect.surplus', 'x/server.probe', true]])
  })

  test('rows without a history, of whatever name, are nobody’s and keep nobody from being looked at', async () => {
    const stream = await jobAfter(world, 1)
    await world.raw`insert into deadlines values ('rack-7', 'broken', now()), ('job-x', 'broken', now())`
    await world.raw`delete from effects where stream = ${stream}`
    expect(await suspects()).toEqual([stream])
  })

  test('a lease that nobody has taken over for long, but not one that only just ran out', async () => {
    const stream = await jobAfter(world, 0)
    const leased = await leaseEffects(world.db, { owner: 'gone', ttlMs: 30_000, limit: 10 })
    const id = leased.find((effect) => effect.stream === stream)?.id
    const ranOut = (secondsAgo: number) =>
      world.raw`update effects set expires_at = clock_timestamp() - make_interval(secs => ${secondsAgo}) where id = ${id ?? ''}`
    await ranOut(60)
    expect(await wrongWith(stream)).toEqual([])
    await ranOut(100)
    expect(await wrongWith(stream)).toEqual([['lease.abandoned', id, false]])
    // Nobody was there to take it over.
    expect(await wrongWith(stream, { ...sinceLongAgo, since: await databaseNow(world.db) })).toEqual([])
  })

  test('a deadline that does not fire, but not one that passed while nobody was there', async () => {
    const stream = await jobAfter(world, 1)
    await world.raw`
      update deadlines set due_at = clock_timestamp() - interval '61 s' where stream = ${stream} and name = 'iso.build'`
    expect(await wrongWith(stream)).toEqual([['deadline.overdue', 'iso.build', false]])
    expect(await wrongWith(stream, { ...sinceLongAgo, since: await databaseNow(world.db) })).toEqual([])
  })

  test('a server that is held by a job that has ended', async () => {
    const stream = await jobAfter(world, successfulRun.length)
    const [row] = await world.raw`select server_serial as serial from jobs where id = ${stream.slice(4)}`
    const server = serverStream(row?.['serial'])
    expect(await wrongWith(server)).toEqual([['reservation.orphaned', stream.slice(4), true]])
    expect(await inspect(world.db, server, sinceLongAgo)).toMatchObject({ heldBy: stream.slice(4) })
  })

  test('a server that is held by a job without a history, which only a person can judge', async () => {
    const nobody = '0199e1d2-7c4e-7a10-8f00-00000000dead'
    const server = serverStream(await registerServer(world))
    await commit(world, server, [{ type: 'server.reserved', data: { job_id: nobody } }])
    expect(await wrongWith(server)).toEqual([['reservation.orphaned', nobody, false]])
    expect(await inspect(world.db, server, sinceLongAgo)).toMatchObject({ heldBy: null })
  })

  test('a job under way that does not hold its server, unless it is just letting it go', async () => {
    const released = (jobId: string) => ({
      type: 'server.released',
      data: { job_id: jobId, outcome: 'failed', cleanup: 'clean', slots: null, power_on: false },
    })
    const serialOf = async (stream: StreamId) => {
      const [row] = await world.raw`select server_serial as serial from jobs where id = ${stream.slice(4)}`
      return String(row?.['serial'])
    }
    const polling = await jobAfter(world, 8)
    const releasing = await jobAfter(world, successfulRun.length - 1)
    for (const job of [polling, releasing])
      await commit(world, serverStream(await serialOf(job)), [released(job.slice(4))])
    expect(await wrongWith(polling)).toEqual([['reservation.missing', await serialOf(polling), false]])
    expect(await wrongWith(releasing)).toEqual([])
  })
})

test('an actor that goes on while it is looked at is seen as it was, whole', async () => {
  const stream = await jobAfter(world, 1)
  const goOn = once(() => commit(world, stream, successfulRun.slice(1, 2)))
  // After the first of the reads that make one look.
  const interrupted = new Proxy(world.db, {
    get: (db, name) =>
      name !== 'transaction'
        ? Reflect.get(db, name)
        : (((work, config) =>
            db.transaction(
              (tx) =>
                work(
                  new Proxy(tx, {
                    get: (inner, member) =>
                      member !== 'execute'
                        ? Reflect.get(inner, member)
                        : async (query: SQL) => {
                            const rows = await inner.execute(query)
                            await goOn()
                            return rows
                          },
                  }),
                ),
              config,
            )) satisfies typeof db.transaction),
  })
  expect(await inspect(interrupted, stream, sinceLongAgo)).toMatchObject({ version: 2, violations: [] })
  expect(await readStream(world.db, stream)).toHaveLength(3)
})

test('what is in the history unrepaired is known, until the actor changes its state', async () => {
  const stream = await jobAfter(world, 1)
  const pass = () =>
    world.raw`update deadlines set due_at = clock_timestamp() - interval '2 minutes' where stream = ${stream} and name = 'job'`
  const known = async () => (await inspect(world.db, stream, sinceLongAgo))?.violations.map((one) => one.known)
  const observed = { reason: 'deadline.overdue', subject: 'job', repaired: false }
  await pass()
  expect(await known()).toEqual([false])
  await commit(world, stream, [{ type: 'actor.stall.observed', data: { ...observed, repaired: true } }])
  expect(await known()).toEqual([false])
  await commit(world, stream, [{ type: 'actor.stall.observed', data: observed }])
  expect(await known()).toEqual([true])
  await commit(world, stream, [{ type: 'iso.build.succeeded', data: successfulRun[1]?.data }])
  expect(await known()).toEqual([false])
})

test('all pages are looked at, however many actors there are', async () => {
  const jobs = await Promise.all(Array.from({ length: 510 }, () => jobAfter(world, 0)))
  await world.raw`delete from effects`
  const found = await suspects()
  expect(found).toHaveLength(2 * jobs.length)
  expect(new Set(found)).toEqual(
    new Set([...jobs, ...(await world.raw`select serial from servers`).map((row) => serverStream(row['serial']))]),
  )
  const states: KnownStates = new Map()
  const first = await findSuspects(world.db, sweepStart, { lateness: sinceLongAgo, states })
  expect([first.suspects.length, first.next?.part]).toEqual([500, 'jobs'])
  expect([...states.keys()]).toEqual(['job/queued'])
  expect(jobStream(first.next?.after ?? '')).toBe(first.suspects.at(-1))
})
