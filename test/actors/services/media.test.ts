/** Building, mounting and taking out media: each may be performed twice. */
import { mkdtemp, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { mediaSigning } from '../../../actors/media/access/signing.ts'
import { imageStore, taskStore } from '../../../actors/media/files/store.ts'
import { createTaskMedia } from '../../../actors/media/task-media.ts'
import { buildIso, buildMedium } from '../../../actors/services/build-iso.ts'
import { mountMaintenance, mountTask } from '../../../actors/services/mount.ts'
import { cleanUpServer, unmountMedia } from '../../../actors/services/unmount-media.ts'
import type { Vault } from '../../../eventstore/ledgers/vault.ts'
import { checkEvent } from '../../../machines/kinds.ts'
import type { Problem } from '../../../redfish/failure.ts'
import { BmcError } from '../../../redfish/failure.ts'
import { jobId } from '../../machines/job/samples.ts'
import { rawRecipe } from '../rig/controller.ts'
import {
  bySerial,
  contextOf,
  maintenanceSlot,
  manualTiming,
  scriptedBmc,
  serial,
  taskSlot,
} from '../rig/service-context.ts'

const publicUrl = 'http://192.0.2.1:8080'
const signing = mediaSigning({ current: 'a secret of the tests, of more than 32 characters' })
const slots = { maintenance: maintenanceSlot, task: taskSlot }
const recipe = { recipeRef: 'recipe/1', createdAt: '2026-03-01T09:59:00.000Z' }

function vaultWith(bytes: Uint8Array): Pick<Vault, 'get'> & Vault {
  return { put: async () => {}, get: async () => bytes, remove: async () => {} }
}

const source = { ...recipe, maintenanceIsoUrl: null }

const mediaIn = (directory: string, raw: Uint8Array = rawRecipe) =>
  createTaskMedia({
    store: taskStore(directory),
    images: imageStore(directory),
    vault: vaultWith(raw),
    publicUrl,
    reportTokenKey: Buffer.alloc(32, 1),
    paddingSectors: 0,
    maintenanceIsoUrl: null,
    sourceOf: async () => source,
  })

async function folder(): Promise<string> {
  return mkdtemp(join(inject('runDir'), 'media-'))
}

async function site() {
  const directory = await folder()
  const store = taskStore(directory)
  const media = mediaIn(directory)
  const { bmcs, calls, noop } = scriptedBmc()
  const inserted: string[] = []
  const recording = scriptedBmc({
    insertMedia: (media, options) => {
      inserted.push(media.image)
      return noop.insertMedia(media, options)
    },
  })
  const { perform } = buildIso({ media, timing: manualTiming() })
  const built = await perform({ ...bySerial, ...recipe }, contextOf())
  return { directory, store, bmcs, calls, inserted, recording: recording.bmcs, built, media }
}

describe('a BMC that cannot reach an image', () => {
  const refused = (problem: Problem) =>
    new BmcError(
      { kind: 'refused', retry: false, status: 400, related: [], problem },
      { request: { operation: 'insertMedia', method: 'POST', target: maintenanceSlot }, attempts: 1 },
    )

  /** Refuses the first inserts. */
  function bmcThatRefuses(times: number, problem: Problem = 'image-unreachable') {
    const { noop } = scriptedBmc()
    let inserts = 0
    const { bmcs } = scriptedBmc({
      insertMedia: async (media, options) => {
        inserts += 1
        if (inserts <= times) throw refused(problem)
        return noop.insertMedia(media, options)
      },
    })
    const timing = manualTiming()
    const url = 'http://192.0.2.8/maintenance.iso'
    const images = imageStore('/nowhere')
    const service = mountMaintenance({ bmcs, signing, publicUrl, timing, images, maintenanceIsoUrl: null })
    const mount = () => service.perform({ ...bySerial, slot: maintenanceSlot, url }, contextOf())
    return { mount, timing, inserts: () => inserts }
  }

  test('is asked again: nobody serves it while controllers are replaced', async () => {
    const { mount, timing, inserts } = bmcThatRefuses(3)
    expect(await mount()).toMatchObject({ inserted: true })
    expect({ inserts: inserts(), delays: timing.delays }).toEqual({ inserts: 4, delays: [5000, 5000, 5000] })
  })

  test('is not asked for ever', async () => {
    const { mount, inserts } = bmcThatRefuses(100)
    await expect(mount()).rejects.toMatchObject({ failure: { problem: 'image-unreachable' } })
    expect(inserts()).toBe(6)
  })

  test('is told from one that refuses for another reason', async () => {
    const { mount, inserts } = bmcThatRefuses(1, 'slot-in-use')
    await expect(mount()).rejects.toMatchObject({ failure: { problem: 'slot-in-use' } })
    expect(inserts()).toBe(1)
  })
})

test('a mount that another slot was emptied for says so', async () => {
  const { noop } = scriptedBmc()
  const { bmcs } = scriptedBmc({
    insertMedia: async (media, options) => ({ ...(await noop.insertMedia(media, options)), alsoEjected: [taskSlot] }),
  })
  const images = imageStore('/nowhere')
  const service = mountMaintenance({
    ...{ bmcs, signing, publicUrl, timing: manualTiming(), images },
    maintenanceIsoUrl: 'http://192.0.2.8/maintenance.iso',
  })
  const data = await service.perform({ ...bySerial, slot: maintenanceSlot, url: null }, contextOf())
  expect(data.also_ejected).toEqual([taskSlot])
  expect(checkEvent('job', { type: 'redfish.mount.maintenance.succeeded', data })).toEqual({ version: 2 })
})

describe('the task ISO', () => {
  test('built twice is the same, byte for byte', async () => {
    const { store, built, media } = await site()
    const again = await buildIso({ media, timing: manualTiming() }).perform(
      { ...bySerial, ...recipe },
      contextOf({ attempt: 2 }),
    )
    expect(again).toEqual(built)
    expect((await store.open(jobId))?.sha256).toBe(built.sha256)
    expect(() => checkEvent('job', { type: 'iso.build.succeeded', data: built })).not.toThrow()
  })

  test('of a recipe that this version refuses fails, and tells nothing of it', async () => {
    const media = mediaIn(await folder(), Buffer.from('{"task_target": "hunter2"}'))
    await expect(media.build({ ...bySerial, ...source, form: 'iso' })).rejects.toMatchObject({
      name: 'StepFailure',
      data: { kind: 'recipe', message: expect.not.stringContaining('hunter2') },
    })
  })
})

describe('mounting the task ISO', () => {
  const mountOf = ({ recording, media }: Pick<Awaited<ReturnType<typeof site>>, 'recording' | 'media'>) =>
    mountTask({ bmcs: recording, signing, publicUrl, timing: manualTiming(), media })

  test('twice mounts a URL that is new with every attempt, and records none of their tokens', async () => {
    const its = await site()
    const input = { ...bySerial, slot: taskSlot, sha256: its.built.sha256 }
    const first = await mountOf(its).perform(input, contextOf({ attempt: 1 }))
    const second = await mountOf(its).perform(input, contextOf({ attempt: 2 }))
    expect(new Set(its.inserted).size).toBe(2)
    for (const [index, image] of its.inserted.entries()) {
      const token = /tasks\/[^/]+\/(.*)\/task\.iso/.exec(image)?.[1] ?? ''
      expect(signing.verifyTask({ jobId, sha256: its.built.sha256, token })).toBe(index + 1)
      expect(JSON.stringify([first, second])).not.toContain(token)
    }
    expect(() => checkEvent('job', { type: 'redfish.mount.task.succeeded', data: second })).not.toThrow()
  })

  test('whose file was lost rebuilds it first', async () => {
    const its = await site()
    await its.store.remove(jobId)
    await mountOf(its).perform({ ...bySerial, slot: taskSlot, sha256: its.built.sha256 }, contextOf({ attempt: 2 }))
    expect((await its.store.open(jobId))?.sha256).toBe(its.built.sha256)
    expect(its.inserted).toHaveLength(1)
  })

  test('whose file was altered rebuilds it as well', async () => {
    const its = await site()
    const altered = join(its.directory, 'altered')
    await writeFile(altered, 'something else')
    await rename(altered, join(its.directory, `${jobId}.iso`))
    await mountOf(its).perform({ ...bySerial, slot: taskSlot, sha256: its.built.sha256 }, contextOf())
    expect((await its.store.open(jobId))?.sha256).toBe(its.built.sha256)
  })

  test('that comes out of the rebuild with another digest fails, and mounts nothing', async () => {
    const its = await site()
    await its.store.remove(jobId)
    const other = mediaIn(its.directory, Buffer.concat([rawRecipe, Buffer.from(' ')]))
    const mounted = mountOf({ ...its, media: other }).perform(
      { ...bySerial, slot: taskSlot, sha256: its.built.sha256 },
      contextOf({ attempt: 2 }),
    )
    await expect(mounted).rejects.toMatchObject({ name: 'StepFailure', data: { kind: 'iso-digest' } })
    expect(its.inserted).toEqual([])
  })
})

describe('a task medium in another form', () => {
  const asked = (form: 'img' | 'merged', url: string | null = null) => ({
    ...bySerial,
    ...source,
    maintenanceIsoUrl: url,
    form,
  })
  const makeIn = async (directory: string, input: ReturnType<typeof asked>) =>
    buildMedium({ media: mediaIn(directory), timing: manualTiming() }).perform(input, contextOf())

  test('is built twice with the same digest, and mounted under a name that the slot takes', async () => {
    const its = await site()
    const built = await makeIn(its.directory, asked('img'))
    expect(await makeIn(its.directory, asked('img'))).toEqual(built)
    expect(() => checkEvent('job', { type: 'media.build.succeeded', data: built })).not.toThrow()
    const mount = mountTask({ bmcs: its.recording, signing, publicUrl, timing: manualTiming(), media: its.media })
    await its.store.remove(jobId)
    await mount.perform({ ...bySerial, slot: taskSlot, sha256: built.sha256, form: 'img' }, contextOf())
    expect(its.inserted[0]).toMatch(/\/task\.img$/)
    expect((await its.store.open(jobId, 'img'))?.sha256).toBe(built.sha256)
  })

  test('is not merged into what is elsewhere, is missing or is no bootable ISO: it fails and says so', async () => {
    const directory = await folder()
    const fails = (url: string | null, message: RegExp) =>
      expect(makeIn(directory, asked('merged', url))).rejects.toMatchObject({
        name: 'StepFailure',
        data: { kind: 'maintenance-iso', message: expect.stringMatching(message) },
      })
    await fails('http://192.0.2.9/other.iso', /has to be in the image directory; it is elsewhere/)
    await fails(null, /there is no maintenance\.iso in the image directory/)
    await fails(`${publicUrl}/media/images/own.iso`, /there is no own\.iso in the image directory/)
    await writeFile(join(directory, 'maintenance.iso'), 'not an ISO')
    await fails(null, /maintenance\.iso cannot take up task files: it has no ISO 9660 volume descriptor/)
  })
})

describe('mounting the maintenance ISO', () => {
  async function mountWith(configured: string | null, { stored = false } = {}) {
    const directory = await folder()
    if (stored) await writeFile(join(directory, 'maintenance.iso'), 'an image')
    const its = await site()
    const options = { bmcs: its.recording, signing, publicUrl, images: imageStore(directory) }
    const service = mountMaintenance({ ...options, timing: manualTiming(), maintenanceIsoUrl: configured })
    return {
      ...its,
      mount: (url: string | null, attempt = 1) =>
        service.perform({ ...bySerial, slot: maintenanceSlot, url }, contextOf({ attempt })),
    }
  }

  test("takes the request's URL before the configured one, and that before the image directory", async () => {
    const { mount, inserted } = await mountWith('http://192.0.2.8/configured.iso', { stored: true })
    await mount('http://192.0.2.9/requested.iso')
    await mount(null)
    expect(inserted).toEqual(['http://192.0.2.9/requested.iso', 'http://192.0.2.8/configured.iso'])
  })

  test('of the image directory mounts a signed URL, new with every attempt', async () => {
    const { mount, inserted } = await mountWith(null, { stored: true })
    await mount(null, 1)
    await mount(null, 2)
    expect(inserted.every((image) => image.startsWith(`${publicUrl}/media/images/`))).toBe(true)
    expect(new Set(inserted).size).toBe(2)
  })

  test('that is nowhere fails and says what to do', async () => {
    const { mount } = await mountWith(null)
    await expect(mount(null)).rejects.toMatchObject({
      name: 'StepFailure',
      data: { kind: 'no-maintenance-iso', message: expect.stringContaining('MAINTENANCE_ISO_URL') },
    })
  })
})

describe('taking media out', () => {
  test('twice finds the slots empty the second time', async () => {
    const { bmcs, noop } = scriptedBmc()
    const { signal } = contextOf()
    for (const slot of [maintenanceSlot, taskSlot])
      await noop.insertMedia({ slot, image: 'http://192.0.2.1/x' }, { signal })
    const { perform } = unmountMedia({ bmcs })
    const first = await perform({ ...bySerial, ...slots }, contextOf())
    const second = await perform({ ...bySerial, ...slots }, contextOf({ attempt: 2 }))
    expect(first.slots.map(({ already_empty }) => already_empty)).toEqual([false, false])
    expect(second.slots.map(({ already_empty }) => already_empty)).toEqual([true, true])
    expect(() => checkEvent('job', { type: 'cleanup.unmount.succeeded', data: first })).not.toThrow()
  })

  test('that were in one slot ejects it once', async () => {
    const { bmcs, calls } = scriptedBmc()
    const one = { maintenance: maintenanceSlot, task: maintenanceSlot }
    await unmountMedia({ bmcs }).perform({ ...bySerial, ...one }, contextOf())
    expect(calls.filter((call) => call === 'ejectMedia')).toHaveLength(1)
  })

  test('goes on to the second slot when the first cannot be emptied, and then fails', async () => {
    const { noop } = scriptedBmc()
    const tried: string[] = []
    const { bmcs } = scriptedBmc({
      ejectMedia: async (media, options) => {
        tried.push(media.slot)
        if (media.slot === taskSlot) throw new Error('the slot is stuck')
        return noop.ejectMedia(media, options)
      },
    })
    await expect(unmountMedia({ bmcs }).perform({ ...bySerial, ...slots }, contextOf())).rejects.toThrow('stuck')
    expect(tried).toEqual([taskSlot, maintenanceSlot])
  })

  test('stops at its signal', async () => {
    const cancelled = new AbortController()
    const tried: string[] = []
    const { bmcs } = scriptedBmc({
      ejectMedia: async ({ slot }) => {
        tried.push(slot)
        cancelled.abort(new Error('withdrawn'))
        throw new Error('aborted')
      },
    })
    const unmounted = unmountMedia({ bmcs }).perform({ ...bySerial, ...slots }, contextOf({ signal: cancelled.signal }))
    await expect(unmounted).rejects.toThrow('withdrawn')
    expect(tried).toEqual([taskSlot])
  })

  test('by the server itself also clears the override and starts a host that is owed it, twice without harm', async () => {
    const { bmcs, noop } = scriptedBmc()
    const { signal } = contextOf()
    await noop.setBootOnceFromCd({ signal })
    await noop.powerOff({ signal })
    const { perform } = cleanUpServer({ bmcs })
    await perform({ serial, ...slots, powerOn: false }, contextOf())
    expect(await noop.power({ signal })).toMatchObject({ powerState: 'Off' })
    await perform({ serial, ...slots, powerOn: true }, contextOf())
    await perform({ serial, ...slots, powerOn: true }, contextOf({ attempt: 2 }))
    expect(await noop.bootOverride({ signal })).toMatchObject({ enabled: 'Disabled' })
    expect(await noop.power({ signal })).toMatchObject({ powerState: 'On' })
  })

  test('tells what the BMC showed instead of a cleared boot override', async () => {
    const { noop } = scriptedBmc()
    const warnings = ['the boot override reads Once None after Disabled None was written']
    const { bmcs } = scriptedBmc({
      clearBootOverride: async (options) => ({ ...(await noop.clearBootOverride(options)), warnings }),
    })
    const data = await cleanUpServer({ bmcs }).perform({ serial, ...slots, powerOn: false }, contextOf())
    expect(data).toEqual({ warnings })
    expect(checkEvent('server', { type: 'server.cleanup.succeeded', data })).toEqual({ version: 2 })
  })
})
