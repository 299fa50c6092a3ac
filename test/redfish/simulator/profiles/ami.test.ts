import { afterEach, beforeEach, expect, test } from 'vitest'
import { at, image, membersOf, type ProfileRig, says, startProfile } from '../rig/profile-rig.ts'

let rig: ProfileRig
beforeEach(async () => {
  rig = await startProfile('ami')
})
afterEach(async () => {
  await rig.close()
})

const media = () => `${rig.manager}/VirtualMedia`
const oem = (name: string, body: unknown) => rig.post(`${rig.manager}/Actions/Oem/Ami/VirtualMedia.${name}`, body)
const insert = (body: unknown) => rig.post(`${media()}/CD1/Actions/VirtualMedia.InsertMedia`, body)
const enable = async () => {
  expect((await oem('EnableRMedia', { RMediaState: 'Enable' })).status).toBe(204)
  await rig.clock.advance(10_000)
}

test('remote media is off and lists nothing, until it is switched on and some time went by', async () => {
  const status = async () => at((await rig.get(rig.manager)).body, 'Oem', 'Ami', 'VirtualMedia')['RMediaStatus']
  expect([await status(), membersOf(await rig.get(media()))]).toEqual(['Disabled', []])
  expect((await rig.get(`${media()}/CD1`)).status).toBe(404)
  expect((await oem('EnableRMedia', { RMediaState: 'Enable' })).status).toBe(204)
  expect([await status(), membersOf(await rig.get(media()))]).toEqual(['Enabled', []])
  await rig.clock.advance(10_000)
  expect(membersOf(await rig.get(media()))).toEqual([`${media()}/CD1`])
  expect(says(await oem('EnableRMedia', { RMediaState: 'On' }))).toBe('400 Base.1.5.ActionParameterValueNotInList')
})

test('an insert demands the protocol, is a task, and empty is the word None', async () => {
  await enable()
  const refused = await insert({ Image: image })
  expect(says(refused)).toBe('400 Base.1.5.ActionParameterMissing')
  expect(JSON.stringify(refused.body)).toContain('"RelatedProperties":["#/TransferProtocolType"]')
  const { body } = await rig.get(`${media()}/CD1`)
  expect(body).toMatchObject({ Image: 'None', ImageName: 'None', Inserted: false })
  expect(body).not.toHaveProperty('MediaTypes')

  const accepted = await insert({ Image: image, TransferProtocolType: 'HTTP' })
  const task = accepted.headers.get('location') ?? ''
  expect(accepted.status).toBe(202)
  expect((await rig.get(task)).body['TaskState']).toBe('Running')
  expect(rig.bmc.state.slots['CD1']?.inserted).toBe(false)
  await rig.clock.advance(2_000)
  expect((await rig.get(task)).body['TaskState']).toBe('Completed')
  expect(rig.bmc.state.slots['CD1']?.inserted).toBe(true)
})

test('two drives are had by configuring them, after three minutes, and not while one is in use', async () => {
  await enable()
  await insert({ Image: image, TransferProtocolType: 'HTTP' })
  expect((await oem('ConfigureCDInstance', { CDInstance: 2 })).status).toBe(400)
  await rig.clock.advance(2_000)
  await rig.post(`${media()}/CD1/Actions/VirtualMedia.EjectMedia`, {})
  await rig.clock.advance(1_000)
  expect((await oem('ConfigureCDInstance', { CDInstance: 2 })).status).toBe(204)
  expect(membersOf(await rig.get(media()))).toEqual([])
  await rig.clock.advance(180_000)
  expect(membersOf(await rig.get(media()))).toEqual([`${media()}/CD1`, `${media()}/CD2`])
})

test('a change without If-Match is refused, with any or the right one it is not', async () => {
  const body = { Boot: { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd' } }
  expect(says(await rig.patch(rig.system, body, null))).toBe('428 Ami.1.0.PreconditionHeaderMissing')
  expect((await rig.patch(rig.system, body, '*')).status).toBe(204)
  expect((await rig.patch(rig.system, { Boot: { BootSourceOverrideTarget: 'None' } })).status).toBe(204)
  expect(says(await rig.patch(rig.system, body, 'W/"1"'))).toBe('412 Base.1.5.PreconditionFailed')
})

test('it knows four resets, listed in the ActionInfo', async () => {
  expect(says(await rig.reset('GracefulRestart'))).toBe('400 Base.1.5.ActionParameterValueNotInList')
  expect((await rig.reset('On')).status).toBe(204)
})
