// The table of problems: every error of the commands has an answer, and what has none says nothing of itself.
import { expect, test } from 'vitest'
import * as serverErrors from '../../actors/commands/servers.ts'
import * as jobErrors from '../../actors/refusals.ts'
import * as runtimeErrors from '../../actors/runtime.ts'
import * as own from '../../api/errors.ts'
import { internalError, type MappedName, problemOf, problemResponse, problems } from '../../api/problem.ts'
import { UnsealError } from '../../eventstore/ledgers/vault.ts'
import * as appendErrors from '../../eventstore/log/append.ts'
import { InvalidCursor } from '../../eventstore/read-models/cursor.ts'

const failure = { kind: 'refused', message: 'no' }

const answers: { readonly [Name in MappedName]: readonly [Error, number, string] } = {
  InvalidRequest: [new own.InvalidRequest([]), 400, 'validation_error'],
  InvalidRecipe: [new jobErrors.InvalidRecipe([{ path: '/env', code: 'type', message: 'm' }]), 400, 'validation_error'],
  InvalidCursor: [new InvalidCursor('no'), 400, 'invalid_cursor'],
  Unauthenticated: [new own.Unauthenticated('who', 'Basic'), 401, 'unauthenticated'],
  Forbidden: [new own.Forbidden('no'), 403, 'forbidden'],
  UnknownServer: [new jobErrors.UnknownServer('no'), 404, 'unknown_server'],
  UnknownJob: [new jobErrors.UnknownJob('no'), 404, 'unknown_job'],
  NoJobWaiting: [new jobErrors.NoJobWaiting('no'), 404, 'no_job_waiting'],
  NoSuchState: [new own.NoSuchState('no'), 404, 'no_such_state'],
  ActiveJob: [new jobErrors.ActiveJob('S', 'J'), 409, 'active_job'],
  JobEnded: [new jobErrors.JobEnded('no'), 409, 'job_ended'],
  JobNotEnded: [new jobErrors.JobNotEnded('no'), 409, 'job_not_ended'],
  NotAccepted: [new runtimeErrors.NotAccepted('job-1', 'queued', 'x'), 409, 'not_now'],
  NotPinned: [new jobErrors.NotPinned('no'), 409, 'not_pinned'],
  PowerBusy: [new serverErrors.PowerBusy('no'), 409, 'power_busy'],
  BodyTooLarge: [new own.BodyTooLarge('no'), 413, 'too_large'],
  UnsupportedMediaType: [new own.UnsupportedMediaType('no'), 415, 'unsupported_media_type'],
  IdempotencyKeyReused: [new jobErrors.IdempotencyKeyReused('no'), 422, 'idempotency_key_reused'],
  RemovedJob: [new jobErrors.RemovedJob('1', { archiveSha256: 'a', removedAt: 'b' }), 410, 'removed_job'],
  TooManyRequests: [new own.TooManyRequests('no', 1500), 429, 'too_many_requests'],
  UnsealError: [new UnsealError('recipe/1 was sealed with key abc'), 500, 'secret_unreadable'],
  BmcFailed: [new own.BmcFailed('no', failure), 502, 'bmc_failed'],
  Draining: [new own.Draining('no'), 503, 'draining'],
  IdentityProviderDown: [new own.IdentityProviderDown('no'), 503, 'identity_provider_down'],
  TooManyStreams: [new own.TooManyStreams('no'), 503, 'too_many_streams'],
  VersionConflict: [new appendErrors.VersionConflict('no'), 503, 'contended'],
  TooManyRecordings: [new jobErrors.TooManyRecordings('x'), 409, 'too_many_recordings'],
  StillUnderWay: [new serverErrors.StillUnderWay('no'), 504, 'still_under_way'],
}

const told = { requestId: 'r1', publicUrl: 'http://controller.example' }

test.each(Object.entries(answers))('%s has its answer', async (_, [error, status, word]) => {
  const problem = problemOf(error)
  if (problem === null) throw new Error('it has none')
  const response = problemResponse(problem, told)
  expect(response.status).toBe(status)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const body: Record<string, unknown> = JSON.parse(await response.text())
  expect(body).toMatchObject({
    type: `http://controller.example/docs#problem-${word}`,
    status,
    error: word,
    detail: problem.message,
    message: problem.message,
    request_id: 'r1',
  })
  expect(Array.isArray(body['details'])).toBe(true)
})

test('every error that commands throw by name is in the table', () => {
  const classes = [jobErrors, serverErrors, runtimeErrors].flatMap((module) => Object.values(module))
  const errors = classes.filter((one) => typeof one === 'function' && one.prototype instanceof Error)
  const names = errors.map(({ name }) => name)
  expect(names.length).toBeGreaterThan(8)
  expect(names.filter((name) => !Object.hasOwn(problems, name))).toEqual([])
})

test('what an error knows beyond its message is in its answer', () => {
  expect(problemOf(new jobErrors.ActiveJob('S', 'J'))?.members).toEqual({ job_id: 'J' })
  expect(problemOf(new own.BmcFailed('no', failure))?.members).toEqual({ failure })
  expect(problemOf(new own.TooManyRequests('no', 1500))?.headers).toEqual({ 'retry-after': '2' })
  expect(problemOf(answers.InvalidRecipe[0])?.details).toEqual([{ path: '/recipe/env', code: 'type', message: 'm' }])
  expect(problemOf(answers.UnsealError[0])?.message).not.toContain('abc')
})

test('a database that does not answer is an outage, not a defect, also deep in the cause', () => {
  for (const code of ['ECONNREFUSED', 'CONNECT_TIMEOUT', '57P01', '08006', '53300']) {
    const cause = Object.assign(new Error('driver'), { code })
    expect(problemOf(new Error('Failed query', { cause }))).toMatchObject({
      status: 503,
      error: 'database_unavailable',
    })
  }
  expect(problemOf(new Error('Failed query', { cause: Object.assign(new Error('x'), { code: '23505' }) }))).toBeNull()
})

test('an error that nobody thought of has no answer of its own', () => {
  for (const error of [
    new Error('secret'),
    new TypeError('secret'),
    'secret',
    null,
    new appendErrors.ConditionGone('x'),
  ])
    expect(problemOf(error)).toBeNull()
  expect(JSON.stringify(internalError)).not.toContain('secret')
})
