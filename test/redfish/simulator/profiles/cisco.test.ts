import { afterEach, beforeEach, expect, test } from 'vitest'
import { at, image, membersOf, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
beforeEach(async () => {
  rig = await startProfile('cisco-cimc')
})
afterEach(async () => {
  await rig.close()
})

const slot = (name: string) => `${rig.manager}/VirtualMedia/${name}`

test('an adapter is among the Managers, and has no media', async () => {
  const [cimc, adapter = ''] = membersOf(await rig.get('/redfish/v1/Managers'))
  expect(cimc).toBe(rig.manager)
  expect((await rig.get(adapter)).body).not.toHaveProperty('VirtualMedia')
})

test('there is one CD and one disk, the disk first, with sentences for allowable values', async () => {
  expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toEqual([slot('1'), slot('0')])
  const action = at((await rig.get(slot('0'))).body, 'Actions', '#VirtualMedia.InsertMedia')
  expect(action['Inserted@Redfish.AllowableValues']).toEqual(['true'])
  expect(JSON.stringify(action['Image@Redfish.AllowableValues'])).toContain('shall specify')
})

test('an insert with all it allows is taken, and the slot says Updating until it is in', async () => {
  const body = { Image: image, Inserted: true, WriteProtected: true, TransferMethod: 'Stream' }
  expect((await rig.post(`${slot('0')}/Actions/VirtualMedia.InsertMedia`, body)).status).toBe(204)
  expect(at((await rig.get(slot('0'))).body, 'Status')['State']).toBe('Updating')
  await rig.clock.advance(500)
  expect((await rig.get(slot('0'))).body).toMatchObject({ Inserted: true, Status: { State: 'Enabled' } })
})

test('it has no boot mode and restarts itself only by force', async () => {
  expect(at((await rig.get(rig.system)).body, 'Boot')).not.toHaveProperty('BootSourceOverrideMode')
  expect(says(await rig.patch(rig.system, { Boot: { BootSourceOverrideMode: 'UEFI' } }))).toBe(
    '400 Base.1.4.0.PropertyUnknown',
  )
  expect((await rig.boot()).status).toBe(204)
  const restart = `${rig.manager}/Actions/Manager.Reset`
  expect(says(await rig.post(restart, { ResetType: 'GracefulRestart' }))).toBe(
    '400 Base.1.4.0.ActionParameterValueNotInList',
  )
})
