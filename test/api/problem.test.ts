// The table of problems: every error of the commands has an answer, and what has none says nothing of itself.
import { expect, test } from 'vitest'
import * as commandErrors from '../../actors/refusals.ts'
import { type Refusal, Refused } from '../../actors/refusals.ts'
import * as runtimeErrors from '../../actors/runtime.ts'
import * as requestErrors from '../../api/errors.ts'
import { type RequestRefusal, RequestRefused } from '../../api/errors.ts'
import { type answers, internalError, problemOf, problemResponse } from '../../api/problem.ts'
import { UnsealError } from '../../eventstore/ledgers/vault.ts'
import * as appendErrors from '../../eventstore/log/append.ts'
import { InvalidCursor } from '../../eventstore/read-models/cursor.ts'

const failure = { kind: 'refused', message: 'no' }

const refused = (refusal: Refusal) => new Refused(refusal, 'no')
const requestRefused = (refusal: RequestRefusal) => new RequestRefused(refusal, 'no')
const invalidRecipe = refused({ kind: 'invalid_recipe', faults: [{ path: '/env', code: 'type', message: 'm' }] })
const activeJob = refused({ kind: 'active_job', jobId: 'J' })
const unsealError = new UnsealError('recipe/1 was sealed with key abc')

/** Each error, and the status of its answer. The machine word is the key, but for a recipe that is a fault of its request. */
const thrown: { readonly [Kind in Refusal['kind'] | keyof typeof answers]: readonly [Error, number] } = {
  validation_error: [requestRefused({ kind: 'validation_error', details: [] }), 400],
  invalid_recipe: [invalidRecipe, 400],
  invalid_cursor: [new InvalidCursor('no'), 400],
  unauthenticated: [requestRefused({ kind: 'unauthenticated', challenge: 'Basic' }), 401],
  forbidden: [requestRefused({ kind: 'forbidden' }), 403],
  unknown_server: [refused({ kind: 'unknown_server' }), 404],
  unknown_job: [refused({ kind: 'unknown_job' }), 404],
  no_job_waiting: [refused({ kind: 'no_job_waiting' }), 404],
  no_such_state: [requestRefused({ kind: 'no_such_state' }), 404],
  active_job: [activeJob, 409],
  job_ended: [refused({ kind: 'job_ended' }), 409],
  job_not_ended: [refused({ kind: 'job_not_ended' }), 409],
  not_now: [new runtimeErrors.NotAccepted('job-1', 'queued', 'x'), 409],
  not_pinned: [refused({ kind: 'not_pinned' }), 409],
  power_busy: [refused({ kind: 'power_busy' }), 409],
  too_many_recordings: [refused({ kind: 'too_many_recordings' }), 409],
  removed_job: [refused({ kind: 'removed_job', archiveSha256: 'a', removedAt: 'b' }), 410],
  too_large: [requestRefused({ kind: 'too_large' }), 413],
  unsupported_media_type: [requestRefused({ kind: 'unsupported_media_type' }), 415],
  idempotency_key_reused: [refused({ kind: 'idempotency_key_reused' }), 422],
  too_many_requests: [requestRefused({ kind: 'too_many_requests', retryAfterMs: 1500 }), 429],
  secret_unreadable: [unsealError, 500],
  bmc_failed: [requestRefused({ kind: 'bmc_failed', failure }), 502],
  draining: [requestRefused({ kind: 'draining' }), 503],
  identity_provider_down: [requestRefused({ kind: 'identity_provider_down' }), 503],
  too_many_streams: [requestRefused({ kind: 'too_many_streams' }), 503],
  contended: [new appendErrors.VersionConflict('no'), 503],
  still_under_way: [refused({ kind: 'still_under_way' }), 504],
}

const told = { requestId: 'r1', publicUrl: 'http://controller.example' }

test.each(Object.entries(thrown))('%s has its answer', async (kind, [error, status]) => {
  const word = kind === 'invalid_recipe' ? 'validation_error' : kind
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

test('every class of error that commands and requests throw has its answer', () => {
  const exported: unknown[] = [commandErrors, requestErrors, runtimeErrors].flatMap((module) => Object.values(module))
  const classes = exported.filter((one) => typeof one === 'function' && one.prototype instanceof Error)
  expect(classes.length).toBe(3)
  const answered = Object.values(thrown).map(([error]) => error.constructor)
  expect(classes.filter((one) => !answered.some((known) => known === one))).toEqual([])
})

test('what an error knows beyond its message is in its answer', () => {
  expect(problemOf(activeJob)?.members).toEqual({ job_id: 'J' })
  expect(problemOf(thrown.removed_job[0])?.members).toEqual({ archive_sha256: 'a', removed_at: 'b' })
  expect(problemOf(thrown.bmc_failed[0])?.members).toEqual({ failure })
  expect(problemOf(thrown.too_many_requests[0])?.headers).toEqual({ 'retry-after': '2' })
  expect(problemOf(thrown.unauthenticated[0])?.headers).toEqual({ 'www-authenticate': 'Basic' })
  expect(problemOf(invalidRecipe)?.details).toEqual([{ path: '/recipe/env', code: 'type', message: 'm' }])
  expect(problemOf(unsealError)?.message).not.toContain('abc')
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
