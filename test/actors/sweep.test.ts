/** The sweep finds who would stand still for ever, says so once, and puts right what the log can tell. */
import { describe, expect, test } from 'vitest'
import { type Commit, proposalOf, type Runtime } from '../../actors/runtime.ts'
import { releaseServer } from '../../actors/services/release-server.ts'
import { createSweep, startSweep } from '../../actors/sweep.ts'
import { connect } from '../../eventstore/postgres/database.ts'
import { jobStream, type StreamId, serverStream } from '../../machines/kinds.ts'
import { happened } from '../machines/job/samples.ts'
import { controllerParts, databaseOfTest, fireDeadlines, type Parts, perform, requester } from './rig/controller.ts'
import { gate, scriptedServices } from './rig/scripted-services.ts'

const never = new AbortController().signal
const cause = { actor: 'controller:one', causationId: null, correlationId: null, trace: null }

async function setUp(servers = 1) {
  const url = await databaseOfTest()
  const parts = await controllerParts(url)
  await Promise.all(Array.from({ length: servers }, (_, index) => parts.register(`SN-${index}`)))
  return { url, parts }
}

const sweepOf = (parts: Parts, runtime: Runtime = parts.runtime) =>
  createSweep({ ...parts, runtime, leaseTtlMs: 30_000 })

const reallyReleasing = (parts: Parts) =>
  scriptedServices({ releaseServer: releaseServer({ runtime: parts.runtime, owner: 'one' }).perform })

const append = (parts: Parts, stream: StreamId, type: Parameters<typeof happened>[0]) =>
  parts.runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, happened(type))] })

async function stallsOf(parts: Parts, stream: StreamId) {
  const history = await parts.history(stream)
  return history.filter(({ type }) => type === 'actor.stall.observed').map(({ data }) => data)
}

/** A job whose ISO is to be built. */
async function buildingJob(parts: Parts, serial = 'SN-0') {
  const stream = jobStream(await parts.requestJob(serial))
  await append(parts, stream, 'job.admission.succeeded')
  return stream
}

const rowsOf = async ({ raw }: Parts, stream: StreamId) => ({
  effects: await raw`select id, version, key, src, input, asked_at, available_at from effects where stream = ${stream}`,
  deadlines: await raw`select name, due_at from deadlines where stream = ${stream} order by name`,
})

/** A job that has come to its end without letting its server go. */
async function jobThatKeepsItsServer(parts: Parts) {
  const performer = perform(parts, scriptedServices({ releaseServer: async () => ({}) }))
  const stream = jobStream(await parts.requestJob('SN-0'))
  await parts.eventOf(stream, 'redfish.poll.succeeded')
  await append(parts, stream, 'report.received')
  await parts.eventOf(stream, 'server.release.succeeded')
  await performer.stop()
  return stream
}

test('a busy system in which all is well gives no violation, however often it is looked at', async () => {
  const count = 16
  const { parts } = await setUp(count)
  fireDeadlines(parts)
  perform(parts, reallyReleasing(parts))
  const { run } = sweepOf(parts)
  let busy = true
  const runJob = async (serial: string) => {
    const stream = jobStream(await parts.requestJob(serial))
    await parts.eventOf(stream, 'redfish.poll.succeeded')
    await append(parts, stream, 'report.received')
    await parts.eventOf(stream, 'server.release.succeeded')
  }
  const work = Promise.all(Array.from({ length: count }, (_, index) => runJob(`SN-${index}`))).finally(() => {
    busy = false
  })
  let runs = 0
  while (busy) {
    expect(await run(never)).toMatchObject({ repaired: 0, standing: [], whole: true })
    runs += 1
  }
  await work
  expect(runs).toBeGreaterThan(1)
  const [row] = await parts.raw`select count(*)::int as stalls from events where type = 'actor.stall.observed'`
  expect(row).toEqual({ stalls: 0 })
})

describe('rows that were deleted by hand', () => {
  test('come back as they were, with an event that says so, and the job comes to its end', async () => {
    const { parts } = await setUp()
    const stream = await buildingJob(parts)
    const before = await rowsOf(parts, stream)
    await parts.raw`delete from effects where stream = ${stream}`
    await parts.raw`delete from deadlines where stream = ${stream}`
    expect(await sweepOf(parts).run(never)).toMatchObject({ repaired: 3, standing: [] })
    expect(await rowsOf(parts, stream)).toEqual(before)
    expect(await stallsOf(parts, stream)).toEqual([
      { reason: 'effect.missing', subject: before.effects[0]?.['id'], repaired: true },
      { reason: 'deadline.missing', subject: 'job', repaired: true },
      { reason: 'deadline.missing', subject: 'iso.build', repaired: true },
    ])
    expect((await parts.history(stream)).at(-1)).toMatchObject({
      actor: 'system:sweep',
      correlation_id: stream.slice(4),
      state_from: 'provisioning.buildingIso',
      state_to: 'provisioning.buildingIso',
    })
    perform(parts, reallyReleasing(parts))
    await parts.eventOf(stream, 'redfish.poll.succeeded')
    await append(parts, stream, 'report.received')
    await parts.eventOf(stream, 'server.release.succeeded')
  })

  test('are begun again as something that may have been begun before', async () => {
    const { parts } = await setUp()
    const stream = await buildingJob(parts)
    await parts.raw`delete from effects where stream = ${stream}`
    await sweepOf(parts).run(never)
    const building = gate(() => happened('iso.build.succeeded').data as never)
    perform(parts, scriptedServices({ buildIso: building.perform }))
    expect((await building.entered()).context.attempt).toBe(2)
  })

  test('are put back once when two controllers look at the same time', async () => {
    const { url, parts } = await setUp()
    const other = await controllerParts(url)
    const stream = await buildingJob(parts)
    await parts.raw`delete from effects where stream = ${stream}`
    const reports = await Promise.all([sweepOf(parts), sweepOf(other)].map(({ run }) => run(never)))
    expect(reports.reduce((sum, { repaired }) => sum + repaired, 0)).toBe(1)
    expect(await stallsOf(parts, stream)).toHaveLength(1)
  })

  test('are found again when they are deleted again', async () => {
    const { parts } = await setUp()
    const stream = await buildingJob(parts)
    const { run } = sweepOf(parts)
    for (const times of [1, 2]) {
      await parts.raw`delete from deadlines where stream = ${stream} and name = 'iso.build'`
      expect(await run(never)).toMatchObject({ repaired: 1 })
      expect(await stallsOf(parts, stream)).toHaveLength(times)
      expect(await run(never)).toMatchObject({ repaired: 0, standing: [] })
    }
  })
})

test('what nobody asked for is taken away, and is not done', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  const before = await rowsOf(parts, stream)
  await parts.raw`
    insert into effects (id, stream, version, key, src, input, asked_at, available_at)
    values ('x/cleanup.reset', ${stream}, 1, 'cleanup.reset', 'powerOnHost', '{}', now(), now())`
  expect(await sweepOf(parts).run(never)).toMatchObject({ repaired: 1, standing: [] })
  expect(await rowsOf(parts, stream)).toEqual(before)
  expect(await stallsOf(parts, stream)).toEqual([
    { reason: 'effect.surplus', subject: 'x/cleanup.reset', repaired: true },
  ])
})

test('nothing is said of an actor that goes on between the look and the word', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  await parts.raw`delete from effects where stream = ${stream}`
  const overtaken: Runtime = {
    ...parts.runtime,
    commit: async (commit: Commit) => {
      await parts.jobs.cancel(stream.slice(4), null, requester)
      return parts.runtime.commit(commit)
    },
  }
  expect(await sweepOf(parts, overtaken).run(never)).toMatchObject({ repaired: 0, standing: [] })
  expect(await stallsOf(parts, stream)).toEqual([])
})

test('nothing is said of rows that are back before the word, as after a rebuild', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  const away = await parts.raw`delete from effects where stream = ${stream} returning *`
  const rebuilt: Runtime = {
    ...parts.runtime,
    commit: async (commit: Commit) => {
      await parts.raw`insert into effects ${parts.raw(away.map((row) => ({ ...row, input: parts.raw.json(row['input']) })))}`
      return parts.runtime.commit(commit)
    },
  }
  expect(await sweepOf(parts, rebuilt).run(never)).toMatchObject({ repaired: 0, standing: [] })
  expect(await stallsOf(parts, stream)).toEqual([])
})

test('nothing is said of a row that is gone before the word, as after a rebuild', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  await parts.raw`
    insert into effects (id, stream, version, key, src, input, asked_at, available_at)
    values ('x/cleanup.reset', ${stream}, 1, 'cleanup.reset', 'powerOnHost', '{}', now(), now())`
  await parts.raw`insert into deadlines (stream, name, due_at) values (${stream}, 'stray', now() + interval '1 hour')`
  const goneOf = (gone: () => Promise<unknown>): Runtime => ({
    ...parts.runtime,
    commit: async (commit: Commit) => {
      await gone()
      return parts.runtime.commit(commit)
    },
  })
  const effectGone = goneOf(() => parts.raw`delete from effects where id = 'x/cleanup.reset'`)
  expect(await sweepOf(parts, effectGone).run(never)).toMatchObject({ repaired: 0, standing: [] })
  expect(await parts.raw`select from deadlines where name = 'stray'`).toHaveLength(1)
  const deadlineGone = goneOf(() => parts.raw`delete from deadlines where name = 'stray'`)
  expect(await sweepOf(parts, deadlineGone).run(never)).toMatchObject({ repaired: 0, standing: [] })
  expect(await stallsOf(parts, stream)).toEqual([])
})

describe('a server that is held by a job that has ended', () => {
  test('is let go as its job would have done it, and takes the next job', async () => {
    const { parts } = await setUp()
    const job = await jobThatKeepsItsServer(parts)
    const server = serverStream('SN-0')
    expect(await sweepOf(parts).run(never)).toMatchObject({ repaired: 1, standing: [] })
    const [observed, release] = (await parts.history(server)).slice(-2)
    const jobId = job.slice(4)
    expect(observed?.data).toEqual({ reason: 'reservation.orphaned', subject: jobId, repaired: true })
    expect(release).toMatchObject({
      type: 'server.released',
      actor: 'system:sweep',
      correlation_id: jobId,
      data: { job_id: jobId, outcome: 'succeeded', cleanup: 'clean', power_on: false },
    })
    await parts.requestJob('SN-0')
  })

  test('is not let go again once somebody has done it', async () => {
    const { parts } = await setUp()
    await jobThatKeepsItsServer(parts)
    const { run } = sweepOf(parts)
    await run(never)
    const length = (await parts.history(serverStream('SN-0'))).length
    expect(await run(never)).toMatchObject({ repaired: 0, standing: [] })
    expect(await parts.history(serverStream('SN-0'))).toHaveLength(length)
  })
})

test('what only a person can help with is said once, and stands in every report', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  const data = { job_id: stream.slice(4), outcome: 'failed', cleanup: 'clean', slots: null, power_on: false }
  const server = serverStream('SN-0')
  const events = [{ type: 'server.released', data }]
  await parts.runtime.commit({ reads: [server], cause, decide: () => [proposalOf(server, ...events)] })
  const { run } = sweepOf(parts)
  const violation = { reason: 'reservation.missing', subject: 'SN-0', repaired: false }
  for (const _ of ['first', 'again', 'and again']) {
    expect(await run(never)).toMatchObject({ repaired: 0, standing: [{ stream, ...violation }] })
    expect(await stallsOf(parts, stream)).toEqual([violation])
  }
  expect(parts.logged.filter(({ level }) => level === 'warn')).toEqual([
    expect.objectContaining({ stream, ...violation }),
  ])
})

test('what was left alone before the start is given its time, and is found when that has passed', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  await parts.raw`
    update effects set owner = 'gone', epoch = 1, expires_at = now() - interval '1 day' where stream = ${stream}`
  await parts.raw`update deadlines set due_at = now() - interval '1 day' where stream = ${stream} and name = 'iso.build'`
  expect(await sweepOf(parts).run(never)).toMatchObject({ standing: [] })
  // Leases of 200 ms are late after 600 ms, counted from the first run; deadlines only after a minute.
  const { run } = createSweep({ ...parts, leaseTtlMs: 200 })
  const startedAt = performance.now()
  let report = await run(never)
  while (report.standing.length === 0) report = await run(never)
  expect(performance.now() - startedAt).toBeGreaterThan(500)
  const [lease] = (await rowsOf(parts, stream)).effects
  const abandoned = { reason: 'lease.abandoned', subject: lease?.['id'], repaired: false }
  expect(report.standing).toEqual([{ stream, ...abandoned }])
  expect(await stallsOf(parts, stream)).toEqual([abandoned])
})

test('a run that finds too much ends, and the next goes on where it ended', async () => {
  const { parts } = await setUp(3)
  const jobs = await Promise.all([0, 1, 2].map((index) => buildingJob(parts, `SN-${index}`)))
  await parts.raw`delete from effects`
  const { run } = createSweep({ ...parts, leaseTtlMs: 30_000, violationsMax: 2 })
  // The page of jobs is finished; the servers, whose probes are lost, come next.
  expect(await run(never)).toMatchObject({ repaired: jobs.length, whole: false })
  expect(await run(never)).toMatchObject({ repaired: 3, whole: false })
  expect(await run(never)).toMatchObject({ repaired: 0, whole: false })
  expect(await run(never)).toMatchObject({ repaired: 0, standing: [], whole: true })
})

test('a controller sweeps when it starts, and stops when it is told to', async () => {
  const { parts } = await setUp()
  const stream = await buildingJob(parts)
  await parts.raw`delete from effects where stream = ${stream}`
  const sweep = startSweep({ ...parts, leaseTtlMs: 30_000 })
  expect(sweep.status()).toEqual({ last: null, failed: false })
  await parts.eventOf(stream, 'actor.stall.observed')
  await sweep.stop()
  expect(await stallsOf(parts, stream)).toHaveLength(1)
  expect(parts.logged.filter(({ level }) => level === 'error')).toEqual([])
})

test('a sweep that cannot be done is told, in the log and in the status', async () => {
  const { url, parts } = await setUp()
  const closed = connect({ url })
  await closed.close()
  const told = Promise.withResolvers<string>()
  const log = { ...parts.log, error: (_: unknown, message: string) => told.resolve(message) }
  const sweep = startSweep({ db: closed.db, runtime: parts.runtime, log, leaseTtlMs: 30_000 })
  expect(await told.promise).toBe('the sweep could not be done, trying again in a minute')
  expect(sweep.status()).toEqual({ last: null, failed: true })
  await sweep.stop()
})
