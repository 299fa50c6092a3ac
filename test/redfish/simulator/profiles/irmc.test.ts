import { afterEach, beforeEach, expect, test } from 'vitest'
import { at, membersOf, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
beforeEach(async () => {
  rig = await startProfile('irmc')
})
afterEach(async () => {
  await rig.close()
})

const config = () => `${rig.system}/Oem/ts_fujitsu/VirtualMedia`
const operate = (body: unknown) => rig.post(`${rig.system}/Actions/Oem/FTSComputerSystem.VirtualMedia`, body)
const disc = { Server: '192.0.2.1', ShareName: 'token', ImageName: 'boot.iso', ShareType: 'HTTPS' }

test('an image is written with If-Match, connected and disconnected, and listed while it is connected', async () => {
  expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toEqual([])
  expect(says(await rig.patch(config(), { CD: disc }, null))).toBe('412 Base.1.5.PreconditionFailed')
  expect((await rig.patch(config(), { CD: disc })).status).toBe(204)
  expect((await operate({ FTSVirtualMediaAction: 'ConnectCD' })).status).toBe(204)
  await rig.clock.advance(2_000)
  expect(rig.bmc.state.slots['CD']).toEqual({ inserted: true, image: 'https://192.0.2.1/token/boot.iso' })
  expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toEqual([`${rig.manager}/VirtualMedia/CD`])
  expect((await operate({ FTSVirtualMediaAction: 'DisconnectCD' })).status).toBe(204)
  await rig.clock.advance(2_000)
  expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toEqual([])
})

test('the action lists what is possible now, and its name from before 9.69 is missing a parameter', async () => {
  const possible = async () =>
    JSON.stringify(at((await rig.get(rig.system)).body, 'Actions', 'Oem')).match(/"(Dis)?[Cc]onnect\w+"/g)
  expect(await possible()).toEqual(['"ConnectCD"', '"ConnectHD"'])
  expect(says(await operate({ VirtualMediaAction: 'ConnectCD' }))).toBe('400 Base.1.5.ActionParameterMissing')
  expect(says(await operate({ FTSVirtualMediaAction: 'DisconnectCD' }))).toBe(
    '400 Base.1.5.ActionParameterValueNotInList',
  )
  await rig.patch(config(), { CD: disc })
  await operate({ FTSVirtualMediaAction: 'ConnectCD' })
  expect(await possible()).toEqual(['"DisconnectCD"', '"ConnectHD"'])
})

test('a connection to nowhere is accepted, and nothing happens', async () => {
  await rig.patch(config(), { CD: { ...disc, ShareType: 'NFS' } })
  expect((await operate({ FTSVirtualMediaAction: 'ConnectCD' })).status).toBe(204)
  await rig.clock.advance(10_000)
  expect(rig.bmc.state.slots['CD']).toEqual({ inserted: false, image: null })
})

test('shares over plain HTTP do not exist', async () => {
  expect(says(await rig.patch(config(), { CD: { ...disc, ShareType: 'HTTP' } }))).toBe(
    '400 Base.1.5.PropertyValueNotInList',
  )
})
