import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Config, type ConfigSources, readConfig } from '../../../deploy/settings/config.ts'
import { flagOf, settings, settingsMarkdown } from '../../../deploy/settings/table.ts'

type Partly = { env?: Record<string, string>; flags?: ConfigSources['flags']; files?: Record<string, string> }

function read({ env = {}, flags = {}, files = {} }: Partly) {
  const readFile = (path: string) => {
    const text = files[path]
    if (text === undefined) throw new Error(`no such file: ${path}`)
    return text
  }
  return readConfig({ env, flags, readFile })
}

function accepted(given: Partly): Config & { warnings: readonly string[] } {
  const reading = read(given)
  if (!reading.ok) throw new Error(reading.faults.join('\n'))
  return { ...reading.config, warnings: reading.warnings }
}

function faults(given: Partly): readonly string[] {
  const reading = read(given)
  return reading.ok ? [] : reading.faults
}

const exposed = { HTTP_ADDR: '192.0.2.1:8080', WEBHOOK_SECRET: 'w'.repeat(16) }
const secret = 'marked-secret-0123456789-0123456789'

test('nothing given is a controller for this machine alone', () => {
  const config = accepted({})
  expect(config).toMatchObject({
    httpAddr: { host: '127.0.0.1', port: 8080 },
    publicUrl: 'http://127.0.0.1:8080',
    auth: { mode: 'none' },
    tls: undefined,
    redfishMode: 'noop',
    redfishInsecureTls: false,
    mediaAuth: 'signed',
    taskIsoDir: '.data/tasks',
    logLevel: 'info',
    warnings: [],
  })
})

test('budgets are those of the job, in milliseconds', () => {
  expect(accepted({})).toMatchObject({
    budgetIsoBuildMs: 60_000,
    budgetRedfishMs: 1_200_000,
    budgetRedfishPollMs: 900_000,
    budgetWebhookWaitMs: 7_200_000,
    budgetFirmwareWaitMs: 1_800_000,
    budgetCleanupMs: 600_000,
    jobStuckTimeoutMs: 14_400_000,
  })
})

test('all faults are told at once, by the name of the setting', () => {
  const env = { HTTP_ADDR: 'here', REDFISH_RETRIES: '-1', REDFISH_MODE: 'soap', JOB_LEASE_TTL: '30', LOG_LEVEL: 'loud' }
  const names = faults({ env }).map((fault) => fault.split(':')[0])
  expect(names.toSorted()).toEqual(['HTTP_ADDR', 'JOB_LEASE_TTL', 'LOG_LEVEL', 'REDFISH_MODE', 'REDFISH_RETRIES'])
})

test('a flag goes before the environment, and there the prefixed name before the plain one', () => {
  const env = { LOG_LEVEL: 'warn', PROVISIONER_LOG_LEVEL: 'error' }
  expect(accepted({ env: { LOG_LEVEL: 'warn' } }).logLevel).toBe('warn')
  expect(accepted({ env }).logLevel).toBe('error')
  expect(accepted({ env, flags: { 'log-level': 'debug' } }).logLevel).toBe('debug')
  expect(accepted({ flags: { 'redfish-insecure-tls': true } }).redfishInsecureTls).toBe(true)
  expect(accepted({ env: { LOG_LEVEL: '' } }).logLevel).toBe('info')
})

test('an unknown PROVISIONER_ name is warned about, an unknown flag is a fault', () => {
  expect(accepted({ env: { PROVISIONER_HTTP_ADR: 'x', HTTP_ADR: 'x' } }).warnings).toEqual([
    'PROVISIONER_HTTP_ADR: no such setting',
  ])
  expect(faults({ flags: { 'http-adr': 'x' } })).toEqual(['--http-adr: no such setting'])
})

test('a secret may be in a file, but not in two places, and warns on the command line', () => {
  const file = { env: { WEBHOOK_SECRET_FILE: '/run/secret' }, files: { '/run/secret': `${secret}\n` } }
  expect(accepted(file).webhookSecret?.reveal()).toBe(secret)
  expect(faults({ ...file, files: {} })).toEqual(['WEBHOOK_SECRET_FILE: no such file: /run/secret'])
  expect(faults({ ...file, env: { ...file.env, WEBHOOK_SECRET: secret } })).toEqual([
    'WEBHOOK_SECRET: given together with WEBHOOK_SECRET_FILE',
  ])
  expect(accepted({ flags: { 'webhook-secret': secret } }).warnings).toEqual([
    '--webhook-secret: every user of this machine can see it, use WEBHOOK_SECRET_FILE',
  ])
})

test('secrets do not print, neither when they are accepted nor when they are refused', () => {
  const secrets = settings.filter((setting) => setting.secret)
  const good: Record<string, string> = {
    DATABASE_URL: `postgres://user:${secret}@db/provisioner`,
    NATS_URL: `nats://${secret}@nats`,
    SECRETS_KEY: '42'.repeat(32),
  }
  const env = Object.fromEntries(secrets.map(({ name }) => [name, good[name] ?? secret]))
  const reading = read({ env: { ...env, AUTH_MODE: 'basic', BASIC_USER: 'admin', JWT_SECRET: '' } })
  expect(reading.ok).toBe(true)
  const refused = read({
    env: Object.fromEntries(secrets.map(({ name }) => [name, name.endsWith('URL') ? secret : 'short'])),
  })
  expect(refused).toMatchObject({ ok: false, faults: { length: secrets.length } })
  for (const shown of [JSON.stringify, String, (value: unknown) => inspect(value, { depth: null, showHidden: true })]) {
    expect(shown(reading)).not.toMatch(/marked-secret|4242/)
    expect(shown(refused)).not.toMatch(/marked-secret|short\b/)
  }
})

test('where others can reach it, authentication and a webhook secret are required', () => {
  expect(faults({ env: { HTTP_ADDR: '192.0.2.1:8080' } })).toEqual([
    'AUTH_MODE: must be basic or jwt where others can reach it (or set ALLOW_UNAUTHENTICATED=true)',
    'WEBHOOK_SECRET: required where others can reach it',
  ])
  expect(faults({ env: { ...exposed, AUTH_MODE: 'none' } })).toHaveLength(1)
  const told = accepted({ env: { ...exposed, ALLOW_UNAUTHENTICATED: 'true' } })
  expect(told).toMatchObject({ auth: { mode: 'none' }, warnings: [expect.stringContaining('ALLOW_UNAUTHENTICATED')] })
  const proxied = { PUBLIC_URL: 'https://provisioner.example' }
  expect(faults({ env: proxied })).toHaveLength(2)
})

test.each(['127.0.0.1:0', '127.9.9.9:80', '[::1]:8080', 'localhost:8080'])('%s is loopback', (address) => {
  expect(faults({ env: { HTTP_ADDR: address } })).toEqual([])
})

test.each(['0.0.0.0:80', '[::]:80', '10.0.0.1:80', 'localhost.example:80', '127.example:80'])(
  '%s is not loopback',
  (address) => {
    expect(faults({ env: { HTTP_ADDR: address } })).toContain('WEBHOOK_SECRET: required where others can reach it')
  },
)

test('the public URL is derived from an address that others can use, and otherwise required', () => {
  const env = { ...exposed, AUTH_MODE: 'basic', BASIC_USERS_FILE: 'users' }
  expect(accepted({ env }).publicUrl).toBe('http://192.0.2.1:8080')
  expect(accepted({ env: { ...env, TLS_CERT_FILE: 'a', TLS_KEY_FILE: 'b' } }).publicUrl).toBe('https://192.0.2.1:8080')
  expect(accepted({ env: { HTTP_ADDR: '[::1]:80' } }).publicUrl).toBe('http://[::1]:80')
  expect(accepted({ env: { HTTP_ADDR: '127.0.0.1:0' } }).publicUrl).toBeUndefined()
  expect(accepted({ env: { ...env, PUBLIC_URL: 'https://p.example/base/' } }).publicUrl).toBe('https://p.example/base')
  expect(faults({ env: { ...env, HTTP_ADDR: '0.0.0.0:80' } })).toEqual([expect.stringMatching(/^PUBLIC_URL: /)])
})

test.each([
  [{ AUTH_MODE: 'basic' }, ['AUTH_MODE']],
  [{ AUTH_MODE: 'basic', BASIC_USER: 'a' }, ['AUTH_MODE']],
  [{ AUTH_MODE: 'basic', BASIC_USER: 'a', BASIC_PASS: secret, BASIC_USERS_FILE: 'f' }, ['AUTH_MODE']],
  [{ AUTH_MODE: 'jwt' }, ['AUTH_MODE', 'JWT_AUDIENCE', 'JWT_ISSUER']],
  [
    { AUTH_MODE: 'jwt', JWT_SECRET: secret, JWT_JWKS_URL: 'https://k', JWT_AUDIENCE: 'a', JWT_ISSUER: 'i' },
    ['AUTH_MODE'],
  ],
  [{ TLS_CERT_FILE: 'cert' }, ['TLS_CERT_FILE and TLS_KEY_FILE']],
  [{ NATS_TLS_KEY_FILE: 'key' }, ['NATS_TLS_CERT_FILE and NATS_TLS_KEY_FILE']],
  [{ WEBHOOK_SECRET_PREVIOUS: secret }, ['WEBHOOK_SECRET_PREVIOUS']],
  [{ MEDIA_SIGNING_SECRET_PREVIOUS: secret }, ['MEDIA_SIGNING_SECRET_PREVIOUS']],
])('%j lacks something', (env, names) => {
  expect(faults({ env }).map((fault) => fault.split(':')[0])).toEqual(names)
})

test('authentication is read as one of its forms', () => {
  const basic = accepted({ env: { AUTH_MODE: 'basic', BASIC_USER: 'a', BASIC_PASS: secret } }).auth
  expect(basic).toMatchObject({ mode: 'basic', user: 'a' })
  const jwt = { AUTH_MODE: 'jwt', JWT_JWKS_URL: 'https://keys.example/set', JWT_AUDIENCE: 'a', JWT_ISSUER: 'i' }
  expect(accepted({ env: jwt }).auth).toEqual({
    mode: 'jwt',
    audience: 'a',
    issuer: 'i',
    verifyWith: { jwksUrl: 'https://keys.example/set' },
  })
})

test('what is given and has no effect, or weakens something, is warned about', () => {
  const env = { BASIC_USER: 'a', REDFISH_INSECURE_TLS: 'true', REDFISH_MODE: 'http' }
  const names = accepted({ env }).warnings.map((warning) => warning.split(':')[0])
  expect(names.toSorted()).toEqual(['AUTH_MODE', 'PUBLIC_URL', 'REDFISH_INSECURE_TLS'])
})

test('a duration is its number times its unit', () => {
  const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
  const unit = fc.constantFrom('ms' as const, 's' as const, 'm' as const, 'h' as const)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 576 }), unit, (amount, of) => {
      expect(accepted({ env: { JOB_LEASE_TTL: `${amount}${of}` } }).jobLeaseTtlMs).toBe(amount * unitsMs[of])
    }),
  )
})

test.each(['0s', '30', '1.5h', '-1s', '1d', '577h', '1h30m', ' 1s', '1S'])('%j is no duration', (value) => {
  expect(faults({ env: { JOB_LEASE_TTL: value } })).toEqual([
    expect.stringMatching(/^JOB_LEASE_TTL: must be a duration/),
  ])
})

test.each(['42'.repeat(32), Buffer.alloc(32, 0x42).toString('base64'), Buffer.alloc(32, 0x42).toString('base64url')])(
  'the key %s is 32 bytes',
  (value) => {
    const key = accepted({ env: { SECRETS_KEY: value } }).secretsKey?.reveal()
    expect(key).toEqual(new Uint8Array(32).fill(key?.[0] ?? 0))
    expect(key).toHaveLength(32)
  },
)

test('whatever is given, reading answers with a configuration or with faults', () => {
  const name = fc.constantFrom(...settings.map((setting) => setting.name))
  const value = fc.oneof(
    fc.string(),
    fc.constantFrom('true', '1', '1h', 'http://x', 'basic', 'jwt', 'a:1', '::', ':80'),
  )
  fc.assert(
    fc.property(fc.dictionary(name, value), (env) => {
      const reading = read({ env })
      expect(reading.ok || reading.faults.length > 0).toBe(true)
    }),
  )
})

test('every setting is in the table for readers, once, with a flag of its own', () => {
  const rows = settingsMarkdown().split('\n').slice(2)
  expect(rows.map((row) => /^\| `(\w+)` \|/.exec(row)?.[1])).toEqual(settings.map(({ name }) => name))
  expect(new Set(settings.map(({ flag }) => flag)).size).toBe(settings.length)
  expect(flagOf('HTTP_ADDR')).toBe('http-addr')
  expect(settingsMarkdown()).toContain('| `WEBHOOK_SECRET` | only the token')
})
