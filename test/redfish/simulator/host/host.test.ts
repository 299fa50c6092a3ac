import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { reset } from '../rig/caller.ts'
import { maintenanceIso, Rig, serial } from '../rig/rig.ts'
import { startSite } from '../rig/site.ts'
import { jobId, jobToken, sumsOf, taskIso } from '../rig/task.ts'

let rig: Rig

afterEach(async () => {
  await rig.close()
})

describe('a Linux installation', () => {
  test('boots from CD, walks its steps, reports once and leaves a system on the disk', async () => {
    rig = await Rig.start()
    await rig.prepare()
    const steps: string[] = []
    rig.bmc.host.on('step', ({ step, percent }) => percent === 0 && steps.push(step))
    await reset(rig.bmc, 'On')
    await rig.reached('reported')

    expect(steps).toEqual([
      'partition.service',
      'image-linux.service',
      'bootloader-linux.service',
      'config-drive.service',
    ])
    expect(rig.bmc.hostBoots.map(({ from }) => from)).toEqual(['cd'])
    expect(rig.bmc.state).toMatchObject({
      bootProgress: 'OSRunning',
      bootOverride: { enabled: 'Disabled', target: 'None' },
    })
    const [outcome, ...more] = rig.site.outcomes()
    expect(more).toEqual([])
    expect(outcome?.headers).toEqual({ authorization: `Bearer ${jobToken}`, secret: undefined })
    expect(outcome?.body).toEqual({
      status: 'success',
      job_id: jobId,
      delivery_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      task_target: 'install-linux.target',
      started_at: expect.stringMatching(/Z$/),
      finished_at: expect.stringMatching(/Z$/),
    })

    await reset(rig.bmc, 'ForceRestart')
    await rig.reached('installed')
    expect(rig.bmc.hostBoots.map(({ from }) => from)).toEqual(['cd', 'disk'])
  })

  test('says how far it is, each time as a delivery of its own', async () => {
    rig = await Rig.start()
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    const progress = rig.site.reports.map(({ body }) => body).filter(({ status }) => status === 'progress')
    expect(progress.map(({ step, percent }) => `${step} ${percent}`).slice(0, 4)).toEqual([
      'partition.service 0',
      'partition.service 50',
      'partition.service 100',
      'image-linux.service 0',
    ])
    expect(progress[0]).toMatchObject({ job_id: jobId, message: 'partition.service started' })
    expect(new Set(progress.map(({ delivery_id: id }) => id)).size).toBe(progress.length)
  })

  test('fetches both media with HEAD and ranges, and only part of the large one', async () => {
    rig = await Rig.start()
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    const gets = rig.site.fetched.filter(({ method }) => method === 'GET')
    expect(gets.every(({ range }) => /^bytes=\d+-\d+$/.test(range ?? ''))).toBe(true)
    for (const path of ['/maintenance.iso', '/task.iso']) {
      expect(rig.site.fetched.find((fetched) => fetched.path === path)?.method).toBe('HEAD')
      expect(gets.some((fetched) => fetched.path === path)).toBe(true)
    }
    expect(rig.bmc.host.bootMediumBytes).toBeGreaterThan(1_048_576)
    expect(rig.bmc.host.bootMediumBytes).toBeLessThan((await maintenanceIso()).length)
    const last = Math.max(...gets.map(({ range }) => Number(range?.split('-')[1])))
    expect(last).toBe((await maintenanceIso()).length - 1)
  })

  test('reads the boot medium to its end when it is told to', async () => {
    rig = await Rig.start({ readWhole: true })
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    expect(rig.bmc.host.bootMediumBytes).toBe((await maintenanceIso()).length)
  })

  test('runs from a merged medium too', async () => {
    rig = await Rig.start()
    const content = { webhookUrl: `${rig.site.url}/webhook`, folder: 'task/', extra: { 'boot/initrd': 'kernel' } }
    rig.site.images.set('/merged.iso', await taskIso(content))
    await rig.mount('CD1', '/merged.iso')
    await rig.override('Once')
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    expect(rig.site.outcomes().map(({ body }) => body['status'])).toEqual(['success'])
  })

  test('works with the schema of this project', async () => {
    rig = await Rig.start()
    const schema = await readFile(
      resolve(import.meta.dirname, '../../../../machines/recipe/recipe.schema.json'),
      'utf8',
    )
    const recipe = {
      task_target: 'install-linux.target',
      target_disk: '/dev/sda',
      oci_url: 'registry.example/image:1',
      partition_layout: [{ size: '512M', type_guid: 'ef00', format: 'vfat' }],
    }
    const changes = { 'recipe.schema.json': schema, 'recipe.json': JSON.stringify(recipe) }
    await rig.prepare({ changes: { ...changes, SHA256SUMS: sumsOf(changes) } })
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    expect(rig.site.outcomes().map(({ body }) => body['status'])).toEqual(['success'])
  })
})

test.each([
  ['install-windows.target', ['partition.service', 'image-windows.service', 'bootloader-windows.service'], 'installed'],
  ['supermicro-update.target', ['firmware.service'], 'previous'],
] as const)('%s has its own steps', async (target, expected, afterwards) => {
  rig = await Rig.start()
  await rig.prepare({ target })
  const steps: string[] = []
  rig.bmc.host.on('step', ({ step, percent }) => percent === 100 && steps.push(step))
  await reset(rig.bmc, 'On')
  await rig.reached('reported')
  expect(steps).toEqual(expected)
  await reset(rig.bmc, 'ForceRestart')
  await rig.reached(afterwards)
})

describe('the report', () => {
  test('is sent again until it is accepted, always as the same delivery', async () => {
    rig = await Rig.start()
    await rig.prepare()
    const answers = [500, 503, 401]
    rig.site.intercept = (_path, method) => {
      const isOutcome = method === 'POST' && rig.bmc.host.status === 'reporting'
      return isOutcome ? answers.shift() : undefined
    }
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    const deliveries = rig.site.outcomes().map(({ body }) => body['delivery_id'])
    expect(deliveries).toHaveLength(4)
    expect(new Set(deliveries).size).toBe(1)
  })

  test('survives a webhook that is away for a while', async () => {
    rig = await Rig.start()
    const away = await startSite()
    const port = Number(new URL(away.url).port)
    await away.close()
    await rig.prepare({ webhookUrl: `http://127.0.0.1:${port}/webhook` })
    await reset(rig.bmc, 'On')
    await rig.reached('reporting')
    const back = await startSite(port)
    try {
      await rig.reached('reported')
      expect(back.outcomes().map(({ body }) => body['status'])).toEqual(['success'])
    } finally {
      await back.close()
    }
  })

  test('comes again, unchanged, from a host that stutters', async () => {
    rig = await Rig.start({ duplicateReports: 2 })
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    const bodies = rig.site.outcomes().map(({ body }) => body)
    expect(bodies).toHaveLength(3)
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1)
  })

  test('never comes from a silent host, nor does progress', async () => {
    rig = await Rig.start({ silent: true })
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('silent')
    expect(rig.site.reports).toEqual([])
  })

  test('carries the shared secret instead of the token when there is one', async () => {
    rig = await Rig.start({ webhookSecret: 'shared-secret' })
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    expect(rig.site.outcomes()[0]?.headers).toEqual({ authorization: undefined, secret: 'shared-secret' })
  })
})

test('the log tells what the host does, without token, address or secrets', async () => {
  const lines: object[] = []
  rig = await Rig.start({}, (line) => lines.push(line))
  await rig.prepare()
  await reset(rig.bmc, 'On')
  await rig.reached('reported')
  expect(lines).toContainEqual({ event: 'host.status', serial, status: 'maintenance' })
  expect(lines).toContainEqual({ event: 'host.step', serial, step: 'partition.service', percent: 0 })
  const text = JSON.stringify(lines)
  for (const secret of [jobToken, 'bmc-password-1', '/task.iso', '#cloud-config']) expect(text).not.toContain(secret)
})
