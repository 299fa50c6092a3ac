/** Giving the server free, once, whoever does it how often. */
import { expect, test } from 'vitest'
import { releaseServer } from '../../../actors/services/release-server.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { slots } from '../../machines/job/samples.ts'
import { controllerParts, databaseOfTest } from '../rig/controller.ts'
import { contextOf } from '../rig/service-context.ts'

const server = serverStream('SN-0001')

async function setUp() {
  const parts = await controllerParts(await databaseOfTest())
  await parts.register('SN-0001')
  const jobId = await parts.requestJob('SN-0001')
  const { perform } = releaseServer({ runtime: parts.runtime, owner: 'one' })
  const release = (id = jobId) =>
    perform({ jobId: id, serial: 'SN-0001', outcome: 'failed', cleanup: 'dirty', slots, powerOn: true }, contextOf())
  const released = async () => (await parts.history(server)).filter(({ type }) => type === 'server.released')
  return { parts, jobId, release, released }
}

test('it is released with what the job left behind, and a second time changes nothing', async () => {
  const { parts, jobId, release, released } = await setUp()
  await release()
  await release()
  expect(await released()).toMatchObject([
    {
      actor: 'controller:one',
      correlation_id: jobId,
      data: { job_id: jobId, outcome: 'failed', cleanup: 'dirty', slots, power_on: true },
    },
  ])
  expect((await released())[0]?.state_to).toContain('media.dirty.waiting')
  await expect(parts.requestJob('SN-0001')).resolves.toBeDefined()
})

test('a job that holds it no longer takes nothing from the next one', async () => {
  const { parts, jobId, release, released } = await setUp()
  await release()
  const next = await parts.requestJob('SN-0001')
  await release(jobId)
  expect(await released()).toHaveLength(1)
  await expect(parts.requestJob('SN-0001')).rejects.toMatchObject({ refusal: { kind: 'active_job', jobId: next } })
})
