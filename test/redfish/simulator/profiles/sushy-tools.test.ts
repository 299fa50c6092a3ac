import { afterEach, beforeEach, expect, test } from 'vitest'
import { call } from '../rig/caller.ts'
import { at, image, otherImage, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
beforeEach(async () => {
  rig = await startProfile('sushy-tools')
})
afterEach(async () => {
  await rig.close()
})

const slot = () => `${rig.system}/VirtualMedia/Cd`
const insert = (body: unknown) => rig.post(`${slot()}/Actions/VirtualMedia.InsertMedia`, body)

test('there is no session service, and nothing links to one', async () => {
  expect((await rig.logIn()).status).toBe(404)
  const { body } = await call(rig.bmc, '/redfish/v1/', { headers: {} })
  expect([body['Links'], body['SessionService']]).toEqual([{}, undefined])
})

test('a second insert takes the place of the first, and ejecting twice is fine', async () => {
  expect((await insert({ Image: image })).status).toBe(204)
  await rig.clock.advance(1)
  const second = insert({ Image: otherImage })
  const shown = async () => {
    await rig.clock.advance(1)
    return rig.bmc.state.slots['Cd']?.image
  }
  await expect.poll(shown).toBe(otherImage)
  expect((await second).status).toBe(204)
  for (const _again of [1, 2]) expect((await rig.post(`${slot()}/Actions/VirtualMedia.EjectMedia`)).status).toBe(204)
})

test('a user without a password is refused', async () => {
  const refused = await insert({ Image: image, UserName: 'u' })
  expect(says(refused)).toBe('400 Base.1.0.GeneralError')
  expect(at(refused.body, 'error')['message']).toBe('UserName and Password must be passed together')
})

test('how often without what is answered with plain text', async () => {
  const response = await fetch(`${rig.bmc.url}${rig.system}`, {
    method: 'PATCH',
    headers: {
      authorization: `Basic ${btoa(`${rig.bmc.username}:${rig.bmc.password}`)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ Boot: { BootSourceOverrideEnabled: 'Once' } }),
  })
  expect(response.status).toBe(400)
  expect(await response.text()).toMatch(/^Missing the BootSourceOverrideTarget/)
})

test('an override once is an override for good', async () => {
  expect((await rig.boot()).status).toBe(204)
  expect(at((await rig.get(rig.system)).body, 'Boot')).toMatchObject({
    BootSourceOverrideEnabled: 'Continuous',
    BootSourceOverrideTarget: 'Cd',
  })
})

test('a reset that it cannot do is not implemented, and one that changes nothing is fine', async () => {
  expect((await rig.reset('PowerCycle')).status).toBe(501)
  expect((await rig.reset('ForceOff')).status).toBe(204)
  expect(rig.bmc.resets).toEqual([])
})
