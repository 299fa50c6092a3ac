// What holds for every profile, whatever its vendor.
import { afterEach, describe, expect, test } from 'vitest'
import { isProfileName, profiles } from '../../../../redfish/simulator/profiles/catalogue.ts'
import { membersOf, type ProfileRig, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig | null = null
afterEach(async () => {
  await rig?.close()
  rig = null
})

test('a profile goes by its name, and is described in a line', () => {
  for (const [name, profile] of Object.entries(profiles)) {
    expect(profile.name).toBe(name)
    expect(profile.summary.length, name).toBeLessThan(120)
  }
  expect(isProfileName('idrac9')).toBe(true)
  expect(isProfileName('toString')).toBe(false)
})

describe.each(Object.keys(profiles).filter(isProfileName))('%s', (name) => {
  test('everything that links and ActionInfos lead to is there', async () => {
    const started = await startProfile(name)
    rig = started
    const seen = new Map<string, number>()
    const visit = async (path: string): Promise<void> => {
      if (seen.has(path)) return
      const { status, body } = await started.get(path)
      seen.set(path, status)
      const linked = JSON.stringify(body).matchAll(/"@(?:odata\.id|Redfish\.ActionInfo)":"([^"]+)"/g)
      for (const [, target] of linked) if (target !== undefined) await visit(target)
    }
    await visit('/redfish/v1/')
    expect([...seen].filter(([, status]) => status !== 200)).toEqual([])
    expect([...seen.keys()].map((path) => path.replace(/\/$/, ''))).toEqual(
      expect.arrayContaining([started.system, started.manager]),
    )
  })

  test('the host shows its serial number and a boot target that means its virtual CD', async () => {
    rig = await startProfile(name)
    const { body } = await rig.get(rig.system)
    expect(body).toMatchObject({ SerialNumber: 'SN-1', PowerState: 'Off' })
    const { cdTargets, boot } = profiles[name]
    expect(boot.targets).toEqual(expect.arrayContaining([...cdTargets]))
  })

  test('its own restart makes it silent, then unavailable, then forgetful; the host and its power go on', async () => {
    rig = await startProfile(name, { powerState: 'On' })
    const restart = `${rig.manager}/Actions/Manager.Reset`
    const [type] = profiles[name].managerResetTypes
    expect((await rig.post(restart, { ResetType: type })).status).toBeLessThan(300)
    await expect(rig.get(rig.system)).rejects.toThrow()
    await rig.clock.advance(3_000)
    expect((await rig.get(rig.system)).status).toBe(503)
    await rig.clock.advance(10_000)
    expect((await rig.get(rig.system)).status).toBe(profiles[name].sessions.offered ? 401 : 200)
    expect(rig.bmc.state).toMatchObject({ powerState: 'On', sessions: 0, hostStatus: 'previous' })
  })

  test('the state of a switched host is on its way up only where the vendor shows it', async () => {
    rig = await startProfile(name)
    await rig.reset('On')
    const { body } = await rig.get(rig.system)
    expect(rig.bmc.state.powerState).toBe('PoweringOn')
    expect(body['PowerState']).toBe(profiles[name].showsPowerTransitions ? 'PoweringOn' : 'Off')
  })

  test('an unknown reset is refused, and leaves no trace', async () => {
    rig = await startProfile(name)
    expect((await rig.reset('Kick')).status).toBeGreaterThanOrEqual(400)
    expect(rig.bmc.resets).toEqual([])
    expect(membersOf(await rig.get('/redfish/v1/Systems')).length).toBeGreaterThan(0)
  })
})
