/** Sessions on a BMC that has few of them: none is left behind, and no password is tried until the account is locked. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Bmc } from '../../../../redfish/bmc.ts'
import { createHttpBmc } from '../../../../redfish/client/client.ts'
import type { HttpBmcOptions } from '../../../../redfish/client/options.ts'
import { ADVICE } from '../../../../redfish/failure.ts'
import type { Learned } from '../../../../redfish/learned.ts'
import { createTransientLedger, type SessionLedger } from '../../../../redfish/session-ledger.ts'
import { type SimulatedBmc, type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { patience } from '../../../rig/patience.ts'
import { errorOf, failureOf } from '../../bmc-contract.ts'
import { QUICK_LIMITS, QUICK_RETRIES } from '../../rig/quick.ts'

const account = { username: 'operator', password: 'hunter2-hunter2' }
const sessions = /Sessions$/
const session = /Sessions\/\d+$/

let simulator: Simulator
let its: SimulatedBmc
let ledger: SessionLedger
const options = () => ({ signal: patience() })

beforeEach(async () => {
  simulator = await startSimulator({ speed: 50, bmcs: [{ serial: 'S1', ...account, checksImages: false }] })
  its = simulator.bmc('S1')
  ledger = createTransientLedger({ now: Date.now })
})
afterEach(() => simulator.close())

/** The client of another process: it shares the ledger and its options only. */
function client(password = account.password, own: Partial<HttpBmcOptions> = {}): Bmc {
  return createHttpBmc({
    ...own,
    address: its.url,
    username: account.username,
    password,
    tls: { mode: 'system' },
    limits: QUICK_LIMITS,
    retries: QUICK_RETRIES,
    sessions: ledger,
  })
}

const count = (method: string, path: RegExp) =>
  its.requests.filter((request) => request.method === method && path.test(request.path)).length

/** A login by another tool. */
async function logIn() {
  const url = `${its.url}/redfish/v1/SessionService/Sessions`
  const body = JSON.stringify({ UserName: account.username, Password: account.password })
  const answer = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  return { path: answer.headers.get('location') ?? '', token: answer.headers.get('x-auth-token') ?? '' }
}

/** A session of a process that died. */
async function orphan(): Promise<void> {
  const { id } = await ledger.intend()
  await ledger.opened(id, await logIn())
  await ledger.lost(id)
}

test('a session table that is full of a dead process’s sessions is emptied before the login', async () => {
  for (let left = 0; left < 8; left++) await orphan()
  const bmc = client()
  expect((await bmc.discover(options())).session).toBe('session')
  expect(its.state.sessions).toBe(1)
  await bmc.close(options())
  expect(its.state.sessions).toBe(0)
})

test('sessions that were left are ended on demand without a login, and the operator’s are not', async () => {
  await logIn()
  await orphan()
  const logins = count('POST', sessions)
  const bmc = client()
  await bmc.endLostSessions(options())
  expect(its.state.sessions).toBe(1)
  expect(count('POST', sessions)).toBe(logins)
  await bmc.close(options())
})

test('a session that timed out, and whose path is another’s by now, is not ended again', async () => {
  const { path } = await logIn()
  const { id } = await ledger.intend()
  await ledger.opened(id, { path, token: 'of-a-session-that-is-gone' })
  await ledger.lost(id)
  const bmc = client()
  await bmc.endLostSessions(options())
  expect(its.state.sessions).toBe(1)
  expect(await ledger.orphans()).toEqual([])
  await bmc.close(options())
})

test('a login whose answer got lost leaves no session', async () => {
  its.faults.add({ method: 'POST', path: sessions, times: 2, drop: 'after' })
  const bmc = client()
  await bmc.power(options())
  expect(count('POST', sessions)).toBe(3)
  expect(its.state.sessions).toBe(1)
  await bmc.close(options())
  expect(its.state.sessions).toBe(0)
})

test('a login whose process died before it was answered leaves no session', async () => {
  await ledger.lost((await ledger.intend()).id)
  await logIn()
  const bmc = client()
  await bmc.endLostSessions(options())
  expect(its.state.sessions).toBe(1)
  await bmc.close(options())
  expect(its.state.sessions).toBe(0)
})

test('what cannot be told from the session of another tool is left to its time-out', async () => {
  await logIn()
  its.faults.add({ method: 'POST', path: sessions, times: 1, drop: 'after' })
  const bmc = client()
  await bmc.power(options())
  expect(its.state.sessions).toBe(3)
  await bmc.close(options())
  expect(its.state.sessions).toBe(2)
})

test('a refusal by mood right after the login costs no other login', async () => {
  // The service root is read twice: to find the session service, then as the first request of the session.
  its.faults.add({ method: 'GET', path: /v1.$/, times: 2, status: 401 })
  const bmc = client()
  await bmc.power(options())
  expect(count('GET', /v1.$/)).toBe(3)
  expect(count('POST', sessions)).toBe(1)
  await bmc.close(options())
})

test('a session that is given up because it was refused is deleted', async () => {
  const bmc = client()
  await bmc.power(options())
  its.faults.add({ method: 'GET', times: 1, status: 401 })
  await bmc.power(options())
  expect(its.state.sessions).toBe(1)
  expect(count('DELETE', session)).toBe(1)
  await bmc.close(options())
})

test.each([
  ['an error', { status: 500 }],
  ['a 401 by mood', { status: 401 }],
  ['a broken connection', { drop: 'before' as const }],
])('closing deletes the session in spite of %s', async (_, fault) => {
  const bmc = client()
  await bmc.power(options())
  its.faults.add({ method: 'DELETE', times: 1, ...fault })
  await bmc.close(options())
  expect(its.state.sessions).toBe(0)
})

test('a wrong password is tried three times, whoever tries it, until one is taken', async () => {
  for (let process = 0; process < 5; process++) {
    const bmc = client('wr0ng-password')
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'unauthorized', retry: false })
    await bmc.close(options())
  }
  expect(count('POST', sessions)).toBe(3)
})

test('Basic that is refused counts like a login that is refused', async () => {
  its.faults.add({ method: 'POST', path: sessions, status: 405 })
  for (let process = 0; process < 5; process++) {
    const bmc = client('wr0ng-password')
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'unauthorized', retry: false })
    await bmc.close(options())
  }
  expect(its.requests.filter(({ status }) => status === 401)).toHaveLength(3)
})

test.each(['PasswordChangeRequired', 'AccessDenied'])('a login that is refused with %s says so, once', async (key) => {
  const body = { error: { '@Message.ExtendedInfo': [{ MessageId: `Base.1.12.${key}` }] } }
  its.faults.add({ method: 'POST', path: sessions, status: 403, body })
  const bmc = client()
  for (let again = 0; again < 2; again++) {
    const failure = { kind: 'refused', retry: false, status: 403, messageId: `Base.1.12.${key}` }
    expect(await failureOf(bmc.power(options()))).toMatchObject(failure)
  }
  expect(count('POST', sessions)).toBe(1)
  await bmc.close(options())
})

/** A BMC without Basic, whose session table other tools have filled. */
async function fullWithoutBasic(): Promise<readonly { readonly path: string; readonly token: string }[]> {
  await simulator.close()
  const bmc = { serial: 'S1', ...account, checksImages: false, profile: 'supermicro-x11' } as const
  simulator = await startSimulator({ speed: 50, bmcs: [bmc] })
  its = simulator.bmc('S1')
  return Promise.all(Array.from({ length: 16 }, logIn))
}

const basicRequests = () => its.requests.filter(({ status }) => status === 401).length

test('a full session table is named as such where there is no Basic, and the password is not blamed', async () => {
  await fullWithoutBasic()
  const bmc = client()
  const error = await errorOf(bmc.power(options()))
  expect(error.failure).toMatchObject({ status: 503, problem: 'session-table-full', retry: false })
  expect(error.message).toContain('503 all sessions of the BMC are in use')
  expect(error.message).not.toMatch(/credentials|password/)
  expect(error.message).toContain(ADVICE['session-table-full'])
  await bmc.close(options())
})

test('a full session table is no wrong password: Basic is tried once, whoever comes, and a free place is taken at once', async () => {
  const others = await fullWithoutBasic()
  let learned: Learned = {}
  const onLearned = (all: Learned) => {
    learned = all
  }
  const another = () => client(account.password, { learned, onLearned })
  for (let process = 0; process < 5; process++) {
    const bmc = another()
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'unauthorized', problem: 'session-table-full' })
    expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'unauthorized', problem: 'session-table-full' })
    await bmc.close(options())
  }
  expect(basicRequests()).toBe(1)
  const bmc = another()
  expect(await failureOf(bmc.power(options()))).toMatchObject({ problem: 'session-table-full' })
  const [first] = others
  await fetch(`${its.url}${first?.path}`, { method: 'DELETE', headers: { 'x-auth-token': first?.token ?? '' } })
  expect(await bmc.power(options())).toMatchObject({ powerState: expect.any(String) })
  await bmc.close(options())
})

test.each([401, 403])(
  'a login that is refused for a full table counts as none of a wrong password, as %i too',
  async (status) => {
    const body = { error: { '@Message.ExtendedInfo': [{ MessageId: 'iLO.2.14.SessionLimitExceeded' }] } }
    its.faults.add({ method: 'POST', path: sessions, status, body })
    for (let process = 0; process < 5; process++) {
      const bmc = client()
      expect(await bmc.power(options())).toMatchObject({ powerState: expect.any(String) })
      await bmc.close(options())
    }
    expect(count('POST', sessions)).toBe(5)
  },
)

test('Basic that stood in for a session and worked is blamed when it is refused later', async () => {
  its.faults.add({
    method: 'POST',
    path: sessions,
    status: 503,
    body: { error: { '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.2.9.RAC0218' }] } },
  })
  const bmc = client()
  await bmc.power(options())
  its.faults.add({ method: 'GET', status: 401 })
  expect(await failureOf(bmc.power(options()))).toMatchObject({ kind: 'unauthorized', retry: false })
  expect((await ledger.intend()).refusals).toBe(1)
  await bmc.close(options())
})
