/** The main job, whole: from `POST /api/v1/jobs` to `complete`, and every way in which it does not get there. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ClientError } from '../../deploy/cli/client.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { JobEventData } from '../../machines/job/events.ts'
import type { SimulatedBmc } from '../../redfish/simulator/server.ts'
import { patience } from '../rig/patience.ts'
import { completed, expectSoundEnd, follow, isComplete, linuxRecipe, type Site, startSite, submit } from './rig/site.ts'

const failures = [
  ['partition.service', 'workflow.partition'],
  ['image-linux.service', 'workflow.image-linux'],
  ['bootloader-linux.service', 'workflow.bootloader-linux'],
  ['config-drive.service', 'workflow.config-drive'],
  ['provision-dispatcher.service', 'workflow.dispatcher'],
] as const

/** S1 to S4 install; S5 repeats its report; S6 never reports; S7 on fail in one unit each. */
const bmcs = [
  {},
  {},
  {},
  {},
  { host: { duplicateReports: 2 } },
  { host: { silent: true } },
  ...failures.map(([unit]) => ({ host: { failAt: unit } })),
]

let site: Site
beforeAll(async () => {
  site = await startSite({ bmcs, settings: { WEBHOOK_SECRET: 'a shared secret of the site' } })
})
afterAll(() => site.stop())

const insertsUnderWay = (bmc: SimulatedBmc) => bmc.underWay.filter(({ path }) => /CD2.*InsertMedia/.test(path)).length
const types = (events: readonly StoredEvent[]) => events.map(({ type }) => type)
const problemOf = async (request: Promise<unknown>) => {
  const error = await request.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ClientError)) throw new Error('the request was expected to be refused', { cause: error })
  return error
}

describe('a Linux job', () => {
  test('installs: every step in order, the host restarted once, and started again from its disk', async () => {
    const bmc = site.simulator.bmc('S1')
    const jobId = await submit(site.client, 'S1')
    const job = await completed(site.client, jobId)
    expect(job).toMatchObject({ status: 'complete', outcome: 'succeeded', cleanup: 'clean', failed_step: null })
    const events = await expectSoundEnd(site.client, jobId, bmc)
    const steps = types(events).filter((type) => type.endsWith('.succeeded') || type === 'report.received')
    expect(steps).toEqual([
      'job.admission.succeeded',
      'iso.build.succeeded',
      'redfish.discover.succeeded',
      'redfish.mount.maintenance.succeeded',
      'redfish.mount.task.succeeded',
      'redfish.boot-override.succeeded',
      'redfish.reset.succeeded',
      'redfish.poll.succeeded',
      'report.received',
      'cleanup.power-off.succeeded',
      'cleanup.unmount.succeeded',
      'cleanup.boot-override.succeeded',
      'cleanup.reset.succeeded',
      'server.release.succeeded',
    ])
    await bmc.host.reached('installed', patience())
    expect(bmc.hostBoots.map(({ from }) => from)).toEqual(['cd', 'disk'])
    expect(types(events).filter((type) => type === 'redfish.reset.requested')).toHaveLength(1)
    expect(types(events)).toContain('media.read.observed')
  })

  test.each(failures.map(([unit, key], index) => ({ unit, key, serial: `S${index + 7}` })))(
    'fails at $key when the maintenance OS reports $unit, and is cleaned up',
    async ({ unit, key, serial }) => {
      const jobId = await submit(site.client, serial)
      const job = await completed(site.client, jobId)
      expect(job).toMatchObject({ status: 'complete', outcome: 'failed', cleanup: 'clean', failed_step: key })
      expect(job.failure).toMatchObject({ kind: 'report', unit })
      await expectSoundEnd(site.client, jobId, site.simulator.bmc(serial))
    },
  )

  test('takes a BMC that answers 500 twice to an insert and then works', async () => {
    const bmc = site.simulator.bmc('S2')
    bmc.faults.add({ method: 'POST', path: 'InsertMedia', status: 500, times: 2 })
    const jobId = await submit(site.client, 'S2')
    expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded', cleanup: 'clean' })
    await expectSoundEnd(site.client, jobId, bmc)
  })

  test('records a repeated report as a duplicate that changes nothing', async () => {
    const jobId = await submit(site.client, 'S5')
    await follow(site.client, jobId, ({ type }) => type === 'report.duplicated')
    expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded' })
    const events = await expectSoundEnd(site.client, jobId, site.simulator.bmc('S5'))
    expect(types(events).filter((type) => type === 'report.received')).toHaveLength(1)
  })

  test('is refused for a server that nobody registered', async () => {
    const error = await problemOf(submit(site.client, 'NOBODY'))
    expect(error.status).toBe(404)
  })

  test('is refused while another job has the server, which is named', async () => {
    const jobId = await submit(site.client, 'S3')
    const error = await problemOf(submit(site.client, 'S3'))
    expect(error.status).toBe(409)
    expect(error.message).toContain(jobId)
    expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded' })
    await expectSoundEnd(site.client, jobId, site.simulator.bmc('S3'))
  })

  test('is refused with every fault of its recipe at once, and leaves no job behind', async () => {
    const bad = { ...JSON.parse(linuxRecipe), target_disk: '/dev/sda1', wim_index: 0, surprise: true }
    const error = await problemOf(submit(site.client, 'S4', JSON.stringify(bad)))
    expect(error.status).toBe(400)
    for (const path of ['/recipe/target_disk', '/recipe/wim_index', '/recipe/surprise'])
      expect(error.message).toContain(path)
    const { jobs } = await site.client.request<{ jobs: readonly unknown[] }>('/api/v1/jobs?server=S4')
    expect(jobs).toEqual([])
  })
})

describe('a report', () => {
  const report = (serial: string, body: object, headers: Record<string, string>) =>
    fetch(`${site.controller.url}/api/v1/status-webhook/${serial}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  const secret = { 'x-webhook-secret': 'a shared secret of the site' }

  test('with a wrong secret is refused and the job goes on waiting', async () => {
    const jobId = await submit(site.client, 'S6')
    await follow(site.client, jobId, ({ state_to }) => state_to === 'provisioning.waitingForReport')
    expect(
      (await report('S6', { status: 'success' }, { 'x-webhook-secret': 'a wrong secret of the site' })).status,
    ).toBe(401)
    expect((await report('S6', { status: 'success' }, {})).status).toBe(401)
    expect((await report('S6', { status: 'success', job_id: jobId }, { authorization: 'Bearer wrong' })).status).toBe(
      401,
    )
    expect(await site.client.request(`/api/v1/jobs/${jobId}`)).toMatchObject({ outcome: null })

    expect((await report('S6', { status: 'success', delivery_id: 'one' }, secret)).status).toBe(200)
    expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'succeeded' })
    await expectSoundEnd(site.client, jobId, site.simulator.bmc('S6'))
  })

  test('that comes late never finishes the job that has the server now', async () => {
    const { jobs } = await site.client.request<{ jobs: readonly { job_id: string }[] }>('/api/v1/jobs?server=S6')
    const earlier = jobs[0]?.job_id
    const jobId = await submit(site.client, 'S6')
    await follow(site.client, jobId, ({ state_to }) => state_to === 'provisioning.waitingForReport')
    expect((await report('S6', { status: 'success', job_id: earlier, delivery_id: 'two' }, secret)).status).toBe(404)
    expect((await report('S6', { status: 'success', job_id: earlier, delivery_id: 'one' }, secret)).status).toBe(200)
    expect(await site.client.request(`/api/v1/jobs/${jobId}`)).toMatchObject({ outcome: null })
    await site.client.request(`/api/v1/jobs/${jobId}/cancel`, { method: 'POST', body: {} })
    expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'cancelled', cleanup: 'clean' })
    await expectSoundEnd(site.client, jobId, site.simulator.bmc('S6'))
  })

  test('for a server without a job is not found', async () => {
    expect((await report('S4', { status: 'success' }, secret)).status).toBe(404)
  })
})

describe('a cancelled job', () => {
  test.each([
    { state: 'queued', serial: 'S1', restarted: false },
    { state: 'provisioning.redfish.mountingTask', serial: 'S2', restarted: false },
    { state: 'provisioning.waitingForReport', serial: 'S6', restarted: true },
  ])('is cleaned up from $state, and its server is free', async ({ state, serial, restarted }) => {
    const bmc = site.simulator.bmc(serial)
    const boots = bmc.hostBoots.length
    // Holds the job where it is to be cancelled.
    if (state === 'provisioning.redfish.mountingTask')
      bmc.faults.add({ method: 'POST', path: /CD2.*InsertMedia/, delayMs: 1500, times: 1 })
    const jobId = await submit(site.client, serial)
    if (state !== 'queued') await follow(site.client, jobId, ({ state_to }) => state_to === state)
    if (state === 'provisioning.redfish.mountingTask') await expect.poll(() => insertsUnderWay(bmc)).toBe(1)
    await site.client.request(`/api/v1/jobs/${jobId}/cancel`, { method: 'POST', body: { reason: 'changed my mind' } })
    expect(await completed(site.client, jobId)).toMatchObject({
      outcome: 'cancelled',
      failed_step: null,
      cleanup: 'clean',
    })
    const events = await expectSoundEnd(site.client, jobId, bmc)
    expect(types(events)).toContain('cancel.requested')
    expect(bmc.hostBoots.length > boots).toBe(restarted)
    if (state === 'provisioning.redfish.mountingTask') {
      // The insert was under way when the job was cancelled; the BMC finished it, so the eject had to come after.
      const unmounted = events.find(({ type }) => type === 'cleanup.unmount.succeeded')
        ?.data as JobEventData<'cleanup.unmount.succeeded'>
      expect(unmounted.slots.map(({ already_empty }) => already_empty)).toEqual([false, false])
    }
    await expect(site.client.request(`/api/v1/jobs/${jobId}/cancel`, { method: 'POST', body: {} })).rejects.toThrow(
      '409',
    )
  })
})

test('events of a job are followed live from any point', async () => {
  const jobId = await submit(site.client, 'S4')
  const last = await follow(site.client, jobId, isComplete)
  const stored = await site.client.request<{ events: readonly StoredEvent[] }>(
    `/api/v1/jobs/${jobId}/events?after_seq=${last.version - 2}`,
  )
  expect(stored.events.map(({ version }) => version)).toEqual([last.version - 1, last.version])
})
