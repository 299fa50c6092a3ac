/** Who may perform an effect, and what becomes of it when its performer is cancelled, stopped, paused or gone. */
import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { createBmcWriters } from '../../../actors/bmcs/writers.ts'
import { type Appended, proposalOf, type Runtime } from '../../../actors/runtime.ts'
import type { Condition } from '../../../eventstore/log/commit.ts'
import { leaseEffects } from '../../../eventstore/pending/effects.ts'
import { effects } from '../../../eventstore/schema.ts'
import type { DomainEvent } from '../../../machines/event.ts'
import type { JobEventData } from '../../../machines/job/events.ts'
import { jobStream, serverStream } from '../../../machines/kinds.ts'
import { happened, jobId, wayTo } from '../../machines/job/samples.ts'
import * as ofServer from '../../machines/server/samples.ts'
import { controllerParts, databaseOfTest, perform, requester } from '../rig/controller.ts'
import { gate, scriptedServices } from '../rig/scripted-services.ts'

/** So long that no heartbeat and no expiry plays a part. */
const leaseTtlMs = 600_000

const standstill = new Int32Array(new SharedArrayBuffer(4))

const building = () => gate(() => happened('iso.build.succeeded').data as JobEventData<'iso.build.succeeded'>)

async function setUp() {
  const url = await databaseOfTest()
  const parts = await controllerParts(url)
  await parts.register('SN-0001')
  return { url, parts }
}

test('an outcome is accepted only from the one who has the lease', async () => {
  const { parts } = await setUp()
  const { ended } = perform(
    parts,
    scriptedServices({
      // It hears no signal, and comes back after somebody else has taken over.
      buildIso: async () => {
        await parts.db.update(effects).set({ owner: 'other', epoch: sql`epoch + 1` })
        return happened('iso.build.succeeded').data as JobEventData<'iso.build.succeeded'>
      },
    }),
    { leaseTtlMs },
  )
  const job = jobStream(await parts.requestJob('SN-0001'))
  await ended({ key: 'iso.build', result: 'withdrawn' })
  expect((await parts.history(job)).at(-1)?.type).toBe('job.admission.succeeded')
})

test('what was read of a BMC counts no more after another controller has been at it', async () => {
  const { parts } = await setUp()
  const forgotten: string[] = []
  const other = createBmcWriters({ ...parts, owner: 'other', ttlMs: leaseTtlMs })
  const { ended } = perform(
    parts,
    scriptedServices({
      // What an operator asked for is done by another controller, in the middle of a job of this one.
      pollHost: async () => {
        await other.run('SN-0001', new AbortController().signal, async () => undefined)
        return happened('redfish.poll.succeeded').data as JobEventData<'redfish.poll.succeeded'>
      },
    }),
    { leaseTtlMs, forgetRead: (serial) => void forgotten.push(serial) },
  )
  const id = await parts.requestJob('SN-0001')
  await ended({ key: 'redfish.poll', result: 'succeeded' })
  expect(forgotten).toEqual([])
  await parts.jobs.cancel(id, null, requester)
  await ended({ key: 'cleanup.power-off', result: 'succeeded' })
  await ended({ key: 'cleanup.unmount', result: 'succeeded' })
  expect(forgotten).toEqual(['SN-0001'])
})

test('a fact is recorded only by the one who has the lease', async () => {
  const { parts } = await setUp()
  const refused = Promise.withResolvers<unknown>()
  perform(
    parts,
    scriptedServices({
      resetHost: async (_input, { record }) => {
        await record(happened('redfish.reset.requested'))
        await parts.db.update(effects).set({ owner: 'other', epoch: sql`epoch + 1` })
        const second = record(happened('redfish.reset.requested'))
        second.catch(refused.resolve)
        await second
        return happened('redfish.reset.succeeded').data as JobEventData<'redfish.reset.succeeded'>
      },
    }),
    { leaseTtlMs },
  )
  const job = jobStream(await parts.requestJob('SN-0001'))
  expect(await refused.promise).toMatchObject({ name: 'ConditionGone' })
  const resets = (await parts.history(job)).filter(({ type }) => type.startsWith('redfish.reset'))
  expect(resets).toHaveLength(1)
})

test('an intent is not acted on by a process that stood still, while it was recorded, until its lease may have ended', async () => {
  const { parts } = await setUp()
  const ttlMs = 500
  parts.runtime.onAppended(([appended]) => {
    // The whole process, as when it is stopped: no timer runs, and nothing is heard.
    if (appended?.event.type === 'redfish.reset.requested') Atomics.wait(standstill, 0, 0, ttlMs)
  })
  const refused = Promise.withResolvers<unknown>()
  perform(
    parts,
    scriptedServices({
      resetHost: async (_input, { record }) => {
        const recorded = record(happened('redfish.reset.requested'))
        recorded.catch(refused.resolve)
        await recorded
        return happened('redfish.reset.succeeded').data as JobEventData<'redfish.reset.succeeded'>
      },
    }),
    { leaseTtlMs: ttlMs },
  )
  await parts.requestJob('SN-0001')
  expect(await refused.promise).toMatchObject({ name: 'ConditionGone' })
})

test('an effect whose performer is gone is taken over when the lease runs out, and sees what was recorded', async () => {
  const parts = await controllerParts(await databaseOfTest())
  const job = jobStream(jobId)
  const happen = (events: readonly DomainEvent[], causationId: string | null, condition?: Condition) =>
    parts.runtime.commit({
      reads: [job],
      decide: () => [proposalOf(job, ...events)],
      cause: { actor: 'controller:gone', causationId, correlationId: jobId, trace: null },
      ...(condition === undefined ? {} : { condition }),
    })
  await happen(wayTo('provisioning.redfish.resetting'), null)
  const [effect] = await leaseEffects(parts.db, { owner: 'gone', ttlMs: 300, limit: 1 })
  if (effect === undefined) throw new Error('no reset was asked for')
  const lease = { kind: 'lease', effectId: effect.id, owner: 'gone', epoch: effect.epoch, ends: false } as const
  await happen([happened('redfish.reset.requested')], effect.id, lease)
  // Nobody hears of that performer again.
  const seen: unknown[] = []
  const { ended } = perform(
    parts,
    scriptedServices({
      resetHost: async (_input, { attempt, recorded }) => {
        seen.push(
          attempt,
          (await recorded()).map(({ type }) => type),
        )
        return happened('redfish.reset.succeeded').data as JobEventData<'redfish.reset.succeeded'>
      },
    }),
    { owner: 'two', leaseTtlMs },
  )
  expect(await parts.eventOf(job, 'redfish.reset.succeeded')).toMatchObject({ actor: 'controller:two' })
  expect(seen).toEqual([2, ['redfish.reset.requested']])
  expect((await ended({ key: 'redfish.reset' })).stolen).toBe(true)
})

describe('cancelling a job', () => {
  test('aborts the service that is under way', async () => {
    const { parts } = await setUp()
    const build = building()
    const { ended } = perform(parts, scriptedServices({ buildIso: build.perform }), { leaseTtlMs })
    const id = await parts.requestJob('SN-0001')
    const { context } = await build.entered()
    await parts.jobs.cancel(id, null, requester)
    await ended({ key: 'iso.build', result: 'withdrawn' })
    expect(context.signal.aborted).toBe(true)
    await parts.eventOf(jobStream(id), 'server.release.succeeded')
  })

  test('through another controller does so as well', async () => {
    const { url, parts } = await setUp()
    const other = await controllerParts(url)
    const build = building()
    const { ended } = perform(parts, scriptedServices({ buildIso: build.perform }), { leaseTtlMs })
    const id = await parts.requestJob('SN-0001')
    await build.entered()
    await other.jobs.cancel(id, null, requester)
    await ended({ key: 'iso.build', result: 'withdrawn' })
  })
})

test('an effect that is asked for anew is not taken for the one that was withdrawn', async () => {
  const { parts } = await setUp()
  const probes = gate(
    () => ofServer.happened('server.probe.succeeded').data as JobEventData<'redfish.poll.succeeded'> & never,
  )
  const listeners: ((appended: readonly Appended[]) => void)[] = []
  // A listener that hears of an append only after what it asked for has begun.
  const late: Runtime = { ...parts.runtime, onAppended: (listener) => void listeners.push(listener) }
  const heard: Appended[] = []
  parts.runtime.onAppended((appended) => void heard.push(...appended))
  perform(parts, scriptedServices({ probeServer: probes.perform }), { leaseTtlMs, runtime: late })
  const before = await probes.entered(1)
  await parts.register('SN-0001')
  const after = await probes.entered(2)
  for (const listener of listeners) listener(heard)
  expect(before.context.signal.aborted).toBe(true)
  expect(after.context.signal.aborted).toBe(false)
})

test('a controller that stops gives its effects back at once', async () => {
  const { parts } = await setUp()
  const build = building()
  const first = perform(parts, scriptedServices({ buildIso: build.perform }), { leaseTtlMs })
  const job = jobStream(await parts.requestJob('SN-0001'))
  await build.entered()
  await first.stop()
  expect(first.underWay()).toBe(0)
  expect(await first.ended({ key: 'iso.build' })).toMatchObject({ result: 'returned' })
  build.open()
  perform(parts, scriptedServices({ buildIso: build.perform }), { owner: 'two', leaseTtlMs })
  expect(await parts.eventOf(job, 'iso.build.succeeded')).toMatchObject({ actor: 'controller:two' })
  expect((await build.entered(2)).context.attempt).toBe(2)
})

test('a stopped controller leases nothing any more', async () => {
  const { parts } = await setUp()
  const { stop } = perform(parts, scriptedServices(), { leaseTtlMs })
  await stop()
  await parts.requestJob('SN-0001')
  const free = await leaseEffects(parts.db, { owner: 'somebody', ttlMs: 1000, limit: 10 })
  expect(free.map(({ key }) => key)).toContain('job.admission')
})

test('a lease is renewed as long as its service works, and the service ends when it was lost', async () => {
  const { parts } = await setUp()
  const build = building()
  const { ended } = perform(parts, scriptedServices({ buildIso: build.perform }), { leaseTtlMs: 900 })
  await parts.requestJob('SN-0001')
  const { context } = await build.entered()
  const expiry = async () => {
    const [row] = await parts.db.select({ at: effects.expires_at }).from(effects)
    return Date.parse(row?.at ?? '')
  }
  const first = await expiry()
  while ((await expiry()) === first);
  expect(context.signal.aborted).toBe(false)
  await parts.db.update(effects).set({ owner: 'other', epoch: sql`epoch + 1` })
  await ended({ key: 'iso.build', result: 'withdrawn' })
  expect(context.signal.aborted).toBe(true)
})

test('a controller that was paused past its lease takes the effect over from itself', async () => {
  const { parts } = await setUp()
  const build = building()
  const { ended, underWay } = perform(parts, scriptedServices({ buildIso: build.perform }), { leaseTtlMs })
  const job = jobStream(await parts.requestJob('SN-0001'))
  const before = await build.entered(1)
  await parts.db.update(effects).set({ expires_at: sql`clock_timestamp() - interval '1 s'` })
  parts.notifications.announce()
  const after = await build.entered(2)
  expect([before.context.attempt, after.context.attempt]).toEqual([1, 2])
  await ended({ key: 'iso.build', result: 'withdrawn' })
  expect(before.context.signal.aborted).toBe(true)
  // What came before the build may be about to end, and the probe was leased anew as well if it was still there.
  await expect.poll(underWay).toBe(1)
  build.open()
  await parts.eventOf(job, 'iso.build.succeeded')
})

test('two controllers share the work, and nothing is done twice', async () => {
  const { url, parts } = await setUp()
  const other = await controllerParts(url)
  const serials = Array.from({ length: 12 }, (_, index) => `SN-1${index}`)
  const first = perform(parts, scriptedServices(), { owner: 'one', concurrencyMax: 2 })
  const second = perform(other, scriptedServices(), { owner: 'two', concurrencyMax: 2 })
  await Promise.all(serials.map((serial) => parts.register(serial)))
  await Promise.all(serials.map((serial) => parts.eventOf(serverStream(serial), 'server.probe.succeeded')))
  const probes = [...first.finished, ...second.finished].filter(({ key }) => key === 'server.probe')
  expect(probes.every(({ result, stolen }) => result === 'succeeded' && !stolen)).toBe(true)
})
