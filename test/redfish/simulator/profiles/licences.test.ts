// What a missing licence looks like (quirks.md 12).
import { afterEach, expect, test } from 'vitest'
import { call } from '../rig/caller.ts'
import { at, image, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
afterEach(async () => {
  await rig.close()
})

const insert = (slot: string) =>
  rig.post(`${slot}/Actions/VirtualMedia.InsertMedia`, { Image: image, TransferProtocolType: 'HTTP' })

test.each([
  ['idrac9', 'Systems/System.Embedded.1/VirtualMedia/1', '400 IDRAC.2.8.LIC501'],
  ['idrac9-old', 'Managers/iDRAC.Embedded.1/VirtualMedia/CD', '400 IDRAC.2.5.LIC501'],
  ['ilo6', 'Managers/1/VirtualMedia/2', '400 iLO.2.26.LicenseKeyRequired'],
  ['supermicro-x13', 'Managers/1/VirtualMedia/VirtualMedia1', '403 SMC.1.0.OemLicenseNotPassed'],
] as const)('%s does not insert without one', async (profile, slot, refusal) => {
  rig = await startProfile(profile, { licensed: false })
  expect(says(await insert(`/redfish/v1/${slot}`))).toBe(refusal)
  expect(Object.values(rig.bmc.state.slots).every((state) => state.image === null)).toBe(true)
})

test('iLO names the licence in its Manager', async () => {
  rig = await startProfile('ilo5', { licensed: false })
  expect(at((await rig.get(rig.manager)).body, 'Oem', 'Hpe', 'License')['LicenseString']).toBe('iLO Standard')
})

test('Supermicro X11 does not even show its root', async () => {
  rig = await startProfile('supermicro-x11', { licensed: false })
  expect(says(await call(rig.bmc, '/redfish/v1/', { headers: {} }))).toBe('403 Base.1.0.0.OemLicenseNotPassed')
})

test('iRMC lists no action', async () => {
  rig = await startProfile('irmc', { licensed: false })
  expect(JSON.stringify((await rig.get(rig.system)).body)).toContain(
    '"FTSVirtualMediaAction@Redfish.AllowableValues":[]',
  )
})
