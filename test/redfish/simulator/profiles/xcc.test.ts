import { afterEach, beforeEach, expect, test } from 'vitest'
import { at, image, membersOf, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
beforeEach(async () => {
  rig = await startProfile('xcc')
})
afterEach(async () => {
  await rig.close()
})

const slot = (name: string) => `${rig.system}/VirtualMedia/${name}`
const filled = { Image: image, Inserted: true, WriteProtected: true }

test('ten slots are under the System and the same ten under the Manager, none with an action', async () => {
  expect(membersOf(await rig.get(`${rig.system}/VirtualMedia`))).toHaveLength(10)
  expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toHaveLength(10)
  for (const name of ['EXT1', 'RDOC1', 'Remote4'])
    expect((await rig.get(slot(name))).body).not.toHaveProperty('Actions')
})

test('a slot is written with the right If-Match, and with none or an old one nothing changes', async () => {
  const { headers } = await rig.get(slot('EXT1'))
  expect(says(await rig.patch(slot('EXT1'), filled, null))).toBe('412 Base.1.8.PreconditionFailed')
  expect((await rig.patch(slot('EXT1'), filled)).status).toBe(204)
  expect(says(await rig.patch(slot('EXT1'), { Image: null, Inserted: false }, headers.get('etag')))).toBe(
    '412 Base.1.8.PreconditionFailed',
  )
  expect((await rig.patch(slot('EXT1'), { Image: null, Inserted: false })).status).toBe(204)
})

test('Inserted is demanded, and the slots of the viewer and of uploads take nothing', async () => {
  expect(says(await rig.patch(slot('EXT2'), { Image: image }))).toBe('400 Base.1.8.PropertyMissing')
  expect(says(await rig.patch(slot('Remote1'), filled))).toBe('405 Base.1.8.OperationNotAllowed')
  expect(says(await rig.patch(slot('RDOC1'), filled))).toBe('405 Base.1.8.OperationNotAllowed')
})

test('the image is named at once and inserted seconds later, under the System and the Manager', async () => {
  await rig.patch(`${rig.manager}/VirtualMedia/EXT1`, filled)
  expect((await rig.get(slot('EXT1'))).body).toMatchObject({ Image: image, Inserted: false })
  await rig.clock.advance(4_000)
  expect((await rig.get(slot('EXT1'))).body).toMatchObject({ Image: image, Inserted: true })
})

test('the override is once or not at all, and Pending has nothing but the order', async () => {
  const write = (enabled: string) =>
    rig.patch(rig.system, { Boot: { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: 'Cd' } })
  expect(says(await write('Continuous'))).toBe('400 Base.1.8.PropertyValueNotInList')
  expect((await write('Once')).status).toBe(204)
  expect(Object.keys(at((await rig.get(`${rig.system}/Pending`)).body, 'Boot'))).toEqual(['BootOrder'])
  expect(says(await rig.patch(rig.system, { Boot: {} }, null))).toBe('412 Base.1.8.PreconditionFailed')
})

test('reset types are in the ActionInfo, without PowerCycle', async () => {
  const { body } = await rig.get(rig.system)
  expect(at(body, 'Actions', '#ComputerSystem.Reset')['@Redfish.ActionInfo']).toBe(`${rig.system}/ResetActionInfo`)
  expect(JSON.stringify((await rig.get(`${rig.system}/ResetActionInfo`)).body)).toContain('ForceOn')
  expect(says(await rig.reset('PowerCycle'))).toBe('400 Base.1.8.ActionParameterValueNotInList')
  expect(body).not.toHaveProperty('LastResetTime')
  expect(body).not.toHaveProperty('BootProgress')
})
