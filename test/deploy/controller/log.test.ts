import { DrizzleQueryError } from 'drizzle-orm/errors'
import { expect, test } from 'vitest'
import { createLog } from '../../../deploy/controller/log.ts'
import { Secret } from '../../../deploy/settings/secret.ts'

function capture({ level = 'info' as const }: { level?: 'info' | 'warn' } = {}) {
  const lines: string[] = []
  const log = createLog({ level, controller: 'c1', destination: { write: (line) => void lines.push(line) } })
  return { lines, log }
}

test('a line is one JSON object with its level, time, controller, fields and message', () => {
  const { lines, log } = capture()
  log.info({ job_id: 'j1', duration_ms: 12 }, 'event handled')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^\{.*\}\n$/)
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    controller: 'c1',
    job_id: 'j1',
    duration_ms: 12,
    msg: 'event handled',
  })
})

test('lines below the level are not written', () => {
  const { lines, log } = capture({ level: 'warn' })
  log.info({}, 'quiet')
  log.warn({}, 'loud')
  expect(lines).toHaveLength(1)
})

test('a secret under its usual names does not print, however deep our lines go', () => {
  const { lines, log } = capture()
  const secrets = { password: 'marked', token: 'marked', authorization: 'marked', 'x-webhook-secret': 'marked' }
  log.info(secrets, 'line')
  log.info({ server: { ...secrets, bmc_password: 'marked' } }, 'object')
  log.info({ request: { headers: { ...secrets, cookie: 'marked', 'x-auth-token': 'marked' } } }, 'headers')
  log.info({ config: { webhookSecret: new Secret('marked') } }, 'wrapped')
  expect(lines.join('')).not.toContain('marked')
  expect(lines).toHaveLength(4)
})

test('an error is logged with its cause, and without the values of a failed query', () => {
  const { lines, log } = capture()
  const cause = new Error('connection ended')
  log.error(
    { err: new DrizzleQueryError('insert into sealed values ($1)', ['one\nmarked', 'marked'], cause) },
    'failed',
  )
  log.error(
    { err: new Error('outer', { cause: new DrizzleQueryError('select $1', ['one\nmarked', 'marked'], cause) }) },
    'failed',
  )
  expect(lines.join('')).not.toContain('marked')
  expect(lines[0]).toContain('insert into sealed')
  expect(lines[0]).toContain('connection ended')
  expect(lines[1]).toContain('outer')
})
