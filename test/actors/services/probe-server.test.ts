/** A probe that a job asks for, of a server that is not as it was described. */
import { expect, test } from 'vitest'
import { probeAgain } from '../../../actors/services/probe-server.ts'
import { serverStream } from '../../../machines/kinds.ts'
import * as ofServer from '../../machines/server/samples.ts'
import { controllerParts, databaseOfTest, requester } from '../rig/controller.ts'

const serial = 'SN-0001'
const stream = serverStream(serial)
const asking = { jobId: 'job-7', serial }

async function setUp() {
  const parts = await controllerParts(await databaseOfTest())
  await parts.register(serial)
  const cause = { actor: 'controller:one', causationId: null, correlationId: null, trace: null }
  const probed = () =>
    parts.runtime.commit({
      reads: [stream],
      cause,
      decide: () => [{ stream, events: [ofServer.happened('server.probe.succeeded')] }],
    })
  const types = async () => (await parts.history(stream)).map(({ type }) => type)
  return { parts, probed, types, ask: probeAgain({ runtime: parts.runtime, owner: 'one' }) }
}

test('it is asked for once, by the job, however often that is said', async () => {
  const { parts, probed, ask } = await setUp()
  await probed()
  await ask(asking)
  await ask(asking)
  const asked = (await parts.history(stream)).filter(({ type }) => type === 'server.probe.requested')
  expect(asked).toMatchObject([{ actor: 'controller:one', correlation_id: 'job-7', causation_id: 'job-job-7' }])
  expect(asked[0]?.state_to).toContain('probe.probing')
})

test('one that is under way is not asked for, nor one of a server that is gone', async () => {
  const { parts, ask, types, probed } = await setUp()
  await ask(asking)
  expect(await types()).toEqual(['server.registered'])
  await probed()
  await parts.servers.remove(serial, requester)
  await ask(asking)
  await ask({ ...asking, serial: 'SN-0002' })
  expect(await types()).not.toContain('server.probe.requested')
})
