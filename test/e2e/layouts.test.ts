/**
 * A whole Linux job in each of the three media layouts: the host finds the task where the layout puts it, or it would not
 * report. The single ISO is also rebuilt in the middle, by another process.
 */
import { createHash } from 'node:crypto'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../deploy/cli/client.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import type { JobEventData, jobEvents } from '../../machines/job/events.ts'
import { slotLayouts } from '../../redfish/simulator/profiles/slot-layouts.ts'
import { startSimulator } from '../../redfish/simulator/server.ts'
import { baseKinds, makeBase } from '../actors/media/rig/base-iso.ts'
import { freshNats } from '../rig/nats.ts'
import { patience } from '../rig/patience.ts'
import { freshDatabase } from '../rig/postgres.ts'
import { freePort, startProcess } from './rig/processes.ts'
import { bmcConfigs, completed, expectSoundEnd, follow, register, type Site, startSite, submit } from './rig/site.ts'
import { storageFolder } from './rig/storage.ts'

/** S1 to S3. */
const bmcs = Object.values(slotLayouts).map((slots) => ({ slots }))

let made: string
let base: string
let site: Site

beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'provisioner-layouts-'))
  // One that boots: task files are merged into no other.
  base = await makeBase(made, baseKinds['UEFI from CD and disk, the EFI image in a GPT of its own'])
  site = await startSite({ bmcs })
  await copyFile(base, join(site.folder, 'images', 'maintenance.iso'))
})

afterAll(async () => {
  await site.stop()
  await rm(made, { recursive: true, force: true })
})

function dataOf<Type extends keyof typeof jobEvents>(events: readonly StoredEvent[], type: Type) {
  const event = events.find((one) => one.type === type)
  if (event === undefined) throw new Error(`there is no ${type}`)
  return event.data as JobEventData<Type>
}

const mountsOf = (events: readonly StoredEvent[]) =>
  events
    .filter(({ type }) => /^redfish\.mount\.\w+\.succeeded$/.test(type))
    .map(({ data }) => data as JobEventData<'redfish.mount.task.succeeded'>)
    .map(({ slot, image }) => `${slot.split('/').at(-1)} ${image.split('/').at(-1)}`)

test.each([
  { serial: 'S1', kind: 'two-cds', mounts: ['CD1 maintenance.iso', 'CD2 task.iso'], reads: ['maintenance', 'task'] },
  {
    serial: 'S2',
    kind: 'cd-and-usb',
    mounts: ['CD1 maintenance.iso', 'USB1 task.img'],
    reads: ['maintenance', 'task'],
  },
  { serial: 'S3', kind: 'single-cd', mounts: ['CD1 merged.iso'], reads: ['task'] },
])('with $kind a Linux job installs, and what was read is in its history', async ({ serial, kind, mounts, reads }) => {
  const bmc = site.simulator.bmc(serial)
  const jobId = await submit(site.client, serial)
  expect(await completed(site.client, jobId)).toMatchObject({ failure: null, outcome: 'succeeded', cleanup: 'clean' })
  const events = await expectSoundEnd(site.client, jobId, bmc)
  expect(dataOf(events, 'redfish.discover.succeeded').layout.kind).toBe(kind)
  expect(mountsOf(events)).toEqual(mounts)
  const read = events
    .filter(({ type }) => type === 'media.read.observed')
    .map(({ data }) => (data as JobEventData<'media.read.observed'>).medium)
  expect([...new Set(read)].toSorted()).toEqual(reads)
  await bmc.host.reached('installed', patience())
  expect(bmc.hostBoots.map(({ from }) => from)).toEqual(['cd', 'disk'])
})

test('what a job would do on a server with a single slot is told before', async () => {
  await site.client.request('/api/v1/servers/S3/probe', { method: 'POST', body: {} })
  const plan = () =>
    site.client.request<{ layout: { kind: string } | null; effects: readonly { step: string }[] }>(
      '/api/v1/jobs?dry_run=true',
      { method: 'POST', body: { server_serial: 'S3', recipe: JSON.parse(linux) } },
    )
  const linux = await readFile(new URL('../../deploy/examples/recipes/linux.json', import.meta.url), 'utf8')
  await expect.poll(async () => (await plan()).layout?.kind).toBe('single-cd')
  const steps = (await plan()).effects.map(({ step }) => step)
  expect(steps).toContain('media.build')
  expect(steps).not.toContain('redfish.mount.maintenance')
})

test('a merged ISO that is lost with its controller is built again by the next one, with the digest of the history', async () => {
  const [database, nats, port, folder] = await Promise.all([freshDatabase(), freshNats(), freePort(), storageFolder()])
  await copyFile(base, join(folder, 'images', 'maintenance.iso'))
  const simulator = await startSimulator({ speed: 20, bmcs: bmcConfigs([{ slots: slotLayouts['single-cd'] }]) })
  const bmc = simulator.bmc('S1')
  const environment = {
    STORAGE_ROOT: folder,
    HTTP_ADDR: `127.0.0.1:${port}`,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    DATABASE_URL: database.url,
    NATS_URL: nats.url,
    REDFISH_MODE: 'http',
    JOB_LEASE_TTL: '2s',
  }
  let controller = await startProcess(environment)
  try {
    const client = createClient({ url: `http://127.0.0.1:${port}` })
    await register(client, bmc)
    // Held at the mount, so that the kill comes between the recorded digest and the host's reads.
    bmc.faults.add({ method: 'POST', path: 'InsertMedia', delayMs: 1500, times: 1 })
    const jobId = await submit(client, 'S1')
    await follow(client, jobId, ({ type }) => type === 'media.build.succeeded')
    await controller.kill()
    const overlay = join(folder, 'tasks', `${jobId}.overlay`)
    await rm(overlay)
    controller = await startProcess(environment)

    expect(await completed(client, jobId)).toMatchObject({ failure: null, outcome: 'succeeded', cleanup: 'clean' })
    const events = await expectSoundEnd(client, jobId, bmc)
    const built = dataOf(events, 'media.build.succeeded')
    expect(events.filter(({ type }) => type === 'media.build.succeeded')).toHaveLength(1)
    expect(
      createHash('sha256')
        .update(await readFile(overlay))
        .digest('hex'),
    ).toBe(built.sha256)
    expect(built.base_sha256).toBe(
      createHash('sha256')
        .update(await readFile(base))
        .digest('hex'),
    )
    expect(bmc.hostBoots.filter(({ from }) => from === 'cd')).toHaveLength(1)
  } finally {
    await controller.stop()
    await simulator.close()
    await nats.stop()
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
})
