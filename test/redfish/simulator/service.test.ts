import { afterEach, beforeEach, expect, test } from 'vitest'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../redfish/simulator/server.ts'
import { call, managerPath, mediaPath, post, refusal, resetPath, sessionsPath, systemPath } from './rig/caller.ts'
import { ManualClock } from './rig/manual-clock.ts'

const login = { UserName: 'admin', Password: 'password-7f3a' }
let simulator: Simulator
let bmc: SimulatedBmc
let clock: ManualClock

beforeEach(async () => {
  clock = new ManualClock()
  simulator = await startSimulator({
    bmcs: [{ serial: 'SN-1', username: login.UserName, password: login.Password }],
    clock,
    timing: { responseMs: 0 },
  })
  bmc = simulator.bmc('SN-1')
})

afterEach(async () => {
  await simulator.close()
})

async function openSession(): Promise<{ token: string; location: string }> {
  const { status, headers } = await call(bmc, sessionsPath, { method: 'POST', body: login, headers: {} })
  expect(status).toBe(201)
  return { token: headers.get('x-auth-token') ?? '', location: headers.get('location') ?? '' }
}

test('the service root is there without credentials, with and without the final slash', async () => {
  expect((await call(bmc, '/redfish', { headers: {} })).body).toEqual({ v1: '/redfish/v1/' })
  for (const path of ['/redfish/v1', '/redfish/v1/'])
    expect((await call(bmc, path, { headers: {} })).body).toMatchObject({ Id: 'RootService', RedfishVersion: '1.15.0' })
})

test('everything that links lead to is there', async () => {
  const seen = new Set<string>()
  const visit = async (path: string): Promise<void> => {
    if (seen.has(path)) return
    seen.add(path)
    const { status, body } = await call(bmc, path)
    expect(status, path).toBe(200)
    const linked = [...JSON.stringify(body).matchAll(/"@odata\.id":"([^"]+)"/g)].flatMap(([, target]) => target ?? [])
    for (const target of linked) await visit(target)
  }
  await visit('/redfish/v1/')
  expect([...seen]).toEqual(
    expect.arrayContaining([systemPath, managerPath, `${mediaPath}/CD1`, `${mediaPath}/CD2`, '/redfish/v1/Chassis/1']),
  )
})

test('the system shows the serial number, the power and how to change it', async () => {
  const { body } = await call(bmc, systemPath)
  expect(body).toMatchObject({
    SerialNumber: 'SN-1',
    PowerState: 'On',
    BootProgress: { LastState: 'OSRunning' },
    Boot: { BootSourceOverrideEnabled: 'Disabled', BootSourceOverrideTarget: 'None', BootSourceOverrideMode: 'UEFI' },
    Actions: { '#ComputerSystem.Reset': { target: resetPath } },
  })
})

test('without credentials, with wrong ones and with a made-up token there is only 401', async () => {
  const wrong = { authorization: `Basic ${Buffer.from('admin:guess').toString('base64')}` }
  const nobody = await call(bmc, systemPath, { headers: {} })
  expect(refusal(nobody)).toBe('401 Base.1.16.NoValidSession')
  expect(nobody.headers.get('www-authenticate')).toMatch(/^Basic /)
  expect(refusal(await call(bmc, systemPath, { headers: wrong }))).toBe('401 Base.1.16.ResourceAtUriUnauthorized')
  const madeUp = { 'x-auth-token': 'made-up' }
  expect(refusal(await call(bmc, systemPath, { headers: madeUp }))).toBe('401 Base.1.16.NoValidSession')
  expect((await call(bmc, '/redfish/v1/Nowhere', { headers: {} })).status).toBe(401)
})

test('a session opens the service until it is deleted', async () => {
  const { token, location } = await openSession()
  const headers = { 'x-auth-token': token }
  expect((await call(bmc, systemPath, { headers })).status).toBe(200)
  expect((await call(bmc, location, { headers })).body).toMatchObject({ UserName: 'admin' })
  expect(bmc.state.sessions).toBe(1)
  expect((await call(bmc, location, { method: 'DELETE', headers })).status).toBe(204)
  expect((await call(bmc, systemPath, { headers })).status).toBe(401)
  expect(bmc.state.sessions).toBe(0)
})

test('a wrong password opens no session, and the answer does not repeat it', async () => {
  const body = { ...login, Password: 'wrong-secret' }
  const answer = await call(bmc, sessionsPath, { method: 'POST', body, headers: {} })
  expect(refusal(answer)).toBe('401 Base.1.16.ResourceAtUriUnauthorized')
  expect(JSON.stringify(answer.body)).not.toContain('wrong-secret')
})

test('the ninth session is refused until one of the eight is gone', async () => {
  const sessions = []
  for (let index = 0; index < 8; index += 1) sessions.push(await openSession())
  const ninth = await call(bmc, sessionsPath, { method: 'POST', body: login, headers: {} })
  expect(refusal(ninth)).toBe('503 Base.1.16.SessionLimitExceeded')
  const { location = '', token = '' } = sessions[0] ?? {}
  await call(bmc, location, { method: 'DELETE', headers: { 'x-auth-token': token } })
  await openSession()
})

test('a session ends after thirty minutes of silence, and every use starts them again', async () => {
  const { token } = await openSession()
  const use = async () => (await call(bmc, systemPath, { headers: { 'x-auth-token': token } })).status
  await clock.advance(29 * 60_000)
  expect(await use()).toBe(200)
  await clock.advance(29 * 60_000)
  expect(await use()).toBe(200)
  await clock.advance(31 * 60_000)
  expect(await use()).toBe(401)
})

test('a restart of the manager ends all sessions: nobody answers, then there is 503, while the host goes on', async () => {
  const { token } = await openSession()
  expect((await post(bmc, `${managerPath}/Actions/Manager.Reset`, { ResetType: 'GracefulRestart' })).status).toBe(204)
  await expect(call(bmc, '/redfish/v1/', { headers: {} })).rejects.toThrow()
  await clock.advance(3_000)
  const away = await call(bmc, '/redfish/v1/', { headers: {} })
  expect(refusal(away)).toBe('503 Base.1.16.ServiceTemporarilyUnavailable')
  expect(away.headers.get('retry-after')).toBe('5')
  await clock.advance(10_000)
  expect((await call(bmc, systemPath, { headers: { 'x-auth-token': token } })).status).toBe(401)
  expect((await call(bmc, systemPath)).body).toMatchObject({ PowerState: 'On' })
})

test('an override is written, read back, and guarded by its ETag', async () => {
  const before = (await call(bmc, systemPath)).headers.get('etag') ?? ''
  const boot = { BootSourceOverrideEnabled: 'Once', BootSourceOverrideTarget: 'Cd', BootSourceOverrideMode: 'UEFI' }
  const write = async (ifMatch: string) =>
    await fetch(`${bmc.url}${systemPath}`, {
      method: 'PATCH',
      headers: {
        authorization: `Basic ${Buffer.from('admin:password-7f3a').toString('base64')}`,
        'content-type': 'application/json',
        'if-match': ifMatch,
      },
      body: JSON.stringify({ Boot: boot }),
    })
  expect((await write('"someone-elses"')).status).toBe(412)
  expect(bmc.state.bootOverride.enabled).toBe('Disabled')
  expect((await write(before)).status).toBe(204)
  const after = await call(bmc, systemPath)
  expect(after.body['Boot']).toMatchObject(boot)
  expect(after.body['@odata.etag']).toBe(after.headers.get('etag'))
  expect((await write(before)).status).toBe(412)
  expect((await write('*')).status).toBe(204)
})

test.each([
  ['an unknown property', { Boot: { BootDevice: 'Cd' } }, '400 Base.1.16.PropertyUnknown'],
  ['an unknown property of the system', { Colour: 'red' }, '400 Base.1.16.PropertyUnknown'],
  ['a read-only property', { SerialNumber: 'X' }, '400 Base.1.16.PropertyNotWritable'],
  ['a target that it has not', { Boot: { BootSourceOverrideTarget: 'Tape' } }, '400 Base.1.16.PropertyValueNotInList'],
  ['a value of the wrong type', { Boot: { BootSourceOverrideEnabled: 1 } }, '400 Base.1.16.PropertyValueTypeError'],
  ['nothing', {}, '400 Base.1.16.EmptyJSON'],
  ['no object', [], '400 Base.1.16.UnrecognizedRequestBody'],
])('a PATCH of the system with %s is refused', async (_what, body, expected) => {
  expect(refusal(await call(bmc, systemPath, { method: 'PATCH', body }))).toBe(expected)
})

test.each([
  ['without a type', {}, '400 Base.1.16.ActionParameterMissing'],
  ['of an unknown type', { ResetType: 'Kick' }, '400 Base.1.16.ActionParameterValueNotInList'],
  ['of a number', { ResetType: 1 }, '400 Base.1.16.ActionParameterValueTypeError'],
  ['with an unknown parameter', { ResetType: 'On', Hard: true }, '400 Base.1.16.PropertyUnknown'],
  ['to what it is already', { ResetType: 'On' }, '409 Base.1.16.ActionParameterValueConflict'],
])('a reset %s is refused', async (_what, body, expected) => {
  expect(refusal(await post(bmc, resetPath, body))).toBe(expected)
  expect(bmc.resets).toEqual([])
})

test('an error carries code, message and extended information with the related property', async () => {
  const { body } = await call(bmc, systemPath, {
    method: 'PATCH',
    body: { Boot: { BootSourceOverrideTarget: 'Tape' } },
  })
  const message = "The value 'Tape' for the property BootSourceOverrideTarget is not in the list of acceptable values."
  expect(body).toEqual({
    error: {
      code: 'Base.1.16.PropertyValueNotInList',
      message,
      '@Message.ExtendedInfo': [
        expect.objectContaining({
          MessageId: 'Base.1.16.PropertyValueNotInList',
          Message: message,
          MessageArgs: ['Tape', 'BootSourceOverrideTarget'],
          MessageSeverity: 'Warning',
          RelatedProperties: ['#/Boot/BootSourceOverrideTarget'],
        }),
      ],
    },
  })
})

test('what is not there, not allowed, not JSON or too long is refused as such', async () => {
  expect(refusal(await call(bmc, '/redfish/v1/Nowhere'))).toBe('404 Base.1.16.ResourceMissingAtURI')
  expect(refusal(await call(bmc, '/redfish/v1/constructor'))).toBe('404 Base.1.16.ResourceMissingAtURI')
  const wrongMethod = await call(bmc, systemPath, { method: 'DELETE' })
  expect(refusal(wrongMethod)).toBe('405 Base.1.16.OperationNotAllowed')
  expect(wrongMethod.headers.get('allow')).toBe('GET, HEAD, PATCH')
  const huge = { ResetType: 'x'.repeat(70_000) }
  expect(refusal(await post(bmc, resetPath, huge))).toBe('413 Base.1.16.PayloadTooLarge')
  const authorization = `Basic ${Buffer.from('admin:password-7f3a').toString('base64')}`
  const raw = async (contentType: string) => {
    const headers = { authorization, 'content-type': contentType }
    return (await fetch(`${bmc.url}${resetPath}`, { method: 'POST', headers, body: '{"ResetType"' })).status
  }
  expect(await raw('application/json')).toBe(400)
  expect(await raw('text/plain')).toBe(415)
})

test('HEAD answers like GET without the body', async () => {
  const { status, headers, body } = await call(bmc, systemPath, { method: 'HEAD' })
  expect(status).toBe(200)
  expect(headers.get('etag')).toMatch(/^"/)
  expect(body).toEqual({})
})

test('every request is on record, in order, and none of them with its credentials', async () => {
  await call(bmc, '/redfish/v1/', { headers: {} })
  await post(bmc, sessionsPath, login)
  await call(bmc, `${systemPath}?$select=PowerState`)
  const record = bmc.requests.map(({ method, path, status }) => `${method} ${path} ${status}`)
  expect(record).toEqual(['GET /redfish/v1/ 200', `POST ${sessionsPath} 201`, `GET ${systemPath} 200`])
  expect(JSON.stringify(bmc.requests)).not.toContain(login.Password)
})

test('several BMCs have an origin, a serial number and a state of their own', async () => {
  const three = await startSimulator({
    bmcs: ['A', 'B', 'C'].map((serial) => ({ serial, username: 'u', password: `password-${serial}` })),
    speed: 100,
  })
  try {
    expect(new Set(three.bmcs.map(({ url }) => url)).size).toBe(3)
    const [first, second] = three.bmcs
    if (first === undefined || second === undefined) throw new Error('two BMCs are missing')
    expect((await call(second, systemPath)).body).toMatchObject({ SerialNumber: 'B' })
    expect((await call(second, systemPath, { headers: { authorization: 'Basic dTpwYXNzd29yZC1B' } })).status).toBe(401)
    await post(first, resetPath, { ResetType: 'ForceOff' })
    await expect.poll(() => first.state.powerState).toBe('Off')
    expect(second.state.powerState).toBe('On')
  } finally {
    await three.close()
  }
})

test('options that make no sense do not start a simulator', async () => {
  const one = { serial: 'A', username: 'u', password: 'p' }
  await expect(startSimulator({ bmcs: [one, one] })).rejects.toThrow('same serial')
  await expect(startSimulator({ bmcs: [] })).rejects.toThrow('1 to 1000 BMCs')
  await expect(startSimulator({ bmcs: [{ ...one, host: { failAt: 'nothing.service' } }] })).rejects.toThrow('failAt')
  await expect(startSimulator({ bmcs: [one], speed: 0 })).rejects.toThrow('speed')
  const taken = Number(new URL(bmc.url).port)
  await expect(startSimulator({ bmcs: [one], port: taken })).rejects.toThrow('EADDRINUSE')
})
