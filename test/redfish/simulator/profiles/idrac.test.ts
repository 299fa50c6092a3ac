import { afterEach, expect, test } from 'vitest'
import {
  at,
  image,
  membersOf,
  otherImage,
  type ProfileRig,
  says,
  startProfile,
  stickImage,
} from '../rig/profile-rig.ts'

let rig: ProfileRig
afterEach(async () => {
  await rig.close()
})

const insert = (path: string, wanted: string) => rig.post(`${path}/Actions/VirtualMedia.InsertMedia`, { Image: wanted })
const eject = (path: string) => rig.post(`${path}/Actions/VirtualMedia.EjectMedia`, {})
const slot = (name: string) => `${rig.system}/VirtualMedia/${name}`
const managerSlot = (name: string) => `${rig.manager}/VirtualMedia/${name}`

test('before 6.00 there are CD and RemovableDisk under the Manager, and the second insert finds them in use', async () => {
  rig = await startProfile('idrac9-old')
  expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toEqual([
    managerSlot('RemovableDisk'),
    managerSlot('CD'),
  ])
  expect((await rig.get(rig.system)).body).not.toHaveProperty('VirtualMedia')
  expect((await insert(managerSlot('CD'), image)).status).toBe(204)
  expect(says(await insert(managerSlot('RemovableDisk'), stickImage))).toBe('400 IDRAC.2.5.VRM0021')
  expect(says(await insert(managerSlot('CD'), otherImage))).toBe('400 IDRAC.2.5.VRM0012')
})

test('a CD drive takes no .img and a removable disk no .iso', async () => {
  rig = await startProfile('idrac9-old')
  const refused = await insert(managerSlot('CD'), stickImage)
  expect(says(refused)).toBe('400 IDRAC.2.5.SYS453')
  expect(JSON.stringify(refused.body)).toContain('"MessageArgs":["task.img","CD"]')
  expect(says(await insert(managerSlot('RemovableDisk'), image))).toBe('400 IDRAC.2.5.SYS453')
})

test('from 6.00 two images are in at once under the System, and the Manager path says the file is out of reach', async () => {
  rig = await startProfile('idrac9')
  expect(membersOf(await rig.get(`${rig.system}/VirtualMedia`))).toEqual([slot('2'), slot('1')])
  expect((await insert(slot('1'), image)).status).toBe(204)
  expect((await insert(slot('2'), stickImage)).status).toBe(204)
  await rig.clock.advance(1_000)
  expect(rig.bmc.state.slots).toMatchObject({ '1': { inserted: true }, '2': { inserted: true } })
  expect(says(await insert(managerSlot('CD'), image))).toBe('500 IDRAC.2.8.RAC0904')
})

test('an empty drive cannot be ejected, and after an eject it looks filled and fails to take an image', async () => {
  rig = await startProfile('idrac9')
  expect(says(await eject(slot('1')))).toBe('500 IDRAC.2.8.VRM0009')
  await insert(slot('1'), image)
  await rig.clock.advance(1_000)
  expect((await eject(slot('1'))).status).toBe(204)
  expect((await rig.get(slot('1'))).body).toMatchObject({ Inserted: true, Image: image })
  expect(says(await insert(slot('1'), otherImage))).toBe('500 IDRAC.2.8.SYS446')
  await rig.clock.advance(4_000)
  expect((await rig.get(slot('1'))).body).toMatchObject({ Inserted: false, Image: null, ConnectedVia: 'NotConnected' })
  expect((await insert(slot('1'), otherImage)).status).toBe(204)
})

test('in a bad mood an insert is refused and the image is attached 55 seconds later', async () => {
  rig = await startProfile('idrac9', { mood: 0.02 })
  expect(says(await insert(slot('1'), image))).toBe('400 IDRAC.2.8.RAC0720')
  await rig.clock.advance(54_000)
  expect(rig.bmc.state.slots['1']?.inserted).toBe(false)
  await rig.clock.advance(2_000)
  expect(rig.bmc.state.slots['1']).toEqual({ inserted: true, image })
})

test('in a bad mood there are no data to be had', async () => {
  rig = await startProfile('idrac9', { mood: 0 })
  expect(says(await rig.get(rig.system))).toBe('503 IDRAC.2.8.SYS518')
})

test('switching on what is on, and off what is off, is a conflict with a message of its own', async () => {
  rig = await startProfile('idrac9')
  expect(says(await rig.reset('ForceOff'))).toBe('409 IDRAC.2.8.PSU502')
  expect((await rig.reset('On')).status).toBe(204)
  expect(says(await rig.reset('On'))).toBe('409 IDRAC.2.8.PSU501')
  expect(says(await rig.reset('ForceOn'))).toBe('400 IDRAC.2.8.SYS426')
})

test('the ninth session finds the table full', async () => {
  rig = await startProfile('idrac9')
  for (let open = rig.bmc.state.sessions; open < 8; open += 1) expect((await rig.logIn()).status).toBe(201)
  expect(says(await rig.logIn())).toBe('503 IDRAC.2.8.RAC0218')
})

test('a login with an Authorization header beside it is refused, with 5.10 it is not', async () => {
  rig = await startProfile('idrac9')
  const headers = { authorization: 'Basic bm9ib2R5Om5vdGhpbmc=' }
  expect(says(await rig.logIn(headers))).toBe('400 IDRAC.2.8.SYS468')
  await rig.close()
  rig = await startProfile('idrac9-old')
  expect((await rig.logIn(headers)).status).toBe(201)
})

test.each([
  ['idrac9-old', undefined, undefined],
  ['idrac9', '0000-00-00T00:00:00+00:00', 'None'],
] as const)('%s shows %s for LastResetTime', async (profile, time, progress) => {
  rig = await startProfile(profile)
  const { body } = await rig.get(rig.system)
  expect(body['LastResetTime']).toBe(time)
  expect(at(body, 'BootProgress')['LastState']).toBe(progress)
})

test('the settings object of iDRAC9 takes no target', async () => {
  rig = await startProfile('idrac9')
  expect(says(await rig.patch(`${rig.system}/Settings`, { Boot: { BootSourceOverrideTarget: 'Cd' } }))).toBe(
    '400 IDRAC.2.8.SYS429',
  )
  expect((await rig.boot()).status).toBe(204)
})

test('iDRAC10 takes the boot override in the settings object and nowhere else, and lists targets only there', async () => {
  rig = await startProfile('idrac10')
  expect(says(await rig.boot())).toBe('400 Base.1.18.PropertyNotWritable')
  const listed = 'BootSourceOverrideTarget@Redfish.AllowableValues'
  expect(at((await rig.get(rig.system)).body, 'Boot')).not.toHaveProperty([listed])
  expect(at((await rig.get(`${rig.system}/Settings`)).body, 'Boot')[listed]).toContain('Cd')
  const boot = { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd' }
  expect((await rig.patch(`${rig.system}/Settings`, { Boot: boot })).status).toBe(204)
  expect(at((await rig.get(rig.system)).body, 'Boot')).toMatchObject(boot)
})

test('iDRAC10 has no media under the Manager and does not switch on shortly after it went off', async () => {
  rig = await startProfile('idrac10', { powerState: 'On' })
  expect((await rig.get(rig.manager)).body).not.toHaveProperty('VirtualMedia')
  await rig.reset('ForceOff')
  await rig.clock.advance(1_000)
  expect((await rig.get(rig.system)).body['PowerState']).toBe('Off')
  expect(says(await rig.reset('On'))).toBe('409 Base.1.18.ActionParameterValueConflict')
  await rig.clock.advance(25_000)
  expect((await rig.reset('On')).status).toBe(204)
})

test('a restarting iDRAC answers nobody, then says it is not ready, and has forgotten the session', async () => {
  rig = await startProfile('idrac9')
  const restart = `${rig.manager}/Actions/Manager.Reset`
  expect((await rig.post(restart, { ResetType: 'GracefulRestart' })).status).toBe(204)
  await expect(rig.get(rig.system)).rejects.toThrow()
  await rig.clock.advance(3_000)
  expect(says(await rig.get(rig.system))).toBe('503 IDRAC.2.8.SWC0700')
  await rig.clock.advance(10_000)
  expect(says(await rig.get(rig.system))).toBe('401 Base.1.12.NoValidSession')
})
