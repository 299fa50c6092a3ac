import { readFile } from 'node:fs/promises'
import { v7 as uuidv7 } from 'uuid'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createJobCommands } from '../../../actors/commands/jobs.ts'
import { createServerCommands } from '../../../actors/commands/servers.ts'
import { createVault } from '../../../eventstore/ledgers/vault.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { acceptedRecipe } from '../../actors/rig/controller.ts'
import { commit, jobAfter, registration, requested, successfulRun } from '../rig/world.ts'
import { caughtUp, idsInLog, idsInStream, openSite, receive, receiveAll, type Site } from './rig.ts'

let site: Site
beforeEach(async () => {
  site = await openSite()
})
afterEach(() => site.close())

/** One job from request to completion: on its stream and its server's. */
const eventsOfJob = successfulRun.length + 3

describe('the publisher', () => {
  test('publishes what was there before it started and what comes while many write, each event once, in log order', async () => {
    await Promise.all(Array.from({ length: 15 }, () => jobAfter(site.world, successfulRun.length)))
    const publisher = site.publish()
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const stream = await jobAfter(site.world, 0)
        for (const event of successfulRun) await commit(site.world, stream, [event])
      }),
    )
    const ids = await caughtUp(site, publisher)
    expect(ids).toHaveLength(23 * eventsOfJob)
    expect(publisher.ids).toEqual(ids)
    const received = await receiveAll(site.natsUrl())
    expect(received.map(({ event }) => event.id)).toEqual(ids)
    for (const stream of new Set(received.map(({ event }) => event.stream))) {
      const versions = received.filter(({ event }) => event.stream === stream).map(({ event }) => event.streamversion)
      expect(versions).toEqual(versions.map((_, index) => index + 1))
    }
    for (const { event, header } of received) {
      expect(header('Nats-Msg-Id')).toBe(event.id)
      expect(header('content-type')).toBe('application/cloudevents+json')
    }
    expect(publisher.status()).toMatchObject({ state: 'active', problem: null })
  })

  test('gives a subscriber that was away in the middle every event once, in order', async () => {
    const publisher = site.publish()
    const stream = await jobAfter(site.world, 4)
    await publisher.acknowledged(7)
    const first = await receive(site.natsUrl(), { durable: 'cmdb', count: 5 })
    await commit(site.world, stream, successfulRun.slice(4))
    const ids = await caughtUp(site, publisher)
    const rest = await receive(site.natsUrl(), { durable: 'cmdb', count: ids.length - 5 })
    expect([...first, ...rest].map(({ event }) => event.id)).toEqual(ids)
  })

  test('publishes what happened while NATS was away, and nothing waited for it', async () => {
    const publisher = site.publish()
    const stream = await jobAfter(site.world, 2)
    await caughtUp(site, publisher)
    await site.stopNats()
    await publisher.said(/publishing to NATS waits/)
    await commit(site.world, stream, successfulRun.slice(2))
    await publisher.said(/still waits/, 2)
    expect(publisher.status()).toMatchObject({ state: 'disconnected', lag: { events: successfulRun.length - 2 } })
    expect(publisher.status().problem).toEqual(expect.any(String))
    await site.startNats()
    const ids = await caughtUp(site, publisher)
    expect(await idsInStream(site)).toEqual(ids)
    await publisher.said(/publishing to NATS: active/, 2)
  })

  test('starts without NATS and publishes once it is there', async () => {
    await site.stopNats()
    const publisher = site.publish()
    await publisher.said(/publishing to NATS waits/)
    await jobAfter(site.world, successfulRun.length)
    await site.startNats()
    await caughtUp(site, publisher)
    expect(await idsInStream(site)).toEqual(await idsInLog(site.world))
  })
})

test('no message has anything of a recipe’s payloads or of credentials', async () => {
  const { db, runtime, notifications } = site.world
  const vault = createVault(db, new Uint8Array(32))
  const requester = { actor: 'principal:alice', requestId: 'r1', trace: null }
  const servers = createServerCommands({ db, runtime, vault, notifications, nextId: uuidv7 })
  const budgetsFor = () => requested({ jobId: '', serial: '', now: '', idempotencyKey: null }).budgets
  const jobs = createJobCommands({ db, runtime, vault, nextId: uuidv7, budgetsFor })
  const { credentials_ref: _ref, ...server } = { ...registration('SN-1'), tls: { mode: 'insecure' as const } }
  await servers.put(server, { username: 'marked-user', password: 'marked-password' }, requester)
  const recipe = JSON.parse(
    await readFile(new URL('../../../deploy/examples/recipes/linux.json', import.meta.url), 'utf8'),
  )
  const raw = Buffer.from(
    JSON.stringify({
      ...recipe,
      user_data: '#cloud-config\npassword: marked-user-data\n',
      network_config: 'version: 2 # marked-network',
      env: { TOKEN: 'marked-env' },
    }),
  )
  const asked = {
    serverSerial: 'SN-1',
    recipe: acceptedRecipe(raw),
    maintenanceIsoUrl: null,
    idempotencyKey: 'marked-idempotency',
  }
  const { jobId } = await jobs.request(asked, requester)
  await commit(site.world, jobStream(jobId), successfulRun)
  const publisher = site.publish()
  const ids = await caughtUp(site, publisher)
  const received = await receiveAll(site.natsUrl())
  expect(received.map(({ event }) => event.id)).toEqual(ids)
  expect(JSON.stringify(received)).toContain('SN-1')
  for (const text of [JSON.stringify(received), publisher.lines.join('\n')]) {
    expect(text).not.toContain('marked')
    expect(text).not.toContain(Buffer.from('marked').toString('base64').slice(0, 6))
  }
})

describe('of two publishers', () => {
  test('one is active, and the other takes over when it stops', async () => {
    const [one, other] = [site.publish(), site.publish()]
    const stream = await jobAfter(site.world, 4)
    const [active, standby] = await Promise.race([
      one.acknowledged(7).then(() => [one, other] as const),
      other.acknowledged(7).then(() => [other, one] as const),
    ])
    await standby.said(/publishing to NATS: standby/)
    expect([active.status().state, standby.status().state]).toEqual(['active', 'standby'])
    expect(standby.ids).toEqual([])
    await active.stop()
    await commit(site.world, stream, successfulRun.slice(4))
    await standby.acknowledged(successfulRun.length - 4)
    expect(standby.status().state).toBe('active')
    expect([...active.ids, ...standby.ids]).toEqual(await idsInLog(site.world))
    expect(await idsInStream(site)).toEqual(await idsInLog(site.world))
  })

  test('both go on when the database ends the session that holds the lock, and nothing is published twice', async () => {
    const both = [site.publish(), site.publish()]
    const stream = await jobAfter(site.world, 4)
    await Promise.race(both.map((publisher) => publisher.acknowledged(7)))
    const ended = await site.world.owner.raw`
      select pg_terminate_backend(pid) from pg_locks
      where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())`
    expect(ended).toHaveLength(1)
    await Promise.race(both.map((publisher) => publisher.said(/the lock .* was lost/)))
    await commit(site.world, stream, successfulRun.slice(4))
    const ids = await idsInLog(site.world)
    await Promise.race(both.map((publisher) => publisher.passed(ids.at(-1) ?? '')))
    expect(await idsInStream(site)).toEqual(ids)
  })
})
