/** BMCs over HTTPS, as they are in the field: with certificates of their own. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerEventData } from '../../machines/server/events.ts'
import { completed, expectSoundEnd, register, type Site, startSite, submit } from './rig/site.ts'

type ServerAnswer = { readonly tls: { readonly mode: string; readonly fingerprint?: string | null } }

let site: Site
beforeAll(async () => {
  site = await startSite({ bmcs: [{}, {}, {}], tls: true })
})
afterAll(() => site.stop())

test('a job runs on a BMC whose authority is known', async () => {
  const jobId = await submit(site.client, 'S1')
  expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
  await expectSoundEnd(site.client, jobId, site.simulator.bmc('S1'))
})

test('the first certificate of a BMC that is to be pinned is recorded, and another one is refused from then on', async () => {
  const bmc = site.simulator.bmc('S2')
  await register(site.client, bmc, { mode: 'pinned', fingerprint: null })
  const probed = await site.client.request<ServerEventData<'server.probe.succeeded'>>('/api/v1/servers/S2/probe', {
    method: 'POST',
    body: {},
  })
  expect(probed.fingerprint).toMatch(/^[0-9a-f]{64}$/)
  const { tls } = await site.client.request<ServerAnswer>('/api/v1/servers/S2')
  expect(tls).toEqual({ mode: 'pinned', fingerprint: probed.fingerprint })
  const jobId = await submit(site.client, 'S2')
  expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded' })

  await register(site.client, site.simulator.bmc('S3'), tls)
  const refused = await submit(site.client, 'S3')
  expect(await completed(site.client, refused)).toMatchObject({
    outcome: 'failed',
    failed_step: 'redfish.discover',
    failure: { kind: 'tls' },
  })
})

test('a certificate that nobody vouches for is refused by default', async () => {
  await register(site.client, site.simulator.bmc('S3'), { mode: 'system' })
  const jobId = await submit(site.client, 'S3')
  expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'failed', failure: { kind: 'tls' } })
})
