// Where the dispatcher looks for its task, and in which order (spec/maintenance-os.md, "Boot to hand-off", step 3).
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildImg } from '../../../../actors/media/task-img.ts'
import { openIso } from '../../../../redfish/simulator/host/iso9660.ts'
import { type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { patience } from '../../../rig/patience.ts'
import { insert, reset } from '../rig/caller.ts'
import { serial } from '../rig/rig.ts'
import { type Site, startSite } from '../rig/site.ts'
import { taskIso } from '../rig/task.ts'

let site: Site
let simulator: Simulator
const reported = new Set<string>()

beforeEach(async () => {
  reported.clear()
  site = await startSite()
  site.intercept = (path, method) => {
    if (method === 'POST') reported.add(path)
    return undefined
  }
})
afterEach(async () => {
  await simulator.close()
  await site.close()
})

/** A disc with a task that reports to a path of its own, in its root or in a folder. */
const disc = (webhook: string, folder = '') =>
  taskIso({ serial, webhookUrl: `${site.url}/${webhook}`, folder, extra: { 'boot/initrd': 'kernel' } })

/** A disk with the files of such a disc. */
async function disk(webhook: string): Promise<Buffer> {
  const image = await disc(webhook)
  const iso = await openIso(async ({ offset, length }) => image.subarray(offset, offset + length))
  const entries = (await iso.list('/')).filter(({ kind }) => kind === 'file')
  const files = await Promise.all(
    entries.map(async (entry) => ({ path: entry.path, bytes: await iso.readFile(entry) })),
  )
  return Buffer.from(buildImg({ label: 'TASK', serial: 1, timestamp: new Date('2026-01-01T00:00:00Z'), files }))
}

/** Boots a host with these media, and answers where its reports went. */
async function reportsWith(
  media: readonly {
    readonly slot: string
    readonly types: readonly string[]
    readonly path: string
    readonly image: Buffer
  }[],
): Promise<readonly string[]> {
  const slots = media.map(({ slot, types }) => ({ name: slot, mediaTypes: types }))
  const host = { bootsMountedMedia: true }
  const config = { serial, username: 'u', password: 'p', powerState: 'Off', host, slots } as const
  simulator = await startSimulator({ bmcs: [config], speed: 100 })
  const bmc = simulator.bmc(serial)
  for (const { slot, path, image } of media) {
    site.images.set(path, image)
    expect((await insert(bmc, slot, `${site.url}${path}`)).status).toBe(204)
    await expect.poll(() => bmc.state.slots[slot]?.inserted).toBe(true)
  }
  await reset(bmc, 'On')
  await bmc.host.reached('reported', patience())
  return [...reported]
}

const cd = ['CD', 'DVD']
const stick = ['USBStick']

test('any disc comes before a disk, and a disk before the folder on the boot medium', async () => {
  const boot = { slot: 'CD1', types: cd, path: '/boot.iso', image: await disc('boot', 'task/') }
  const usb = { slot: 'USB1', types: stick, path: '/task.img', image: await disk('usb') }
  const second = { slot: 'CD2', types: cd, path: '/task.iso', image: await disc('disc') }
  expect(await reportsWith([boot, usb, second])).toEqual(['/disc'])
})

test('a disk comes before the folder on the boot medium', async () => {
  const boot = { slot: 'CD1', types: cd, path: '/boot.iso', image: await disc('boot', 'task/') }
  const usb = { slot: 'USB1', types: stick, path: '/task.img', image: await disk('usb') }
  expect(await reportsWith([boot, usb])).toEqual(['/usb'])
})

test('the folder counts on the boot medium only', async () => {
  const boot = { slot: 'CD1', types: cd, path: '/boot.iso', image: await disc('boot', 'task/') }
  const other = { slot: 'CD2', types: cd, path: '/other.iso', image: await disc('other', 'task/') }
  expect(await reportsWith([boot, other])).toEqual(['/boot'])
})

test('a slot for discs and sticks shows an image as a stick', async () => {
  const boot = { slot: 'CD1', types: cd, path: '/boot.iso', image: await disc('boot', 'task/') }
  const both = { slot: '2', types: [...cd, ...stick], path: '/task.img', image: await disk('usb') }
  expect(await reportsWith([boot, both])).toEqual(['/usb'])
})
