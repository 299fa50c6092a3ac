import { afterEach, describe, expect, test } from 'vitest'
import { call } from '../rig/caller.ts'
import { at, image, membersOf, otherImage, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
afterEach(async () => {
  await rig.close()
})

const slot = (name: string) => `${rig.manager}/VirtualMedia/${name}`
const insert = (wanted: string) => rig.post(`${slot('2')}/Actions/VirtualMedia.InsertMedia`, { Image: wanted })
const eject = (body?: unknown) => rig.post(`${slot('2')}/Actions/VirtualMedia.EjectMedia`, body)

describe.each([
  ['ilo5', 'iLO.2.15', 'Base.1.4'],
  ['ilo6', 'iLO.2.26', 'Base.1.18'],
] as const)('%s', (profile, registry, base) => {
  test('the root without its slash is elsewhere', async () => {
    rig = await startProfile(profile)
    const response = await fetch(`${rig.bmc.url}/redfish/v1`, { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([308, '/redfish/v1/'])
  })

  test('slot 1 takes a stick and slot 2 a CD, an empty one has an empty string for an image', async () => {
    rig = await startProfile(profile)
    expect(membersOf(await rig.get(`${rig.manager}/VirtualMedia`))).toEqual([slot('1'), slot('2')])
    expect((await rig.get(slot('1'))).body).toMatchObject({ MediaTypes: ['Floppy', 'USBStick'], Image: '' })
    expect((await rig.get(slot('2'))).body).toMatchObject({ MediaTypes: ['CD', 'DVD'], Image: '', Inserted: false })
  })

  test('success is an error object with status 200', async () => {
    rig = await startProfile(profile)
    expect(says(await insert(image))).toBe(`200 ${base}.Success`)
  })

  test('a filled slot takes no second image, an empty one is not ejected, and an eject needs a body', async () => {
    rig = await startProfile(profile)
    expect(says(await eject({}))).toBe(`400 ${registry}.NoVirtualMediaConnectionAvailable`)
    await insert(image)
    await rig.clock.advance(500)
    expect(says(await insert(otherImage))).toBe(`400 ${registry}.MaxVirtualMediaConnectionEstablished`)
    const refused = await eject()
    expect(refused.status).toBe(415)
    expect(at(refused.body, 'error', '@Message.ExtendedInfo')['MessageId']).toBe(`${base}.GeneralError`)
    expect((await eject({})).status).toBe(200)
  })

  test('a PATCH of the slot empties it as well', async () => {
    rig = await startProfile(profile)
    await insert(image)
    expect((await rig.patch(slot('2'), { Image: null, Inserted: false })).status).toBe(200)
    expect(rig.bmc.state.slots['2']?.image).toBe(null)
  })

  test('the boot override cannot be written during POST', async () => {
    rig = await startProfile(profile)
    expect((await rig.boot()).status).toBe(200)
    await rig.reset('On')
    await rig.clock.advance(2_500)
    const { body } = await rig.get(rig.system)
    expect(at(body, 'Oem', 'Hpe')['PostState']).toBe('InPost')
    expect(says(await rig.boot())).toBe(`400 ${registry}.UnableToModifyDuringSystemPOST`)
    await rig.clock.advance(10_000)
    expect((await rig.boot()).status).toBe(200)
  })

  test('a reset on the heels of another is refused, and so is one that the power rules out', async () => {
    rig = await startProfile(profile)
    expect(says(await rig.reset('ForceRestart'))).toBe(`400 ${registry}.InvalidOperationForSystemState`)
    expect((await rig.reset('On')).status).toBe(200)
    expect(says(await rig.reset('ForceRestart'))).toBe(`400 ${registry}.ResetInProgress`)
    await rig.clock.advance(5_000)
    expect((await rig.reset('ForceRestart')).status).toBe(200)
  })

  test('it knows no LastResetTime and says minutes where seconds belong', async () => {
    rig = await startProfile(profile)
    expect((await rig.get(rig.system)).body).not.toHaveProperty('LastResetTime')
    expect((await rig.get('/redfish/v1/SessionService')).body['SessionTimeout']).toBe(30)
  })

  test('the vendor action inserts too, and BootOnNextServerReset can be told to the CD', async () => {
    rig = await startProfile(profile)
    const action = `${slot('2')}/Actions/Oem/Hpe/HpeiLOVirtualMedia.InsertVirtualMedia`
    expect((await rig.post(action, { Image: image })).status).toBe(200)
    const wanted = { Oem: { Hpe: { BootOnNextServerReset: true } } }
    expect((await rig.patch(slot('2'), wanted)).status).toBe(200)
    expect((await rig.get(slot('2'))).body).toMatchObject(wanted)
    expect((await rig.patch(slot('1'), wanted)).status).toBe(400)
  })
})

describe('ilo4', () => {
  test('only the vendor actions and a PATCH of the image insert; Inserted is unknown', async () => {
    rig = await startProfile('ilo4')
    expect((await rig.get(slot('2'))).body).not.toHaveProperty('Actions')
    expect((await insert(image)).status).toBe(404)
    expect(says(await rig.patch(slot('2'), { Image: image, Inserted: true }))).toBe('400 Base.0.10.PropertyUnknown')
    expect(says(await rig.patch(slot('2'), { Image: image }))).toBe('200 Base.0.10.Success')
    expect(rig.bmc.state.slots['2']?.image).toBe(image)
    const eject = `${slot('2')}/Actions/Oem/Hp/HpiLOVirtualMedia.EjectVirtualMedia`
    expect((await rig.post(eject, {})).status).toBe(200)
    expect(rig.bmc.state.slots['2']?.image).toBe(null)
  })

  test('with OData-Version the documents are those of Redfish', async () => {
    rig = await startProfile('ilo4')
    const { body } = await rig.get(rig.system)
    expect(at(body, 'Links')['ManagedBy']).toEqual([{ '@odata.id': '/redfish/v1/Managers/1/' }])
    expect(body).not.toHaveProperty('links')
    expect(at(body, 'Boot')).not.toHaveProperty('BootSourceOverrideMode')
  })

  test('without OData-Version the links are hrefs, the power is twice there and errors have a MessageID', async () => {
    rig = await startProfile('ilo4')
    const { body } = await call(rig.bmc, rig.system)
    expect(at(body, 'links')['ManagedBy']).toEqual([{ href: '/redfish/v1/Managers/1/' }])
    expect(body).not.toHaveProperty('Links')
    expect(body).toMatchObject({ Power: 'Off', PowerState: 'Off' })
    const missing = await call(rig.bmc, `${rig.system}/Nothing`)
    expect(missing.body).toMatchObject({
      Messages: [{ MessageID: 'Base.0.10.ResourceMissingAtURI' }],
      Type: 'ExtendedError.1.0.0',
    })
  })

  test('it has no graceful resets and takes no boot mode', async () => {
    rig = await startProfile('ilo4')
    expect(says(await rig.reset('GracefulRestart'))).toBe('400 Base.0.10.ActionParameterValueNotInList')
    expect(says(await rig.patch(rig.system, { Boot: { BootSourceOverrideMode: 'UEFI' } }))).toBe(
      '400 Base.0.10.PropertyUnknown',
    )
  })
})
