import { afterEach, expect, test } from 'vitest'
import { basic, call } from '../rig/caller.ts'
import { at, image, membersOf, otherImage, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
afterEach(async () => {
  await rig.close()
})

const config = () => `${rig.manager}/VM1/CfgCD`
const mount = () => rig.post(`${config()}/Actions/IsoConfig.Mount`, {})
const unmount = () => rig.post(`${config()}/Actions/IsoConfig.UnMount`, {})
const success = { Success: { code: 'Base.1.0.0.Success', Message: 'Successfully Completed Request.' } }

test('X11 lists no drive until CfgCD is written and mounted, and none after it is unmounted', async () => {
  rig = await startProfile('supermicro-x11')
  const empty = (await rig.get(`${rig.manager}/VM1`)).body
  expect(empty['Members@odata.count']).toBe(0)
  expect(empty).not.toHaveProperty('Members')
  expect(at(empty, 'Oem', 'Supermicro', 'VirtualMediaConfig')['@odata.id']).toBe(config())
  expect((await rig.get(`${rig.manager}/VM1/CD1`)).status).toBe(404)

  const { host, pathname } = new URL(image)
  const written = await rig.patch(config(), { Host: `http://${host}`, Path: pathname })
  expect([written.status, written.body]).toEqual([200, success])
  expect((await mount()).body).toEqual(success)
  expect(membersOf(await rig.get(`${rig.manager}/VM1`))).toEqual([`${rig.manager}/VM1/CD1`])
  await rig.clock.advance(500)
  expect((await rig.get(`${rig.manager}/VM1/CD1`)).body).toMatchObject({ Inserted: true, Image: image })

  expect((await unmount()).body).toEqual(success)
  await rig.clock.advance(500)
  expect((await rig.get(`${rig.manager}/VM1/CD1`)).status).toBe(404)
})

test('X11 refuses Inserted, a boot mode and what it was not told to mount', async () => {
  rig = await startProfile('supermicro-x11')
  expect((await mount()).status).toBe(400)
  await rig.patch(config(), { Host: 'http://192.0.2.1', Path: '/token/boot.iso' })
  await mount()
  const body = { Image: otherImage, Inserted: true }
  expect(says(await rig.post(`${rig.manager}/VM1/CD1/Actions/VirtualMedia.InsertMedia`, body))).toBe(
    '400 Base.1.0.0.PropertyUnknown',
  )
  expect(says(await rig.patch(rig.system, { Boot: { BootSourceOverrideMode: 'UEFI' } }))).toBe(
    '400 Base.1.0.0.PropertyValueNotInList',
  )
  expect(says(await rig.boot('Cd'))).toBe('400 Base.1.0.0.PropertyValueNotInList')
  expect((await rig.boot('UsbCd')).status).toBe(204)
})

test('X11 answers 401 to Basic and speaks of it with a capital Message', async () => {
  rig = await startProfile('supermicro-x11')
  const refused = await call(rig.bmc, rig.system, { headers: basic(rig.bmc) })
  expect(says(refused)).toBe('401 Base.1.0.0.ResourceAtUriUnauthorized')
  expect(at(refused.body, 'error')).toHaveProperty('Message')
  expect(at(refused.body, 'error')).not.toHaveProperty('message')
})

test('X13 links its three slots from the System and the Manager', async () => {
  rig = await startProfile('supermicro-x13')
  for (const path of [rig.system, rig.manager])
    expect(at((await rig.get(path)).body, 'VirtualMedia')['@odata.id']).toBe(`${rig.manager}/VirtualMedia`)
  expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toHaveLength(3)
})

test('X13 has EjectMedia only while something is in, and names the image after it is out', async () => {
  rig = await startProfile('supermicro-x13')
  const slot = `${rig.manager}/VirtualMedia/VirtualMedia1`
  const actions = async () => Object.keys(at((await rig.get(slot)).body, 'Actions'))
  expect(await actions()).toEqual(['Oem', '#VirtualMedia.InsertMedia'])
  expect((await rig.post(`${slot}/Actions/VirtualMedia.InsertMedia`, { Image: image })).status).toBe(204)
  expect(await actions()).toContain('#VirtualMedia.EjectMedia')
  await rig.clock.advance(500)
  await rig.post(`${slot}/Actions/VirtualMedia.EjectMedia`, {})
  await rig.clock.advance(500)
  expect((await rig.get(slot)).body).toMatchObject({ Image: image, Inserted: false, ConnectedVia: 'NotConnected' })
})

test('X13 makes it once when nobody says how often, and its boot progress stands still', async () => {
  rig = await startProfile('supermicro-x13', { powerState: 'On' })
  expect((await rig.patch(rig.system, { Boot: { BootSourceOverrideTarget: 'UsbCd' } })).status).toBe(204)
  const { body } = await rig.get(rig.system)
  expect(at(body, 'Boot')).toMatchObject({ BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'UsbCd' })
  expect(rig.bmc.state.bootProgress).toBe('OSRunning')
  expect(at(body, 'BootProgress')['LastState']).toBe('SystemHardwareInitializationComplete')
})
