import { on, once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { patience } from '../../../rig/patience.ts'
import { eject, reset } from '../rig/caller.ts'
import { Rig } from '../rig/rig.ts'
import { jobId, sumsOf, type TaskContent } from '../rig/task.ts'

let rig: Rig

afterEach(async () => {
  await rig.close()
})

describe('a failure', () => {
  test.each(['partition.service', 'image-linux.service', 'bootloader-linux.service', 'config-drive.service'])(
    'of %s is reported with its name, and leaves no bootable disk',
    async (unit) => {
      rig = await Rig.start({ failAt: unit })
      await rig.prepare()
      await reset(rig.bmc, 'On')
      await rig.reached('reported')
      expect(rig.site.outcomes().map(({ body }) => body)).toEqual([
        expect.objectContaining({ status: 'failed', failed_step: unit, exit_code: 1, job_id: jobId }),
      ])
      await reset(rig.bmc, 'ForceRestart')
      await rig.reached('no-bootable-device')
    },
  )

  test.each<[string, Partial<TaskContent>, number]>([
    ['a medium for another machine', { serial: 'SN-2' }, 18],
    ['a target that is not installed', { target: 'make-coffee.target' }, 16],
    ['a wrong checksum', { changes: { 'user-data': 'changed' } }, 13],
    ['missing checksums', { changes: { SHA256SUMS: null } }, 13],
  ])('of the dispatcher because of %s is reported with its exit code', async (_why, content, exitCode) => {
    rig = await Rig.start()
    await rig.prepare(content)
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    const expected = { status: 'failed', failed_step: 'provision-dispatcher.service', exit_code: exitCode }
    expect(rig.site.outcomes().map(({ body }) => body)).toEqual([expect.objectContaining(expected)])
    await reset(rig.bmc, 'ForceRestart')
    await rig.reached('previous')
  })

  test.each<[string, string, string, number]>([
    ['an invalid recipe', 'recipe.json', '{"task_target":"install-linux.target","user_data":1}', 14],
    ['a recipe that is no JSON', 'recipe.json', '{', 13],
    ['a schema that is no schema', 'recipe.schema.json', '{"type":"nonsense"}', 12],
  ])('of the dispatcher because of %s is reported without the contents', async (_why, name, text, exitCode) => {
    rig = await Rig.start()
    const changes = { [name]: text, SHA256SUMS: sumsOf({ [name]: text }) }
    await rig.prepare({ changes })
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    const [report] = rig.site.outcomes()
    expect(report?.body).toMatchObject({ failed_step: 'provision-dispatcher.service', exit_code: exitCode })
    expect(JSON.stringify(report?.body)).not.toContain('#cloud-config')
  })

  test('of a dispatcher that cannot know where to report stays on the console', async () => {
    rig = await Rig.start()
    await rig.prepare({ changes: { 'report.json': '{}' } })
    await reset(rig.bmc, 'On')
    const [result] = await once(rig.bmc.host, 'end')
    expect(result).toMatchObject({ end: 'stuck', failedStep: 'provision-dispatcher.service' })
    expect(rig.site.reports).toEqual([])
  })

  test('of the dispatcher for want of a task medium comes after its patience', async () => {
    rig = await Rig.start()
    await rig.mount('CD1', '/maintenance.iso')
    await rig.override('Once')
    await reset(rig.bmc, 'On')
    const [result] = await once(rig.bmc.host, 'end')
    expect(result).toMatchObject({ end: 'stuck', detail: 'no task medium in time' })
  })
})

describe('the firmware', () => {
  test('boots from disk without an override, whatever is mounted', async () => {
    rig = await Rig.start()
    await rig.prepare()
    await rig.override('Disabled')
    await reset(rig.bmc, 'On')
    await rig.reached('previous')
    expect(rig.bmc.hostBoots.map(({ from }) => from)).toEqual(['disk'])
  })

  test('that prefers mounted media installs again and again', async () => {
    rig = await Rig.start({ bootsMountedMedia: true })
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    await reset(rig.bmc, 'ForceRestart')
    await rig.reached('maintenance')
    await rig.reached('reported')
    expect(rig.bmc.hostBoots.map(({ from }) => from)).toEqual(['cd', 'cd'])
    await eject(rig.bmc, 'CD1')
    await rig.slotShows('CD1', false)
    await reset(rig.bmc, 'ForceRestart')
    await rig.reached('installed')
  })

  test('uses a one-time override up even when there is no CD to boot from', async () => {
    rig = await Rig.start()
    await rig.override('Once')
    await reset(rig.bmc, 'On')
    await rig.reached('previous')
    expect(rig.bmc.state.bootOverride).toMatchObject({ enabled: 'Disabled', target: 'None' })
    expect(rig.bmc.hostBoots.map(({ from }) => from)).toEqual(['disk'])
  })

  test('keeps a continuous override', async () => {
    rig = await Rig.start()
    await rig.prepare()
    await rig.override('Continuous')
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    expect(rig.bmc.state.bootOverride).toMatchObject({ enabled: 'Continuous', target: 'Cd' })
  })

  test('passes over a CD that is no ISO image', async () => {
    rig = await Rig.start()
    rig.site.images.set('/maintenance.iso', Buffer.alloc(200_000))
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await rig.reached('previous')
    expect(rig.bmc.hostBoots.map(({ from }) => from)).toEqual(['disk'])
  })
})

describe('in the middle of its work', () => {
  test('a host without power stops at once, and starts over when it boots from CD again', async () => {
    rig = await Rig.start({ stepDurationMs: 60_000 })
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await once(rig.bmc.host, 'step')
    await reset(rig.bmc, 'ForceOff')
    await expect.poll(() => rig.bmc.state.powerState).toBe('Off')
    await rig.override('Once')
    await reset(rig.bmc, 'On')
    const [first] = await once(rig.bmc.host, 'step')
    expect(first).toEqual({ step: 'partition.service', percent: 0 })
    expect(rig.site.outcomes()).toEqual([])
    expect(rig.bmc.hostBoots.map(({ from }) => from)).toEqual(['cd', 'cd'])
  })

  test('a disk that was half written does not boot', async () => {
    rig = await Rig.start({ stepDurationMs: 60_000 })
    await rig.prepare()
    const steps = on(rig.bmc.host, 'step', { signal: patience() })
    await reset(rig.bmc, 'On')
    // At the event itself: the remaining steps take a second or two.
    for await (const [{ percent }] of steps) if (percent >= 50) break
    await reset(rig.bmc, 'ForceRestart')
    await rig.reached('no-bootable-device')
  })

  test('an eject while the boot medium is read crashes the host', async () => {
    rig = await Rig.start()
    await rig.prepare()
    const { promise: held, resolve: release } = Promise.withResolvers<undefined>()
    const { promise: reading, resolve: onReading } = Promise.withResolvers<void>()
    rig.site.intercept = (path, method) => {
      if (path !== '/maintenance.iso' || method !== 'GET' || rig.bmc.host.status !== 'loading') return undefined
      onReading()
      return held
    }
    await reset(rig.bmc, 'On')
    await reading
    await eject(rig.bmc, 'CD1')
    await rig.reached('crashed')
    release(undefined)
    expect(rig.site.reports).toEqual([])
  })

  test('an eject while the task medium is read leaves the dispatcher with an I/O error', async () => {
    rig = await Rig.start()
    await rig.prepare()
    const { promise: held, resolve: release } = Promise.withResolvers<undefined>()
    const { promise: reading, resolve: onReading } = Promise.withResolvers<void>()
    let reads = 0
    rig.site.intercept = (path, method) => {
      if (path !== '/task.iso' || method !== 'GET') return undefined
      reads += 1
      if (reads < 2) return undefined
      onReading()
      return held
    }
    await reset(rig.bmc, 'On')
    await reading
    await eject(rig.bmc, 'CD2')
    await rig.reached('stuck')
    release(undefined)
    expect(rig.site.outcomes()).toEqual([])
  })

  test('an eject after the system was loaded does not hurt it', async () => {
    rig = await Rig.start({ stepDurationMs: 4_000 })
    await rig.prepare()
    await reset(rig.bmc, 'On')
    await once(rig.bmc.host, 'step')
    await eject(rig.bmc, 'CD1')
    await eject(rig.bmc, 'CD2')
    await rig.reached('reported')
    expect(rig.site.outcomes().map(({ body }) => body['status'])).toEqual(['success'])
  })

  test('a web server that fails for a moment is asked again', async () => {
    rig = await Rig.start()
    await rig.prepare()
    const answers = [503, 500]
    rig.site.intercept = (path, method) =>
      path === '/maintenance.iso' && method === 'GET' ? answers.shift() : undefined
    await reset(rig.bmc, 'On')
    await rig.reached('reported')
    expect(answers).toEqual([])
  })
})
