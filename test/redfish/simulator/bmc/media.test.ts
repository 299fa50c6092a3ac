import { afterEach, beforeEach, expect, test } from 'vitest'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { call, eject, insert, mediaPath, post, refusal } from '../rig/caller.ts'
import { ManualClock } from '../rig/manual-clock.ts'
import { type Site, startSite } from '../rig/site.ts'

let site: Site
let simulator: Simulator
let bmc: SimulatedBmc
let clock: ManualClock

beforeEach(async () => {
  site = await startSite()
  site.images.set('/token-1/task.iso', Buffer.from('any bytes'))
  clock = new ManualClock()
  simulator = await startSimulator({
    bmcs: [{ serial: 'SN-1', username: 'u', password: 'p' }],
    clock,
    timing: { responseMs: 0, mediaAttachMs: 500, mediaDetachMs: 200 },
  })
  bmc = simulator.bmc('SN-1')
})

afterEach(async () => {
  await simulator.close()
  await site.close()
})

const insertPath = `${mediaPath}/CD1/Actions/VirtualMedia.InsertMedia`

test('an empty slot says so', async () => {
  expect((await call(bmc, `${mediaPath}/CD1`)).body).toMatchObject({
    MediaTypes: ['CD', 'DVD'],
    Inserted: false,
    Image: null,
    ImageName: null,
    ConnectedVia: 'NotConnected',
    WriteProtected: null,
  })
})

test('an insert names the image at once and is inserted a moment later', async () => {
  const image = `${site.url}/token-1/task.iso`
  expect((await insert(bmc, 'CD1', image)).status).toBe(204)
  expect((await call(bmc, `${mediaPath}/CD1`)).body).toMatchObject({ Inserted: false, Image: image })
  await clock.advance(500)
  expect((await call(bmc, `${mediaPath}/CD1`)).body).toMatchObject({
    Inserted: true,
    Image: image,
    ImageName: 'task.iso',
    ConnectedVia: 'URI',
    WriteProtected: true,
    TransferMethod: 'Stream',
    TransferProtocolType: 'HTTP',
  })
  expect(bmc.state.slots['CD2']).toEqual({ inserted: false, image: null })
  expect(site.fetched.map(({ method }) => method)).toEqual(['HEAD'])
})

test('an eject leaves the slot inserted for a moment, then empty', async () => {
  await insert(bmc, 'CD1', `${site.url}/token-1/task.iso`)
  await clock.advance(500)
  expect((await eject(bmc, 'CD1')).status).toBe(204)
  expect((await call(bmc, `${mediaPath}/CD1`)).body).toMatchObject({ Inserted: true })
  expect(refusal(await insert(bmc, 'CD1', `${site.url}/token-1/task.iso`))).toBe('409 Base.1.16.ResourceInUse')
  await clock.advance(200)
  expect((await call(bmc, `${mediaPath}/CD1`)).body).toMatchObject({ Inserted: false, Image: null })
})

test('an eject before the image is attached keeps it from being attached', async () => {
  await insert(bmc, 'CD1', `${site.url}/token-1/task.iso`)
  await eject(bmc, 'CD1')
  await clock.advance(10_000)
  expect(bmc.state.slots['CD1']).toEqual({ inserted: false, image: null })
})

test('ejecting an empty slot succeeds, also without any body', async () => {
  expect((await eject(bmc, 'CD1')).status).toBe(204)
  const path = `${mediaPath}/CD1/Actions/VirtualMedia.EjectMedia`
  expect((await call(bmc, path, { method: 'POST' })).status).toBe(204)
})

test('an occupied slot refuses another image and keeps its own', async () => {
  const image = `${site.url}/token-1/task.iso`
  await insert(bmc, 'CD1', image)
  await clock.advance(500)
  expect(refusal(await insert(bmc, 'CD1', image))).toBe('409 Base.1.16.ResourceInUse')
  expect(bmc.state.slots['CD1']).toEqual({ inserted: true, image })
})

test('an image that is not there, not allowed or not reachable is refused', async () => {
  expect(refusal(await insert(bmc, 'CD1', `${site.url}/missing.iso`))).toBe('400 Base.1.16.ResourceMissingAtURI')
  site.intercept = () => 403
  const forbidden = await insert(bmc, 'CD1', `${site.url}/token-1/task.iso`)
  expect(refusal(forbidden)).toBe('400 Base.1.16.ResourceAtUriUnauthorized')
  const gone = await startSite()
  await gone.close()
  expect(refusal(await insert(bmc, 'CD1', `${gone.url}/x.iso`))).toBe('400 Base.1.16.CouldNotEstablishConnection')
  expect(bmc.state.slots['CD1']).toEqual({ inserted: false, image: null })
})

test('a BMC that does not check images takes any address', async () => {
  const trusting = await startSimulator({
    bmcs: [{ serial: 'SN-2', username: 'u', password: 'p', checksImages: false }],
    speed: 100,
  })
  try {
    const [other] = trusting.bmcs
    if (other === undefined) throw new Error('the BMC is missing')
    expect((await insert(other, 'CD2', 'http://192.0.2.1/x.iso')).status).toBe(204)
    await expect.poll(() => other.state.slots['CD2']?.inserted).toBe(true)
  } finally {
    await trusting.close()
  }
})

test.each([
  ['no image', {}, '400 Base.1.16.ActionParameterMissing'],
  ['an image that is no web address', { Image: 'nfs://server/x.iso' }, '400 Base.1.16.ActionParameterValueFormatError'],
  ['an image that is a number', { Image: 7 }, '400 Base.1.16.ActionParameterValueTypeError'],
  ['a parameter that nobody knows', { Image: 'http://192.0.2.1/', Eject: true }, '400 Base.1.16.PropertyUnknown'],
  ['Inserted: false', { Image: 'http://192.0.2.1/', Inserted: false }, '400 Base.1.16.ActionParameterValueNotInList'],
  [
    'an upload',
    { Image: 'http://192.0.2.1/', TransferMethod: 'Upload' },
    '400 Base.1.16.ActionParameterValueNotInList',
  ],
])('an insert with %s is refused', async (_what, body, expected) => {
  const answer = await post(bmc, insertPath, body)
  expect(refusal(answer)).toBe(expected)
})

test('every documented parameter is taken, and the password is not shown again', async () => {
  const body = {
    Image: `${site.url}/token-1/task.iso`,
    Inserted: true,
    WriteProtected: true,
    TransferMethod: 'Stream',
    TransferProtocolType: 'HTTP',
    UserName: 'reader',
    Password: 'image-secret',
  }
  expect((await post(bmc, insertPath, body)).status).toBe(204)
  await clock.advance(500)
  const slot = await call(bmc, `${mediaPath}/CD1`)
  expect(slot.body).toMatchObject({ UserName: 'reader', Password: null })
  expect(JSON.stringify(slot.body)).not.toContain('image-secret')
})
