import { afterEach, beforeEach, expect, test } from 'vitest'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { basic, call, refusal, reset, resetPath, systemPath } from '../rig/caller.ts'

let simulator: Simulator
let bmc: SimulatedBmc
let chances: number[]

beforeEach(async () => {
  chances = []
  simulator = await startSimulator({
    bmcs: [{ serial: 'SN-1', username: 'u', password: 'p' }],
    speed: 1_000,
    random: () => chances.shift() ?? 0,
    control: true,
  })
  bmc = simulator.bmc('SN-1')
})

afterEach(async () => {
  await simulator.close()
})

test('a fault strikes the requests that it names, as often as it says', async () => {
  bmc.faults.add({ method: 'GET', path: '/Systems', times: 2, status: 500 })
  expect((await call(bmc, '/redfish/v1/')).status).toBe(200)
  const statuses = []
  for (let index = 0; index < 3; index += 1) statuses.push((await call(bmc, systemPath)).status)
  expect(statuses).toEqual([500, 500, 200])
})

test('an injected error has the form of a real one, or the body and headers that were given', async () => {
  bmc.faults.add({ times: 1, status: 500 })
  expect(refusal(await call(bmc, systemPath))).toBe('500 Base.1.16.GeneralError')
  bmc.faults.add({ times: 1, status: 429, headers: { 'retry-after': '7' }, body: { busy: true } })
  const { status, headers, body } = await call(bmc, systemPath)
  expect({ status, retryAfter: headers.get('retry-after'), body }).toEqual({
    status: 429,
    retryAfter: '7',
    body: { busy: true },
  })
})

test('an injected status keeps the action from being done', async () => {
  bmc.faults.add({ method: 'POST', path: /Reset$/, status: 503, times: 1 })
  expect((await reset(bmc, 'ForceOff')).status).toBe(503)
  expect(bmc.resets).toEqual([])
})

test('a connection dropped before acting leaves the action undone, one dropped after it does not', async () => {
  bmc.faults.add({ path: resetPath, drop: 'before', times: 1 })
  await expect(reset(bmc, 'ForceOff')).rejects.toThrow()
  expect(bmc.resets).toEqual([])
  bmc.faults.add({ path: resetPath, drop: 'after', times: 1 })
  await expect(reset(bmc, 'ForceOff')).rejects.toThrow()
  expect(bmc.resets.map(({ resetType }) => resetType)).toEqual(['ForceOff'])
  expect(bmc.requests.map(({ status }) => status)).toEqual([null, null])
})

test('a delay comes before the action', async () => {
  bmc.faults.add({ path: resetPath, delayMs: 60_000, times: 1 })
  const headers = { ...basic(bmc), 'content-type': 'application/json' }
  const body = JSON.stringify({ ResetType: 'ForceOff' })
  const slow = fetch(`${bmc.url}${resetPath}`, { method: 'POST', headers, body, signal: AbortSignal.timeout(200) })
  await expect(slow).rejects.toThrow('timeout')
  expect(bmc.resets).toEqual([])
})

test('a fault with a probability strikes when the dice say so', async () => {
  bmc.faults.add({ probability: 0.5, status: 500 })
  chances = [0.7, 0.3, 0.5]
  const statuses = []
  for (let index = 0; index < 3; index += 1) statuses.push((await call(bmc, systemPath)).status)
  expect(statuses).toEqual([200, 500, 200])
})

test('cleared faults are gone', async () => {
  bmc.faults.add({ status: 500 })
  bmc.faults.clear()
  expect((await call(bmc, systemPath)).status).toBe(200)
})

test.each([{ times: 0 }, { probability: 0 }, { probability: 2 }, { status: 99 }, { delayMs: -1 }])(
  'the fault %j makes no sense',
  (fault) => {
    expect(() => bmc.faults.add(fault)).toThrow(RangeError)
  },
)

test('another process switches faults on and off over HTTP', async () => {
  const fault = { pathPattern: '^/redfish/v1/Systems/1$', status: 401 }
  const added = await call(bmc, '/simulator/faults', { method: 'POST', body: fault, headers: {} })
  expect(added.status).toBe(204)
  expect((await call(bmc, systemPath)).status).toBe(401)
  expect((await call(bmc, '/redfish/v1/Systems')).status).toBe(200)
  expect((await call(bmc, '/simulator/faults', { method: 'DELETE', headers: {} })).status).toBe(204)
  expect((await call(bmc, systemPath)).status).toBe(200)
})

test.each([{ pathPattern: '(' }, { status: 'high' }, { nonsense: 1 }, []])(
  'the fault %j is refused over HTTP',
  async (body) => {
    expect((await call(bmc, '/simulator/faults', { method: 'POST', body, headers: {} })).status).toBe(400)
    expect((await call(bmc, systemPath)).status).toBe(200)
  },
)

test('another process sees the state over HTTP, and no secrets in it', async () => {
  await reset(bmc, 'ForceOff')
  await expect.poll(() => bmc.state.powerState).toBe('Off')
  const { body } = await call(bmc, '/simulator/state', { headers: {} })
  expect(body).toMatchObject({ serial: 'SN-1', powerState: 'Off', resets: [{ resetType: 'ForceOff' }] })
  expect(Object.keys(body)).not.toContain('password')
})

test('without being asked for, there is no control endpoint', async () => {
  const closed = await startSimulator({ bmcs: [{ serial: 'SN-2', username: 'u', password: 'p' }], speed: 1_000 })
  try {
    const [other] = closed.bmcs
    if (other === undefined) throw new Error('the BMC is missing')
    expect((await call(other, '/simulator/state', { headers: {} })).status).toBe(401)
    expect((await call(other, '/simulator/state')).status).toBe(404)
  } finally {
    await closed.close()
  }
})
