// What becomes of publishing when something happens to the JetStream stream.
import { DiscardPolicy, headers } from 'nats'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readStream } from '../../../eventstore/log/read.ts'
import { beginning, readCheckpoint, saveCheckpoint } from '../../../eventstore/log/tail.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { commit, jobAfter, registerServer, registration, successfulRun } from '../rig/world.ts'
import { caughtUp, idsInLog, idsInStream, openSite, receiveAll, type Site, streamName, withNats } from './rig.ts'

let site: Site
beforeEach(async () => {
  site = await openSite()
})
afterEach(() => site.close())

describe('the publisher', () => {
  test('goes on after a restart where it was, even when the stream was emptied', async () => {
    const stream = await jobAfter(site.world, 2)
    const first = site.publish()
    const before = await caughtUp(site, first)
    await first.stop()
    await withNats(site.natsUrl(), async (connection) => {
      await (await connection.jetstreamManager()).streams.purge(streamName)
    })
    await commit(site.world, stream, successfulRun.slice(2))
    const second = site.publish()
    await second.acknowledged(successfulRun.length - 2)
    expect(await idsInStream(site)).toEqual((await idsInLog(site.world)).slice(before.length))
  })

  test('does not need its checkpoint while the stream says how far it got, long after JetStream forgot duplicates', async () => {
    await site.configureStream({ duplicate_window: 100_000_000 })
    const stream = await jobAfter(site.world, 2)
    const first = site.publish()
    await caughtUp(site, first)
    await first.stop()
    // As after a crash between the acknowledgement and the checkpoint.
    await saveCheckpoint(site.world.db, `nats/${streamName}`, { ...beginning, position: '1' })
    await commit(site.world, stream, successfulRun.slice(2))
    const second = site.publish()
    await second.acknowledged(successfulRun.length - 2)
    expect(await idsInStream(site)).toEqual(await idsInLog(site.world))
  })

  test('publishes again what the NATS server has lost of its end', async () => {
    const first = site.publish()
    await jobAfter(site.world, successfulRun.length)
    const ids = await caughtUp(site, first)
    await first.stop()
    const [one, two] = await receiveAll(site.natsUrl())
    if (one === undefined || two === undefined) throw new Error('nothing was published')
    // The stream as it was two messages after its creation.
    await site.deleteStream()
    await site.configureStream({})
    await withNats(site.natsUrl(), async (connection) => {
      for (const { subject, event } of [one, two]) {
        await connection.jetstream().publish(subject, JSON.stringify(event), { msgID: event.id })
      }
    })
    const second = site.publish()
    await second.acknowledged(ids.length - 2)
    expect(await idsInStream(site)).toEqual(ids)
  })

  test('creates its stream again when it was deleted, says so, and starts it after the checkpoint', async () => {
    const publisher = site.publish()
    const stream = await jobAfter(site.world, 2)
    const before = await caughtUp(site, publisher)
    await site.deleteStream()
    await commit(site.world, stream, successfulRun.slice(2))
    const ids = await caughtUp(site, publisher)
    expect(await idsInStream(site)).toEqual(ids.slice(before.length))
    await publisher.said(/the NATS stream is new: it starts after the checkpoint/)
  })

  test('is not led astray by somebody else’s message at the end of the stream', async () => {
    const publisher = site.publish()
    const stream = await jobAfter(site.world, 2)
    await caughtUp(site, publisher)
    await withNats(site.natsUrl(), async (connection) => {
      const foreign = headers()
      foreign.set('Nats-Msg-Id', 'somebody-else')
      await connection.jetstream().publish('provisioner.v1.jobs.x.y', '{"id": "foreign"}', { headers: foreign })
      await connection.jetstream().publish('provisioner.v1.jobs.x.y', '{"id": "foreign"}')
    })
    await commit(site.world, stream, successfulRun.slice(2))
    const ids = await caughtUp(site, publisher)
    expect((await idsInStream(site)).filter((id) => id !== 'foreign')).toEqual(ids)
  })

  test('saves no checkpoint that JetStream has not acknowledged', async () => {
    await site.configureStream({ max_msgs: 4, discard: DiscardPolicy.New })
    await jobAfter(site.world, 6)
    const publisher = site.publish()
    await publisher.said(/maximum messages exceeded/)
    expect(publisher.status().state).toBe('disconnected')
    const [fourth] = await site.world.owner
      .raw`select xid, position from events order by xid, position offset 3 limit 1`
    expect(await readCheckpoint(site.world.db, `nats/${streamName}`)).toEqual(fourth)
    await site.configureStream({ max_msgs: -1 })
    await caughtUp(site, publisher)
    expect(await idsInStream(site)).toEqual(await idsInLog(site.world))
  })

  test('replaces data that is too large for a message by a reference to the API, and goes on', async () => {
    await site.configureStream({ max_msg_size: 6000 })
    const serial = await registerServer(site.world, 'rack 1.a/7')
    const labels = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`label-${index}`, 'x'.repeat(200)]))
    await commit(site.world, serverStream(serial), [
      { type: 'server.changed', data: { ...registration(serial), labels } },
      { type: 'server.removed', data: {} },
    ])
    const publisher = site.publish()
    const ids = await caughtUp(site, publisher)
    const received = await receiveAll(site.natsUrl())
    expect(received.map(({ event }) => event.id)).toEqual(ids)
    expect(received.map(({ event }) => 'data' in event)).toEqual([true, false, true])
    expect(received[1]?.event.dataref).toBe('/api/v1/servers/rack%201.a%2F7/events?after_seq=1')
    expect(received[1]?.event.hash).toBe((await readStream(site.world.db, serverStream(serial)))[1]?.hash)
  })
})
