// Who may do what: basic, jwt, none, and the roles.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import type { AuthOptions } from '../../../api/access/auth.ts'
import { hashPassword } from '../../../api/access/passwords.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { openSite, siteOn } from '../site.ts'

const open = await openSite()
const secret = 'a-jwt-secret-that-has-32-bytes-or-more'
const jwt: AuthOptions = { mode: 'jwt', key: { secret }, audience: 'provisioner', issuer: 'https://id.example' }
const basic: AuthOptions = {
  mode: 'basic',
  users: [
    { username: 'rita', role: 'reader', password: { plain: 'marked-password-of-rita' } },
    { username: 'otto', role: 'operator', password: { plain: 'pass:with:colons' } },
    { username: 'adam', role: 'admin', password: { hash: await hashPassword('hashed') } },
  ],
}
const withBasic = await siteOn(open.world, { auth: basic })
const withJwt = await siteOn(open.world, { auth: jwt })

const login = (name: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
})
const reader = login('rita', 'marked-password-of-rita')
const operator = login('otto', 'pass:with:colons')
const admin = login('adam', 'hashed')

type Token = {
  readonly claims?: JWTPayload
  readonly alg?: string
  readonly expires?: string | null
  readonly by?: Uint8Array
}
const key = new TextEncoder().encode(secret)
async function token({ claims = {}, alg = 'HS256', expires = '5m', by = key }: Token = {}): Promise<string> {
  const usual = { sub: 'alice', aud: 'provisioner', iss: 'https://id.example', roles: ['reader'] }
  const signed = new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg })
  return (expires === null ? signed : signed.setExpirationTime(expires)).sign(by)
}
const bearer = (value: string) => ({ authorization: `Bearer ${value}` })
const unsigned = async () => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${(await token()).split('.')[1]}.`
const list = '/api/v1/jobs'

const operations = Object.entries(open.document.paths ?? {}).flatMap(([path, item]) =>
  Object.keys(item).map((method) => ({ method: method.toUpperCase(), path: path.replace(/\{\w+\}/g, 'x') })),
)
const guarded = operations.filter(({ path }) => /^\/api\/v1\/(?:jobs|servers)/.test(path) || path === '/metrics')

test.each(guarded)('$method $path asks who is there', async ({ method, path }) => {
  const answer = await withBasic.ask(method, path)
  expect([answer.status, answer.body['error']]).toEqual([401, 'unauthenticated'])
  expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
})

test('every operation of jobs and servers and the metrics are guarded, the rest is open', () => {
  expect(guarded.length).toBe(22)
  const rest = operations.filter((operation) => !guarded.includes(operation)).map(({ path }) => path.split('/')[1])
  expect([...new Set(rest)].sort()).toEqual(['api', 'healthz', 'media', 'readyz'])
})

test.each(['/healthz', '/readyz', '/openapi.json', '/docs'])('%s needs no login', async (path) => {
  expect((await withBasic.ask('GET', path)).status).toBe(200)
})

test('a path that does not exist tells nothing to who is not logged in', async () => {
  expect((await withBasic.ask('GET', '/api/v1/none')).status).toBe(401)
  expect((await withBasic.ask('GET', '/api/v1/none', { headers: reader })).status).toBe(404)
})

test.each([
  ['GET', '/api/v1/jobs', [200, 200, 200]],
  ['GET', '/metrics', [200, 200, 200]],
  ['POST', '/api/v1/jobs', [403, 415, 415]],
  ['POST', '/api/v1/servers/NOBODY/probe', [403, 404, 404]],
  ['POST', '/api/v1/servers/NOBODY/power', [403, 403, 400]],
  ['DELETE', '/api/v1/servers/NOBODY', [403, 403, 404]],
  ['PUT', '/api/v1/servers/probe', [403, 403, 400]],
  ['PUT', '/api/v1/servers/NOBODY/recording', [403, 403, 404]],
  ['DELETE', '/api/v1/servers/NOBODY/recording', [403, 403, 204]],
] as const)('%s %s answers reader, operator, admin as their roles allow', async (method, path, expected) => {
  const statuses: number[] = []
  for (const headers of [reader, operator, admin])
    statuses.push((await withBasic.ask(method, path, { headers })).status)
  expect(statuses).toEqual(expected)
})

test('the acting principal, its request and its trace are on the event it causes', async () => {
  const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const headers = { ...admin, 'x-request-id': 'req-1', traceparent: trace }
  const body = { bmc_address: 'https://192.0.2.1', bmc_username: 'a', bmc_password: 'b' }
  const answer = await withBasic.ask('PUT', '/api/v1/servers/ACT-1', { headers, body })
  expect(answer.headers.get('x-request-id')).toBe('req-1')
  const [event] = await readStream(open.world.db, serverStream('ACT-1'))
  expect(event).toMatchObject({ actor: 'principal:adam', causation_id: 'req-1', trace })
})

test.each([
  ['an unknown name', login('nobody', 'hashed')],
  ['a wrong password', login('adam', 'wrong')],
  ['no password', login('adam', '')],
  ['no colon', { authorization: `Basic ${Buffer.from('adam').toString('base64')}` }],
  ['another scheme', { authorization: 'Bearer adam:hashed' }],
  ['nothing that is base64', { authorization: 'Basic $$$' }],
])('%s is not let in', async (_, headers) => {
  const fresh = await siteOn(open.world, { auth: basic })
  expect((await fresh.ask('GET', list, { headers })).status).toBe(401)
})

test('who guesses too often is not heard for a while; who sends no credentials is not guessing', async () => {
  const site = await siteOn(open.world, { auth: basic, limits: { ...open.options.limits, authFailuresPerMinute: 2 } })
  for (let count = 0; count < 5; count += 1) expect((await site.ask('GET', list)).status).toBe(401)
  const guess = { headers: login('adam', 'guess') }
  expect([(await site.ask('GET', list, guess)).status, (await site.ask('GET', list, guess)).status]).toEqual([401, 401])
  const refused = await site.ask('GET', list, { headers: admin })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '30'])
  site.clock.nowMs += 60_000
  expect((await site.ask('GET', list, { headers: admin })).status).toBe(200)
})

test('a valid token is let in as its subject with its highest role', async () => {
  const headers = bearer(await token({ claims: { roles: ['reader', 'admin', 'unknown'] } }))
  expect((await withJwt.ask('DELETE', '/api/v1/servers/NOBODY', { headers })).status).toBe(404)
  const withoutRole = await withJwt.ask('GET', list, { headers: bearer(await token({ claims: { roles: [] } })) })
  expect([withoutRole.status, withoutRole.body['error']]).toEqual([403, 'forbidden'])
})

test.each([
  ['of another audience', () => token({ claims: { aud: 'other' } })],
  ['of another issuer', () => token({ claims: { iss: 'https://evil.example' } })],
  ['that has expired', () => token({ expires: '-1m' })],
  ['without an end', () => token({ expires: null })],
  ['without a subject', () => token({ claims: { sub: '' } })],
  ['whose subject cannot stand in the log', () => token({ claims: { sub: 'a\nb' } })],
  ['of another algorithm', () => token({ alg: 'HS384', by: Buffer.alloc(64, key) })],
  ['without a signature', unsigned],
  ['signed by another', () => token({ by: Buffer.alloc(32) })],
] as const)('a token %s is not let in', async (_, make) => {
  const answer = await withJwt.ask('GET', list, { headers: bearer(await make()) })
  expect([answer.status, answer.body['error']]).toEqual([401, 'unauthenticated'])
})

test('keys of a key set are believed, their public half as a shared secret is not, and a dead key set is 503', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] }))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  const site = await siteOn(open.world, { auth: { ...jwt, key: { jwksUrl } } })
  const claims = { sub: 'carol', aud: 'provisioner', iss: 'https://id.example', roles: 'reader' }
  const made = (alg: string) => new SignJWT(claims).setProtectedHeader({ alg, kid: 'k1' }).setExpirationTime('5m')
  const signed = await made('ES256').sign(privateKey)
  expect((await site.ask('GET', list, { headers: bearer(signed) })).status).toBe(200)
  const forged = await made('HS256').sign(Buffer.from(JSON.stringify(jwk)))
  expect((await site.ask('GET', list, { headers: bearer(forged) })).status).toBe(401)

  const closed = await siteOn(open.world, { auth: { ...jwt, key: { jwksUrl: 'http://127.0.0.1:1/keys' } } })
  const answer = await closed.ask('GET', list, { headers: bearer(signed) })
  expect([answer.status, answer.body['error']]).toEqual([503, 'identity_provider_down'])
})

test('configurations that must not be used are refused at the start', async () => {
  const short: AuthOptions = { ...jwt, key: { secret: 'short' } }
  const twice: AuthOptions = { mode: 'basic', users: [...basic.users, ...basic.users] }
  const noHash: AuthOptions = { mode: 'basic', users: [{ username: 'a', role: 'admin', password: { hash: 'md5' } }] }
  for (const auth of [short, twice, noHash]) await expect(siteOn(open.world, { auth })).rejects.toThrow(RangeError)
})
