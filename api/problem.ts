/**
 * Every way in which a request is refused, as an answer (RFC 9457, with `error`, `message` and `details` besides). The
 * one place where errors of the domain meet HTTP statuses. An error that is not in the table is a bug: 500, logged, and
 * nothing of it in the answer.
 */
import { HTTPException } from 'hono/http-exception'
import { PowerBusy, StillUnderWay } from '../actors/commands/servers.ts'
import {
  ActiveJob,
  IdempotencyKeyReused,
  InvalidRecipe,
  JobEnded,
  JobNotEnded,
  NoJobWaiting,
  NotPinned,
  RemovedJob,
  TooManyRecordings,
  UnknownJob,
  UnknownServer,
} from '../actors/refusals.ts'
import { NotAccepted } from '../actors/runtime.ts'
import { UnsealError } from '../eventstore/ledgers/vault.ts'
import { VersionConflict } from '../eventstore/log/append.ts'
import { isOutage } from '../eventstore/postgres/sql-error.ts'
import { InvalidCursor } from '../eventstore/read-models/cursor.ts'
import * as own from './errors.ts'

export type Problem = {
  readonly status: ProblemStatus
  /** The stable machine word. */
  readonly error: string
  readonly title: string
  readonly message: string
  readonly details?: readonly own.Detail[]
  /** Further members of the body. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 409 | 410 | 413 | 415 | 422 | 429 | 500 | 502 | 503 | 504

/** Errors that are answers, by their class. */
const mapped = {
  ...own,
  ActiveJob,
  IdempotencyKeyReused,
  InvalidCursor,
  InvalidRecipe,
  JobEnded,
  JobNotEnded,
  NoJobWaiting,
  NotAccepted,
  NotPinned,
  PowerBusy,
  RemovedJob,
  StillUnderWay,
  TooManyRecordings,
  UnknownJob,
  UnknownServer,
  UnsealError,
  VersionConflict,
} as const
type Mapped = typeof mapped
export type MappedName = keyof Mapped

/** Status, machine word and title of each. */
export const problems: {
  readonly [Name in MappedName]: readonly [status: ProblemStatus, error: string, title: string]
} = {
  InvalidRequest: [400, 'validation_error', 'The request is not valid'],
  InvalidRecipe: [400, 'validation_error', 'The request is not valid'],
  InvalidCursor: [400, 'invalid_cursor', 'The cursor is not one of this list'],
  Unauthenticated: [401, 'unauthenticated', 'Credentials are missing or wrong'],
  Forbidden: [403, 'forbidden', 'The role does not allow this'],
  UnknownServer: [404, 'unknown_server', 'The server is not registered'],
  UnknownJob: [404, 'unknown_job', 'There is no such job'],
  NoJobWaiting: [404, 'no_job_waiting', 'No job waits for this report'],
  NoSuchState: [404, 'no_such_state', 'There was no state then'],
  ActiveJob: [409, 'active_job', 'The server has an active job'],
  JobEnded: [409, 'job_ended', 'The job has already ended'],
  JobNotEnded: [409, 'job_not_ended', 'The job has not ended'],
  NotAccepted: [409, 'not_now', 'Not in this state'],
  NotPinned: [409, 'not_pinned', 'The certificate is not pinned'],
  PowerBusy: [409, 'power_busy', 'Another power action is under way'],
  TooManyRecordings: [409, 'too_many_recordings', 'As many recordings are kept as can be'],
  RemovedJob: [410, 'removed_job', 'The job was archived and removed'],
  BodyTooLarge: [413, 'too_large', 'The body is too large'],
  UnsupportedMediaType: [415, 'unsupported_media_type', 'The body is not JSON'],
  IdempotencyKeyReused: [422, 'idempotency_key_reused', 'The key was used for another request'],
  TooManyRequests: [429, 'too_many_requests', 'Too many requests'],
  UnsealError: [500, 'secret_unreadable', 'A secret cannot be opened'],
  BmcFailed: [502, 'bmc_failed', 'The BMC did not do it'],
  Draining: [503, 'draining', 'The controller is stopping'],
  IdentityProviderDown: [503, 'identity_provider_down', 'Tokens cannot be checked now'],
  TooManyStreams: [503, 'too_many_streams', 'Too many live streams'],
  VersionConflict: [503, 'contended', 'Too much happened at once'],
  StillUnderWay: [504, 'still_under_way', 'The BMC has not answered yet'],
}

/** What an answer has beyond the error's message. */
const extras: { readonly [Name in MappedName]?: (error: InstanceType<Mapped[Name]>) => Partial<Problem> } = {
  InvalidRequest: ({ details }) => ({ details }),
  // Pointers into the recipe become pointers into the body that it came in.
  InvalidRecipe: ({ faults }) => ({ details: faults.map((fault) => ({ ...fault, path: `/recipe${fault.path}` })) }),
  Unauthenticated: ({ challenge }) => ({ headers: { 'www-authenticate': challenge } }),
  ActiveJob: ({ jobId }) => ({ members: { job_id: jobId } }),
  RemovedJob: ({ archiveSha256, removedAt }) => ({
    members: { archive_sha256: archiveSha256, removed_at: removedAt },
  }),
  // What is left of the body is not read to its end, so the connection is of no further use.
  BodyTooLarge: () => ({ headers: { connection: 'close' } }),
  TooManyRequests: ({ retryAfterMs }) => ({ headers: retryAfter(Math.ceil(retryAfterMs / 1000)) }),
  UnsealError: () => ({ message: 'what was kept sealed for this does not open; SECRETS_KEY may be another one' }),
  BmcFailed: ({ failure }) => ({ members: { failure } }),
  Draining: () => ({ headers: retryAfter(10) }),
  IdentityProviderDown: () => ({ headers: retryAfter(5) }),
  TooManyStreams: () => ({ headers: retryAfter(30) }),
  VersionConflict: () => ({ headers: retryAfter(1), message: 'other requests were faster every time; try again' }),
}

/** The answer to an error, or null for one that nobody has thought of. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof HTTPException) return ofFramework(error)
  for (const name of Object.keys(mapped) as MappedName[]) {
    if (!(error instanceof mapped[name])) continue
    const [status, word, title] = problems[name]
    const extra = extras[name] as ((error: Error) => Partial<Problem>) | undefined
    return { status, error: word, title, message: error.message, ...extra?.(error) }
  }
  return isOutage(error) ? outage : null
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

/** A problem as an HTTP answer. `requestId` is what the log knows the request by. */
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

/** What Hono itself throws, before any handler of ours. */
function ofFramework({ status }: HTTPException): Problem | null {
  if (status === 400)
    return problemOf(new own.InvalidRequest([{ path: '', code: 'invalid_json', message: 'is not JSON' }]))
  if (status === 415) return problemOf(new own.UnsupportedMediaType('the body must be application/json'))
  return null
}

function retryAfter(seconds: number): Readonly<Record<string, string>> {
  return { 'retry-after': String(seconds) }
}
