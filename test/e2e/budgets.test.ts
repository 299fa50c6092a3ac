/** Jobs that run out of time, and BMCs that are gone. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { completed, expectSoundEnd, type Site, startSite, submit } from './rig/site.ts'

let site: Site
beforeAll(async () => {
  site = await startSite({
    bmcs: [{ host: { silent: true } }, {}],
    settings: {
      BUDGET_WEBHOOK_WAIT: '1s',
      REDFISH_RETRIES: '1',
    },
  })
})
afterAll(() => site.stop())

test('a host that never reports fails its job at webhook.wait once the budget has passed', async () => {
  const jobId = await submit(site.client, 'S1')
  const job = await completed(site.client, jobId)
  expect(job).toMatchObject({
    outcome: 'failed',
    failed_step: 'webhook.wait',
    cleanup: 'clean',
    failure: { kind: 'budget' },
  })
  await expectSoundEnd(site.client, jobId, site.simulator.bmc('S1'))
})

test('a BMC that is dead fails its job at redfish.discover and holds nothing else up', async () => {
  const bmc = site.simulator.bmc('S2')
  bmc.faults.add({ drop: 'before' })
  const jobId = await submit(site.client, 'S2')
  const job = await completed(site.client, jobId)
  expect(job).toMatchObject({ outcome: 'failed', failed_step: 'redfish.discover', failure: { kind: 'unreachable' } })
  await expectSoundEnd(site.client, jobId, bmc)
})
