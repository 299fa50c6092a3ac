import { and, asc, eq } from 'drizzle-orm'
import fc from 'fast-check'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRuntime, NotAccepted, proposalOf } from '../../../actors/runtime.ts'
import { append, ConditionGone, ValueTaken, VersionConflict } from '../../../eventstore/log/append.ts'
import type { StreamAppend } from '../../../eventstore/log/commit.ts'
import { hashEvent, plainJson } from '../../../eventstore/log/event.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { leaseEffects } from '../../../eventstore/pending/effects.ts'
import { connect } from '../../../eventstore/postgres/database.ts'
import { deadlines, effects, events, jobs } from '../../../eventstore/schema.ts'
import { jobStream, type StreamId, serverStream } from '../../../machines/kinds.ts'
import { testMaxMs } from '../../rig/patience.ts'
import { anyText } from '../../rig/texts.ts'
import { eventOf, nextOf } from '../rig/handmade.ts'
import {
  cause,
  commit,
  jobAfter,
  openWorld,
  progress,
  registerServer,
  report,
  requestJob,
  sha256,
  successfulRun,
  type World,
} from '../rig/world.ts'

let world: World
// Appends that wait for each other in a circle take at least this long; others are done long before.
/** Longer than a test may last: appends that waited for each other in a circle would never come back. */
const deadlockMs = 2 * testMaxMs

beforeAll(async () => {
  world = await openWorld()
  await deadlocksEndAfter(deadlockMs)
})
afterAll(() => world.close())

const ttlMs = 60_000

describe('the expected version', () => {
  test('of many appends to one stream at once, each version has one winner and none is left out', async () => {
    const stream = await jobAfter(world, 9)
    const before = (await readStream(world.db, stream)).length
    await Promise.all(Array.from({ length: 15 }, (_, percent) => commit(world, stream, [progress(percent)])))
    const history = await readStream(world.db, stream)
    expect(history.map(({ version }) => version)).toEqual(Array.from({ length: before + 15 }, (_, index) => index + 1))
    const told = history.slice(before).map(({ data }) => (data as { percent: number }).percent)
    expect(told.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, percent) => percent))
  })

  test('that is taken is a VersionConflict, and of two identical appends one is stored', async () => {
    const stream = await jobAfter(world, 9)
    const decided = [await nextOf(world.db, stream), await nextOf(world.db, stream)]
    const answers = await Promise.allSettled(decided.map((one) => append(world.db, [one])))
    expect(answers.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(answers.find(({ status }) => status === 'rejected')).toMatchObject({ reason: expect.any(VersionConflict) })
  })

  test('a server is reserved by one of the jobs that ask at once; the others leave nothing behind', async () => {
    const serial = await registerServer(world)
    const ids = Array.from({ length: 8 }, () => uuidv7())
    const answers = await Promise.allSettled(ids.map((jobId) => requestJob(world, serial, { jobId })))
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason] : []))
    expect(refused).toHaveLength(7)
    for (const reason of refused) expect(reason).toBeInstanceOf(NotAccepted)
    const stored = await Promise.all(ids.map((jobId) => readStream(world.db, jobStream(jobId))))
    expect(stored.filter((history) => history.length > 0)).toHaveLength(1)
    expect((await readStream(world.db, serverStream(serial))).map(({ type }) => type)).toEqual([
      'server.registered',
      'server.reserved',
    ])
  })
})

describe('a commit', () => {
  test('that fails in its second stream leaves nothing in its first', async () => {
    const serial = await registerServer(world)
    const stream = await jobAfter(world, 9)
    const job = await nextOf(world.db, stream)
    const before = await readStream(world.db, stream)
    const taken: StreamAppend = {
      ...job,
      stream: serverStream(serial),
      events: [eventOf(serverStream(serial), { version: 1, prevHash: null, data: {} })],
    }
    await expect(append(world.db, [job, taken])).rejects.toThrow(VersionConflict)
    expect(await readStream(world.db, stream)).toEqual(before)
  })

  test('keeps the effects and deadlines of the state it leads to, and drops those of the state it leaves', async () => {
    const stream = await jobAfter(world, 0)
    expect(await waitsOf(stream)).toEqual([['job.admission'], ['job.admission']])
    await commit(world, stream, successfulRun.slice(0, 1))
    expect(await waitsOf(stream)).toEqual([['iso.build'], ['iso.build', 'job']])
    await commit(world, stream, [{ type: 'cancel.requested', data: { reason: null } }])
    expect(await waitsOf(stream)).toEqual([['server.release'], []])
  })

  test('writes the read model of the state it leads to', async () => {
    const stream = await jobAfter(world, successfulRun.length)
    const [row] = await world.db
      .select()
      .from(jobs)
      .where(eq(jobs.id, stream.slice(4)))
    const history = await readStream(world.db, stream)
    expect(row).toMatchObject({
      status: 'complete',
      outcome: 'succeeded',
      view: { cleanup: 'clean' },
      version: history.length,
      created_at: history[0]?.at,
      updated_at: history.at(-1)?.at,
    })
  })

  test('whose lease was lost writes nothing', async () => {
    const stream = await jobAfter(world, 0)
    const before = await everything(stream)
    const condition = {
      kind: 'lease',
      effectId: `${before.events[0]?.id}/job.admission`,
      owner: 'a',
      epoch: 1,
    } as const
    for (const ends of [true, false]) {
      const late = commit(world, stream, successfulRun.slice(0, 1), { ...condition, ends })
      await expect(late).rejects.toThrow(ConditionGone)
    }
    expect(await everything(stream)).toEqual(before)
  })

  test('whose deadline is not due yet, or was disarmed, writes nothing', async () => {
    const stream = await jobAfter(world, 1)
    const before = await everything(stream)
    for (const name of ['iso.build', 'job.admission']) {
      const early = commit(world, stream, [{ type: 'iso.build.elapsed', data: {} }], { kind: 'deadline', stream, name })
      await expect(early).rejects.toThrow(ConditionGone)
    }
    expect(await everything(stream)).toEqual(before)
  })

  test('with an idempotency key that is used in the meantime is ValueTaken and creates no job', async () => {
    const [first, second] = await Promise.all([registerServer(world), registerServer(world)])
    await requestJob(world, first, { idempotencyKey: sha256(9) })
    const jobId = uuidv7()
    await expect(requestJob(world, second, { jobId, idempotencyKey: sha256(9) })).rejects.toThrow(ValueTaken)
    expect(await readStream(world.db, jobStream(jobId))).toEqual([])
    expect(await readStream(world.db, serverStream(second))).toHaveLength(1)
  })

  test('of an outcome and a cancellation at once: both end in order, without waiting for each other in a circle', async () => {
    for (let round = 0; round < 10; round += 1) {
      const stream = await jobAfter(world, 0)
      const [effect] = (await leaseEffects(world.db, { owner: 'a', ttlMs, limit: 1000 })).filter(
        (leased) => leased.stream === stream,
      )
      const lease = { kind: 'lease', effectId: effect?.id ?? '', owner: 'a', epoch: 1, ends: true } as const
      const [cancelled, admitted] = await Promise.allSettled([
        commit(world, stream, [{ type: 'cancel.requested', data: { reason: null } }]),
        commit(world, stream, successfulRun.slice(0, 1), lease),
      ])
      expect(cancelled).toMatchObject({ status: 'fulfilled' })
      if (admitted.status === 'rejected') expect(['ConditionGone', 'NotAccepted']).toContain(admitted.reason.name)
    }
  })

  test('that Postgres ends to resolve a deadlock is decided again', async () => {
    const stream = await jobAfter(world, 0)
    await deadlocksEndAfter(1000)
    const controller = connect({ url: world.url, poolMax: 2 })
    const runtime = createRuntime({ db: controller.db, nextId: uuidv7 })
    const committed = await world.owner.raw.begin(async (tx) => {
      // What renews leases locks effects without asking the streams; here it then wants what the append has.
      await tx`set local deadlock_timeout = '10min'`
      await tx`update effects set expires_at = clock_timestamp() where stream = ${stream}`
      const outcome = commit({ runtime }, stream, [{ type: 'cancel.requested', data: { reason: null } }])
      await appendsWait(1)
      await tx`lock table events in share row exclusive mode`
      return { outcome }
    })
    expect(await committed.outcome).toMatchObject([{ version: 2 }])
    await controller.close()
  })

  test('of the same two streams in either order: no circle either', async () => {
    const [one, other] = [await jobAfter(world, 9), await jobAfter(world, 9)]
    const controllers = Array.from({ length: 7 }, () => connect({ url: world.url, poolMax: 2 }))
    const [firstRuntime, ...runtimes] = controllers.map(({ db }) => createRuntime({ db, nextId: uuidv7 }))
    const both = (streams: readonly StreamId[], runtime = firstRuntime) =>
      runtime?.commit({
        reads: streams,
        cause,
        decide: () => streams.map((stream) => proposalOf(stream, progress(1))),
      })
    // Somebody holds up whoever has come to the second stream, until all have come to a stream.
    const held = Promise.withResolvers<readonly unknown[]>()
    const holding = world.owner.raw.begin(async (tx) => {
      await tx`
        insert into events (id, stream, version, type, schema_version, data, state_to, machine, machine_version, at, actor, hash)
        select gen_random_uuid(), stream, version + 1, type, 1, data, state_to, machine, machine_version, at, actor, hash
        from events where stream = ${other} order by version desc limit 1`
      const first = both([one, other])
      await appendsWait(1)
      const rest = runtimes.map((runtime) => both([other, one], runtime))
      await appendsWait(7)
      held.resolve([first, ...rest])
      throw new Error('never mind')
    })
    await expect(holding).rejects.toThrow('never mind')
    await Promise.all(await held.promise)
    expect((await readStream(world.db, one)).length).toBe(10 + 7)
    await Promise.all(controllers.map(({ close }) => close()))
  })
})

describe('event data', () => {
  test('comes back from the database with the hash it was stored with, whatever a BMC puts into it', async () => {
    const stream = await jobAfter(world, 9)
    const found = fc.dictionary(anyText(), fc.jsonValue(), { maxKeys: 4 })
    await fc.assert(
      fc.asyncProperty(found, async (data) => {
        await append(world.db, [await nextOf(world.db, stream, plainJson(data))])
        const stored = (await readStream(world.db, stream)).at(-1)
        if (stored === undefined) throw new Error('nothing was stored')
        expect(hashEvent(stored)).toBe(stored.hash)
      }),
      { numRuns: 40 },
    )
  })

  test('keeps names and texts readable where Postgres refuses NUL characters and lone surrogates', () => {
    expect(plainJson({ 'a\u0000': ['b\u0000', '\ud800', undefined], c: undefined })).toEqual({
      'a\ufffd': ['b\ufffd', '\ufffd', null],
    })
  })
})

/** How long a wait may last before Postgres looks for a circle, in sessions that begin after this. */
async function deadlocksEndAfter(timeoutMs: number): Promise<void> {
  const database = new URL(world.url).pathname.slice(1)
  await world.owner.raw.unsafe(`alter database ${database} set deadlock_timeout = '${timeoutMs}ms'`)
}

/** Resolves when this many appends have come to a lock that somebody else holds. */
async function appendsWait(count: number): Promise<void> {
  for (;;) {
    const waiting = await world.owner.raw`
      select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into events%'`
    if (waiting.length >= count) return
  }
}

/** An append of one event that changes nothing, to what the stream holds now. */
async function waitsOf(stream: StreamId): Promise<[effects: string[], deadlines: string[]]> {
  const asked = await world.db.select().from(effects).where(eq(effects.stream, stream)).orderBy(asc(effects.key))
  const armed = await world.db.select().from(deadlines).where(eq(deadlines.stream, stream)).orderBy(asc(deadlines.name))
  return [asked.map(({ key }) => key), armed.map(({ name }) => name)]
}

/** All rows about a job. */
async function everything(stream: StreamId) {
  return {
    events: await world.db.select().from(events).where(eq(events.stream, stream)).orderBy(asc(events.version)),
    effects: await world.db.select().from(effects).where(eq(effects.stream, stream)),
    deadlines: await world.db
      .select()
      .from(deadlines)
      .where(and(eq(deadlines.stream, stream))),
    jobs: await world.db
      .select()
      .from(jobs)
      .where(eq(jobs.id, stream.slice(4))),
  }
}

test('a report after the outcome is known is refused by the machine, and nothing is written', async () => {
  const stream = await jobAfter(world, 11)
  const before = await everything(stream)
  await expect(commit(world, stream, [{ type: 'report.received', data: report }])).rejects.toThrow(NotAccepted)
  expect(await everything(stream)).toEqual(before)
})
