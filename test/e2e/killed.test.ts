/**
 * A controller killed with SIGKILL in the middle of a job and started again: the job goes on at the very step, no host is
 * restarted twice, nothing starts over. And a subscriber that was away meanwhile misses nothing.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { connect, consumerOpts } from 'nats'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, createClient } from '../../deploy/cli/client.ts'
import { type Simulator, startSimulator } from '../../redfish/simulator/server.ts'
import { freshNats } from '../rig/nats.ts'
import { patienceMs } from '../rig/patience.ts'
import { freshDatabase } from '../rig/postgres.ts'
import { type ControllerProcess, freePort, startProcess } from './rig/processes.ts'
import { bmcConfigs, completed, expectSoundEnd, follow, register, submit } from './rig/site.ts'
import { storageFolder } from './rig/storage.ts'

/** Where the controller is killed: right after this event is in the log, while what it asks for is being done. */
const kills = [
  'job.admission.succeeded',
  'redfish.discover.succeeded',
  'redfish.mount.maintenance.succeeded',
  'redfish.boot-override.succeeded',
  'redfish.reset.requested',
  'redfish.poll.succeeded',
  'report.received',
  'cleanup.unmount.succeeded',
] as const

let simulator: Simulator
let database: Awaited<ReturnType<typeof freshDatabase>>
let nats: Awaited<ReturnType<typeof freshNats>>
let folder: string
let environment: NodeJS.ProcessEnv
let client: Client
let controller: ControllerProcess

beforeAll(async () => {
  const port = await freePort()
  folder = await storageFolder()
  ;[database, nats] = await Promise.all([freshDatabase(), freshNats()])
  // Slow enough for a step to be under way when the kill comes.
  simulator = await startSimulator({
    speed: 20,
    bmcs: bmcConfigs(kills.map(() => ({ host: { stepDurationMs: 2000 } }))),
  })
  environment = {
    STORAGE_ROOT: folder,
    HTTP_ADDR: `127.0.0.1:${port}`,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    REDFISH_MODE: 'http',
    JOB_LEASE_TTL: '2s',
  }
  client = createClient({ url: `http://127.0.0.1:${port}` })
  controller = await startProcess(environment)
  for (const bmc of simulator.bmcs) await register(client, bmc)
})

afterAll(async () => {
  await controller.stop()
  await simulator.close()
  await nats.stop()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

test.each(kills.map((type, index) => ({ type, serial: `S${index + 1}` })))(
  'killed after $type, a job goes on where it was',
  async ({ type, serial }) => {
    const bmc = simulator.bmc(serial)
    const subscriber = await subscribeDurably(nats.url)
    const jobId = await submit(client, serial)
    await follow(client, jobId, (event) => event.type === type)
    await Promise.all([controller.kill(), subscriber.disconnect()])
    controller = await startProcess(environment)

    expect(await completed(client, jobId)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
    const events = await expectSoundEnd(client, jobId, bmc)
    expect(events.filter((event) => event.type === 'job.requested')).toHaveLength(1)
    expect(events.filter((event) => event.type === 'iso.build.succeeded')).toHaveLength(1)
    expect(bmc.hostBoots.filter(({ from }) => from === 'cd')).toHaveLength(1)

    expect(await subscriber.reconnect(jobId, events.length)).toEqual(events.map(({ id }) => id))
  },
)

/** A durable consumer, as an ordinary subscriber has one: it goes on where it was when it comes back. */
async function subscribeDurably(url: string) {
  const durable = `test_${randomUUID().replaceAll('-', '')}`
  const received: { readonly subject: string; readonly id: string }[] = []
  let wake = () => {}
  const open = async () => {
    const connection = await connect({ servers: url })
    const wanted = consumerOpts()
      .durable(durable)
      .deliverAll()
      .manualAck()
      .ackExplicit()
      .deliverTo(`deliver.${durable}`)
    const subscription = await connection.jetstream().subscribe('provisioner.v1.jobs.>', wanted)
    const receiving = (async () => {
      for await (const message of subscription) {
        received.push({ subject: message.subject, id: message.json<{ id: string }>().id })
        message.ack()
        wake()
      }
    })()
    return { connection, receiving }
  }
  let current = await open()
  return {
    disconnect: async () => {
      await current.connection.drain()
      await current.receiving
    },
    /** Comes back and answers the ids of a job's events in the order of their arrival, once there are enough. */
    reconnect: async (jobId: string, expected: number) => {
      current = await open()
      const own = () => received.filter(({ subject }) => subject.includes(`.${jobId}.`)).map(({ id }) => id)
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = () => own().length >= expected && resolve()
      wake()
      const limit = setTimeout(resolve, patienceMs)
      await promise
      clearTimeout(limit)
      await current.connection.close()
      return own()
    },
  }
}
