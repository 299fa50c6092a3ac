// The bucket of latest states, as watchers see it.
import fc from 'fast-check'
import { DiscardPolicy, type KV } from 'nats'
import { v7 as uuidv7 } from 'uuid'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readStream } from '../../../eventstore/log/read.ts'
import { databaseNow } from '../../../eventstore/postgres/clock.ts'
import {
  type LatestState,
  latestStates,
  stateKeyOf,
  statesBucketName,
} from '../../../eventstore/publish/latest-states.ts'
import { openStatesBucket } from '../../../eventstore/publish/latest-states-bucket.ts'
import { getJob } from '../../../eventstore/read-models/jobs.ts'
import { getServer } from '../../../eventstore/read-models/servers.ts'
import { removeStream, signRemoval, tombstoneKey } from '../../../eventstore/upkeep/tombstones.ts'
import { jobStream, parseStream, type StreamId, serverStream } from '../../../machines/kinds.ts'
import { anyText } from '../../rig/texts.ts'
import { commit, jobAfter, registerServer, registration, report, successfulRun } from '../rig/world.ts'
import { caughtUp, idsInLog, openSite, type Publishing, type Site, withNats } from './rig.ts'

let site: Site
beforeEach(async () => {
  site = await openSite()
})
afterEach(() => site.close())

/** Once it is there: the publisher creates it, and a test that came first would create another one. */
const withBucket = <T>(work: (bucket: KV) => Promise<T>): Promise<T> =>
  withNats(site.natsUrl(), async (connection) => {
    const { streams } = await connection.jetstreamManager()
    const isThere = () => streams.info(`KV_${statesBucketName}`).then(Boolean, () => false)
    await expect.poll(isThere).toBe(true)
    return work(await connection.jetstream().views.kv(statesBucketName, { bindOnly: true }))
  })

/** Resolves once the states cover this event; without one, the last of the log. */
async function covered(eventId?: string): Promise<void> {
  const id = eventId ?? (await idsInLog(site.world)).at(-1)
  await withBucket(async (bucket) => {
    const watching = await bucket.watch({ key: 'publisher' })
    for await (const entry of watching) {
      if (entry.operation === 'PUT' && entry.json<{ event_id: string }>().event_id === id) return
    }
    throw new Error('the bucket is gone')
  })
}

/** Everything that is in the bucket, by its key. */
function states(): Promise<Record<string, LatestState>> {
  return withNats(site.natsUrl(), async (connection) => {
    const name = `KV_${statesBucketName}`
    const prefix = `$KV.${statesBucketName}.`
    const manager = await connection.jetstreamManager()
    const { state } = await manager.streams.info(name, { subjects_filter: `${prefix}*.>` })
    const subjects = Object.keys(state.subjects ?? {})
    const messages = await Promise.all(
      subjects.map((subject) => manager.streams.getMessage(name, { last_by_subj: subject })),
    )
    const kept = messages.filter(({ header }) => !header.has('KV-Operation'))
    return Object.fromEntries(
      kept.map((message) => [message.subject.slice(prefix.length), message.json<LatestState>()]),
    )
  })
}

/** What the bucket is to hold by the read models and the log. */
async function expected(): Promise<Record<string, unknown>> {
  const { db, owner } = site.world
  const rows = await owner.raw<{ stream: StreamId }[]>`select distinct stream from events`
  const entries = rows.map(async ({ stream }) => {
    const { kind, id } = parseStream(stream)
    const last = (await readStream(db, stream)).at(-1)
    const row = kind === 'job' ? await getJob(db, id) : await getServer(db, id)
    if (row?.status === 'removed') return []
    const view = { status: row?.status, state: row?.state }
    return [[stateKeyOf(stream), { ...view, seq: last?.version, at: last?.at, hash: last?.hash }]]
  })
  return Object.fromEntries((await Promise.all(entries)).flat())
}

async function expectEverything(): Promise<void> {
  const found = await states()
  const wanted = await expected()
  expect(Object.keys(found).toSorted()).toEqual(Object.keys(wanted).toSorted())
  expect(found).toMatchObject(wanted)
  for (const [key, state] of Object.entries(found))
    latestStates[key.startsWith('jobs.') ? 'job' : 'server'].strict().parse(state)
}

async function endedJob(): Promise<StreamId> {
  const stream = await jobAfter(site.world, successfulRun.length)
  const { id } = parseStream(stream)
  const server = serverStream((await getJob(site.world.db, id))?.server_serial ?? '')
  const data = { job_id: id, outcome: 'succeeded', cleanup: 'clean', slots: null, power_on: false }
  await commit(site.world, server, [{ type: 'server.released', data }])
  return stream
}

/** Through the privileged path, as `archive --remove` does. */
async function removed(stream: StreamId): Promise<void> {
  const head = (await readStream(site.world.db, stream)).at(-1)
  const what = { stream, lastVersion: head?.version ?? 0, headHash: head?.hash ?? '', archiveSha256: '0'.repeat(64) }
  const why = { removedAt: await databaseNow(site.world.db), removedBy: 'principal:test', reason: 'old' }
  await removeStream(site.world.owner.db, signRemoval({ ...what, ...why }, tombstoneKey(Buffer.alloc(32, 5))))
}

/** Resolves once the bucket has no state of this stream any more. */
async function forgotten(stream: StreamId): Promise<void> {
  await withBucket(async (bucket) => {
    const watching = await bucket.watch({ key: stateKeyOf(stream) })
    for await (const entry of watching) if (entry.operation !== 'PUT') return
    throw new Error('the bucket is gone')
  })
}

async function settled(publisher: Publishing): Promise<void> {
  await caughtUp(site, publisher)
  await covered()
}

describe('the bucket of latest states', () => {
  test('has the state after the last event of every job and server, of those that were there before too', async () => {
    await Promise.all([0, 4, successfulRun.length].map((steps) => jobAfter(site.world, steps)))
    const publisher = site.publish()
    const stream = await jobAfter(site.world, 0)
    for (const event of successfulRun) await commit(site.world, stream, [event])
    await settled(publisher)
    await expectEverything()
    expect((await states())[stateKeyOf(stream)]).toMatchObject({
      status: 'complete',
      outcome: 'succeeded',
      cleanup: 'clean',
      failed_step: null,
      seq: successfulRun.length + 1,
    })
    expect(publisher.status().statesProblem).toBeNull()
  })

  test('never shows a state whose event JetStream has not acknowledged', async () => {
    await site.configureStream({ max_msgs: 4, discard: DiscardPolicy.New })
    const stream = await jobAfter(site.world, 6)
    const publisher = site.publish()
    const fourth = (await idsInLog(site.world))[3]
    await covered(fourth)
    const shown = await states()
    // The server's own events are all out; the job's row is ahead of what was published.
    expect(Object.keys(shown)).toEqual([expect.stringMatching(/^servers\./)])
    await site.configureStream({ max_msgs: -1 })
    await settled(publisher)
    expect((await states())[stateKeyOf(stream)]).toMatchObject({ seq: 7 })
    await expectEverything()
  })

  test('is filled again from nothing when it was deleted or emptied', async () => {
    const publisher = site.publish()
    await jobAfter(site.world, successfulRun.length)
    const stream = await jobAfter(site.world, 2)
    await settled(publisher)
    await withNats(site.natsUrl(), async (connection) => {
      await (await connection.jetstreamManager()).streams.delete(`KV_${statesBucketName}`)
    })
    await commit(site.world, stream, successfulRun.slice(2, 4))
    await publisher.said(/latest states are written to NATS again/)
    await settled(publisher)
    await expectEverything()
    await withNats(site.natsUrl(), async (connection) => {
      await (await connection.jetstreamManager()).streams.purge(`KV_${statesBucketName}`)
    })
    // Nothing happens meanwhile: it is noticed by looking.
    await publisher.said(/latest states are written to NATS again/, 2)
    await covered()
    await expectEverything()
  })

  test('catches up with what happened while NATS was away', async () => {
    const publisher = site.publish()
    const stream = await jobAfter(site.world, 2)
    await settled(publisher)
    await site.stopNats()
    await publisher.said(/publishing to NATS waits/)
    await commit(site.world, stream, successfulRun.slice(2))
    await jobAfter(site.world, 3)
    await site.startNats()
    await settled(publisher)
    await expectEverything()
  })

  test('is kept by the publisher that takes over', async () => {
    const first = site.publish()
    const stream = await jobAfter(site.world, 2)
    await settled(first)
    await first.stop()
    const second = site.publish()
    await commit(site.world, stream, successfulRun.slice(2))
    await second.acknowledged(successfulRun.length - 2)
    await covered()
    await expectEverything()
  })

  test('loses a server that is removed, and has it again when it is registered again', async () => {
    const publisher = site.publish()
    const serial = await registerServer(site.world, 'rack 1.a/7=*')
    await settled(publisher)
    expect(Object.keys(await states())).toEqual(['servers.rack=201=2Ea=2F7=3D=2A'])
    await commit(site.world, serverStream(serial), [{ type: 'server.removed', data: {} }])
    await settled(publisher)
    expect(await states()).toEqual({})
    await commit(site.world, serverStream(serial), [{ type: 'server.registered', data: registration(serial) }])
    await settled(publisher)
    expect(await states()).toMatchObject({ 'servers.rack=201=2Ea=2F7=3D=2A': { serial, seq: 3 } })
  })

  test('loses a job whose history was archived and removed, whether its publisher was there or came later', async () => {
    const publisher = site.publish()
    const [stays, now, later] = [await endedJob(), await endedJob(), await endedJob()]
    await settled(publisher)
    expect(Object.keys(await states())).toHaveLength(6)
    await removed(now)
    await forgotten(now)
    await expectEverything()
    await publisher.stop()
    await removed(later)
    const second = site.publish()
    await forgotten(later)
    await expectEverything()
    // What comes after goes on as ever.
    await commit(site.world, stays, [{ type: 'report.duplicated', data: report }])
    await second.acknowledged(1)
    await covered()
    await expectEverything()
  })

  test('that takes nothing does not keep events from being published, and says what to do', async () => {
    await withNats(site.natsUrl(), async (connection) => {
      const { streams } = await connection.jetstreamManager()
      const limits = { max_msgs: 1, max_msgs_per_subject: 1, discard: DiscardPolicy.New }
      const name = `KV_${statesBucketName}`
      await streams.add({ name, subjects: [`$KV.${statesBucketName}.>`], allow_rollup_hdrs: true, ...limits })
    })
    const publisher = site.publish()
    await jobAfter(site.world, successfulRun.length)
    await caughtUp(site, publisher)
    await publisher.said(/latest states are not written/)
    expect(publisher.status()).toMatchObject({ state: 'active', problem: null })
    expect(publisher.status().statesProblem).toMatch(
      /^maximum messages exceeded: the bucket provisioner_states is full .*nats stream edit KV_provisioner_states/,
    )
    await withNats(site.natsUrl(), async (connection) => {
      await (await connection.jetstreamManager()).streams.update(`KV_${statesBucketName}`, { max_msgs: -1 })
    })
    await publisher.said(/latest states are written to NATS again/)
    await covered()
    await expectEverything()
  })
})

describe('of two writers', () => {
  const job = (jobId: string, seq: number): LatestState => ({
    ...{ job_id: jobId, server_serial: 's', task_target: 't', status: 'provisioning', outcome: null },
    ...{ cleanup: 'pending', state: 'provisioning', failed_step: null, progress: null },
    ...{ created_at: '2026-01-01T00:00:00.000Z', seq, at: '2026-01-01T00:00:00.000Z', hash: `${seq}` },
  })

  test('the one that read an older state does not replace the newer one, but reads again', async () => {
    const slow = await openStatesBucket({ natsUrl: site.natsUrl() }, statesBucketName)
    const quick = await openStatesBucket({ natsUrl: site.natsUrl() }, statesBucketName)
    const [id, removed] = [uuidv7(), 'SN-1']
    const [stream, gone] = [jobStream(id), serverStream(removed)]
    let seq = 1
    const now = () =>
      new Map<StreamId, LatestState | null>([[stream, job(id, seq)], ...(seq > 1 ? [[gone, null] as const] : [])])
    for (const first of [true, false]) {
      let reads = 0
      await slow.store([stream, gone], async () => {
        const read = now()
        reads += 1
        if (reads === 1) {
          seq += 1
          await quick.store([stream, gone], async () => now())
        }
        return read
      })
      expect(reads, first ? 'both saw no key' : 'the revision was known').toBeGreaterThan(1)
      expect(await states()).toMatchObject({ [stateKeyOf(stream)]: { seq } })
    }
    // Deleting what is not there leaves nothing behind.
    expect(await withBucket((bucket) => bucket.get(stateKeyOf(gone)))).toBeNull()
    await Promise.all([slow.close(), quick.close()])
  })

  test('the one that finds the bucket ahead of itself starts over', async () => {
    const one = await openStatesBucket({ natsUrl: site.natsUrl() }, statesBucketName)
    const other = await openStatesBucket({ natsUrl: site.natsUrl() }, statesBucketName)
    expect([await one.covered(), await other.covered()]).toEqual([null, null])
    await other.cover({ eventId: uuidv7(), removal: 0n })
    await expect(one.cover({ eventId: uuidv7(), removal: 0n })).rejects.toMatchObject({ name: 'BucketMoved' })
    await expect(one.confirm()).rejects.toMatchObject({ name: 'BucketMoved' })
    await other.confirm()
    await Promise.all([one.close(), other.close()])
  })
})

test('every serial has a key of its own that NATS takes, and it can be read back', () => {
  const serial = fc.oneof(fc.string({ minLength: 1, unit: 'grapheme' }), anyText({ minLength: 1 }))
  fc.assert(
    fc.property(serial, (id) => {
      const key = stateKeyOf(serverStream(id))
      expect(key).toMatch(/^servers\.[-=\w]+$/)
      expect(decodeURIComponent(key.slice('servers.'.length).replaceAll('=', '%'))).toBe(id.toWellFormed())
    }),
  )
})
