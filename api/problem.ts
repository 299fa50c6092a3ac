/**
 * The answer to every refusal (RFC 9457, with `error`, `message` and `details` besides). Only this file maps errors of
 * the domain to HTTP statuses. An error outside of the table is a defect: it is logged, and the answer is a bare 500.
 */
import { HTTPException } from 'hono/http-exception'
import { type Refusal, Refused } from '../actors/refusals.ts'
import { NotAccepted } from '../actors/runtime.ts'
import { UnsealError } from '../eventstore/ledgers/vault.ts'
import { VersionConflict } from '../eventstore/log/append.ts'
import { isOutage } from '../eventstore/postgres/sql-error.ts'
import { InvalidCursor } from '../eventstore/read-models/cursor.ts'
import { type Detail, inRecipe, invalidRequest, type RequestRefusal, RequestRefused } from './errors.ts'

export type Problem = {
  readonly status: ProblemStatus
  /** The stable code for machines. */
  readonly error: string
  readonly title: string
  readonly message: string
  readonly details?: readonly Detail[]
  /** Further members of the body. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 410 | 413 | 415 | 422 | 429 | 500 | 502 | 503 | 504

/** Errors of the layers below that have an answer of their own. */
type ErrorBelow = { readonly kind: 'invalid_cursor' | 'not_now' | 'secret_unreadable' | 'contended' }
/** An invalid recipe is answered as `validation_error`. */
type Answered = Exclude<Refusal, { readonly kind: 'invalid_recipe' }> | RequestRefusal | ErrorBelow
type AnsweredAs<Kind extends Answered['kind']> = Extract<Answered, { readonly kind: Kind }>

/** Status and title of each refusal, and the further parts of its answer; the kind is the code for machines. */
export const answers: {
  readonly [Kind in Answered['kind']]: readonly [
    status: ProblemStatus,
    title: string,
    more?: (refusal: AnsweredAs<Kind>) => Partial<Problem>,
  ]
} = {
  validation_error: [400, 'The request is not valid', ({ details }) => ({ details })],
  invalid_cursor: [400, 'The cursor is not one of this list'],
  unauthenticated: [
    401,
    'Credentials are missing or wrong',
    ({ challenge }) => ({ headers: { 'www-authenticate': challenge } }),
  ],
  forbidden: [403, 'The role does not allow this'],
  unknown_server: [404, 'The server is not registered'],
  unknown_job: [404, 'There is no such job'],
  no_job_waiting: [404, 'No job waits for this report'],
  no_such_state: [404, 'There was no state then'],
  active_job: [409, 'The server has an active job', ({ jobId }) => ({ members: { job_id: jobId } })],
  job_ended: [409, 'The job has already ended'],
  job_not_ended: [409, 'The job has not ended'],
  not_now: [409, 'Not in this state'],
  not_pinned: [409, 'The certificate is not pinned'],
  power_busy: [409, 'Another power action is under way'],
  too_many_recordings: [409, 'As many recordings are kept as can be'],
  removed_job: [
    410,
    'The job was archived and removed',
    ({ archiveSha256, removedAt }) => ({ members: { archive_sha256: archiveSha256, removed_at: removedAt } }),
  ],
  // The rest of the body stays unread, so the connection cannot be reused.
  too_large: [413, 'The body is too large', () => ({ headers: { connection: 'close' } })],
  unsupported_media_type: [415, 'The body is not JSON'],
  idempotency_key_reused: [422, 'The key was used for another request'],
  too_many_requests: [
    429,
    'Too many requests',
    ({ retryAfterMs }) => ({ headers: retryAfter(Math.ceil(retryAfterMs / 1000)) }),
  ],
  secret_unreadable: [
    500,
    'A secret cannot be opened',
    () => ({ message: 'what was kept sealed for this does not open; SECRETS_KEY may be another one' }),
  ],
  bmc_failed: [502, 'The BMC did not do it', ({ failure }) => ({ members: { failure } })],
  draining: [503, 'The controller is stopping', () => ({ headers: retryAfter(10) })],
  identity_provider_down: [503, 'Tokens cannot be checked now', () => ({ headers: retryAfter(5) })],
  too_many_streams: [503, 'Too many live streams', () => ({ headers: retryAfter(30) })],
  contended: [
    503,
    'Too much happened at once',
    () => ({ headers: retryAfter(1), message: 'other requests were faster every time; try again' }),
  ],
  still_under_way: [504, 'The BMC has not answered yet'],
}

/** The answer to an error; null for a defect. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof HTTPException) return ofFramework(error)
  const refusal = refusalOf(error)
  if (refusal !== null) return answerTo(refusal, (error as Error).message)
  return isOutage(error) ? outage : null
}

function refusalOf(error: unknown): Answered | null {
  if (error instanceof RequestRefused) return error.refusal
  if (error instanceof Refused) {
    const { refusal } = error
    if (refusal.kind !== 'invalid_recipe') return refusal
    return { kind: 'validation_error', details: refusal.faults.map(inRecipe) }
  }
  if (error instanceof InvalidCursor) return { kind: 'invalid_cursor' }
  if (error instanceof NotAccepted) return { kind: 'not_now' }
  if (error instanceof UnsealError) return { kind: 'secret_unreadable' }
  return error instanceof VersionConflict ? { kind: 'contended' } : null
}

function answerTo<Kind extends Answered['kind']>(refusal: AnsweredAs<Kind>, message: string): Problem {
  const [status, title, more] = answers[refusal.kind as Kind]
  return { status, error: refusal.kind, title, message, ...more?.(refusal) }
}

export const notFound: Problem = {
  status: 404,
  error: 'not_found',
  title: 'There is nothing here',
  message: 'there is nothing at this path; /docs lists what there is',
}

export const methodNotAllowed: Problem = {
  status: 405,
  error: 'method_not_allowed',
  title: 'Not with this method',
  message: 'this path does not take this method; the Allow header lists those that it takes',
}

export const internalError: Problem = {
  status: 500,
  error: 'internal_error',
  title: 'A defect of the controller',
  message: 'this is a defect; the log has its cause under the request id',
}

const outage: Problem = {
  status: 503,
  error: 'database_unavailable',
  title: 'The database does not answer',
  message: 'the database cannot be reached now; try again',
  headers: retryAfter(5),
}

/** A problem as an HTTP answer. The log has the request under `requestId`. */
export function problemResponse(
  problem: Problem,
  { requestId, publicUrl }: { readonly requestId: string; readonly publicUrl: string },
): Response {
  const { status, error, title, message, details = [], members, headers } = problem
  const body = {
    type: new URL(`/docs#problem-${error}`, publicUrl).href,
    title,
    status,
    detail: message,
    error,
    message,
    details,
    request_id: requestId,
    ...members,
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

/** Errors that Hono itself throws before it calls a handler. */
function ofFramework({ status }: HTTPException): Problem | null {
  if (status === 400) return problemOf(invalidRequest([{ path: '', code: 'invalid_json', message: 'is not JSON' }]))
  if (status === 415) return answerTo({ kind: 'unsupported_media_type' }, 'the body must be application/json')
  return null
}

function retryAfter(seconds: number): Readonly<Record<string, string>> {
  return { 'retry-after': String(seconds) }
}
