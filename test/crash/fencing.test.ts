/**
 * Two controllers, real processes. The first is stopped (SIGSTOP) in the middle of an effect for longer than its lease;
 * the second takes the effect over; then the first goes on. What it did is somebody else's now: its outcome is refused,
 * it sends nothing more to the BMC, and it goes on with other work.
 */
import { type ExpectStatic, type TestContext, test } from 'vitest'
import type { Seam } from '../../eventstore/log/seams.ts'
import { type SimulatedBmc, startSimulator } from '../../redfish/simulator/server.ts'
import { bmcConfigs, completed, expectSoundEnd, follow, register, submit } from '../e2e/rig/site.ts'
import { freshNats } from '../rig/nats.ts'
import { freshDatabase } from '../rig/postgres.ts'
import { type StoppingController, startStopping } from './stopping-controller.ts'

const [overtaken, successor] = ['overtaken', 'successor'] as const
/** One lease ends while its holder stands still, the other one does not. */
const [shortLeaseMs, longLeaseMs] = [1000, 30_000]

async function setUp({ onTestFinished }: TestContext) {
  const [database, nats] = await Promise.all([freshDatabase(), freshNats()])
  const simulator = await startSimulator({
    speed: 20,
    bmcs: bmcConfigs([{ host: { stepDurationMs: 2000 } }, { host: { stepDurationMs: 2000 } }]),
  })
  const controllers: StoppingController[] = []
  onTestFinished(async () => {
    for (const controller of controllers) await controller.end()
    await simulator.close()
    await nats.stop()
    await database.drop()
  })
  return {
    bmc: simulator.bmc('S1'),
    other: simulator.bmc('S2'),
    start: async (controllerId: string, stopAt: Seam, leaseTtlMs: number) => {
      const site = { databaseUrl: database.url, natsUrl: nats.url, publicUrl: controllers[0]?.url }
      const controller = await startStopping({ controllerId, stopAt, leaseTtlMs, ...site })
      controllers.push(controller)
      return controller
    },
  }
}

test.concurrent.for(['iso.build', 'redfish.mount.task', 'redfish.reset'])(
  'the outcome of %s is refused to who was overtaken, while its successor is still at it',
  async (key, context) => {
    const { expect } = context
    const { bmc, other, start } = await setUp(context)
    // The work is done, and nobody knows yet.
    const first = await start(overtaken, `effect.after:${key}`, shortLeaseMs)
    await register(first.client, bmc)
    const jobId = await submit(first.client, bmc.serial)
    await first.stopped
    const second = await start(successor, `effect.before:${key}`, longLeaseMs)
    await second.stopped

    first.goOn()
    await expect.poll(() => first.resultsOf(key)).not.toEqual([])
    expect(await first.resultsOf(key)).toEqual(['withdrawn'])
    second.goOn()

    expect(await completed(first.client, jobId)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
    const history = await expectSoundEnd(first.client, jobId, bmc)
    const outcomes = history.filter(({ type }) => type === `${key}.succeeded` || type === `${key}.failed`)
    // The host may report before its reset has an outcome, which then nobody waits for any more.
    const reportedFirst = key === 'redfish.reset' && outcomes.length === 0
    expect(outcomes).toMatchObject(
      reportedFirst ? [] : [{ type: `${key}.succeeded`, actor: `controller:${successor}` }],
    )
    expect(restartsOf(bmc)).toHaveLength(1)
    await expectHealthy(expect, [first, second], other)
  },
)

test.concurrent('a reset that was announced and not sent is not sent by who was overtaken', async (context) => {
  const { expect } = context
  const { bmc, other, start } = await setUp(context)
  const first = await start(overtaken, 'append.after:redfish.reset.requested', shortLeaseMs)
  await register(first.client, bmc)
  const jobId = await submit(first.client, bmc.serial)
  await first.stopped
  const second = await start(successor, 'append.after:redfish.reset.succeeded', longLeaseMs)
  await second.stopped

  first.goOn()
  await expect.poll(() => first.resultsOf('redfish.reset')).not.toEqual([])
  second.goOn()

  expect(await completed(first.client, jobId)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
  const resets = (await expectSoundEnd(first.client, jobId, bmc))
    .filter(({ type }) => type.startsWith('redfish.reset.'))
    .map(({ type, actor }) => `${type} by ${actor}`)
  expect(resets).toEqual([
    `redfish.reset.requested by controller:${overtaken}`,
    `redfish.reset.resolved by controller:${successor}`,
    `redfish.reset.requested by controller:${successor}`,
    `redfish.reset.succeeded by controller:${successor}`,
  ])
  expect(restartsOf(bmc)).toHaveLength(1)
  await expectHealthy(expect, [first, second], other)
})

const restartsOf = (bmc: SimulatedBmc) => bmc.resets.filter(({ resetType }) => /Restart|PowerCycle/.test(resetType))

/** Both are ready, do another job between them, and stop cleanly. */
async function expectHealthy(
  expect: ExpectStatic,
  controllers: readonly [StoppingController, StoppingController],
  bmc: SimulatedBmc,
): Promise<void> {
  const [{ client }] = controllers
  await register(client, bmc)
  const jobId = await submit(client, bmc.serial)
  await follow(client, jobId, ({ state_to }) => state_to === 'complete')
  expect(await client.request(`/api/v1/jobs/${jobId}`)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
  for (const controller of controllers) await controller.client.request('/readyz')
  for (const controller of controllers) await controller.stop()
}
