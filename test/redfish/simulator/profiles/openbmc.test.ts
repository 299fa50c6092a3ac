import { afterEach, expect, test } from 'vitest'
import { at, image, membersOf, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
afterEach(async () => {
  await rig.close()
})

const insert = (wanted: string) =>
  rig.post(`${rig.manager}/VirtualMedia/USB1/Actions/VirtualMedia.InsertMedia`, { Image: wanted })

test('upstream takes images over https only, NVIDIA over http as well', async () => {
  rig = await startProfile('openbmc')
  expect(says(await insert(image))).toBe('400 Base.1.18.1.ResourceAtUriInUnknownFormat')
  expect((await insert(image.replace('http:', 'https:'))).status).toBe(204)
  await rig.close()
  rig = await startProfile('openbmc-nvidia')
  expect((await insert(image)).status).toBe(204)
})

test('the slot of the viewer has no action', async () => {
  rig = await startProfile('openbmc')
  expect((await rig.get(`${rig.manager}/VirtualMedia/Slot_0`)).body).not.toHaveProperty('Actions')
})

test('power shows on its way up and on its way down', async () => {
  rig = await startProfile('openbmc')
  const power = async () => (await rig.get(rig.system)).body['PowerState']
  await rig.reset('On')
  expect(await power()).toBe('PoweringOn')
  await rig.clock.advance(2_000)
  expect(await power()).toBe('On')
  await rig.reset('ForceOff')
  expect(await power()).toBe('PoweringOff')
  await rig.clock.advance(1_000)
  expect(await power()).toBe('Off')
})

test('NVIDIA lists a board beside the host, without reset and boot, with a Manager of its own', async () => {
  rig = await startProfile('openbmc-nvidia')
  const [host = '', board = ''] = membersOf(await rig.get('/redfish/v1/Systems'))
  expect(host).toBe(rig.system)
  const { body } = await rig.get(board)
  expect(body).not.toHaveProperty('Actions')
  expect(body).not.toHaveProperty('Boot')
  const [, manager = ''] = membersOf(await rig.get('/redfish/v1/Managers'))
  expect((await rig.get(manager)).body).not.toHaveProperty('VirtualMedia')
})

test('NVIDIA takes the override on the System and in its settings', async () => {
  rig = await startProfile('openbmc-nvidia')
  expect((await rig.boot()).status).toBe(204)
  const off = { Boot: { BootSourceOverrideEnabled: 'Disabled' } }
  expect((await rig.patch(`${rig.system}/Settings`, off)).status).toBe(204)
  expect(rig.bmc.state.bootOverride.enabled).toBe('Disabled')
})

test('an unknown reset is an unknown parameter, and LastResetTime is the epoch', async () => {
  rig = await startProfile('openbmc')
  expect(says(await rig.reset('Kick'))).toBe('400 Base.1.18.1.ActionParameterUnknown')
  expect(says(await rig.get(`${rig.system}/Zones`))).toBe('404 Base.1.18.1.ResourceNotFound')
  expect((await rig.get(rig.system)).body['LastResetTime']).toBe('1970-01-01T00:00:00+00:00')
  expect(at((await rig.get(rig.system)).body, 'Actions', '#ComputerSystem.Reset')).toHaveProperty([
    '@Redfish.ActionInfo',
  ])
})
