/**
 * Logging in and out. The client records each step in the session ledger, so that neither a lost answer nor a dead
 * process leaves a session on the BMC (session-ledger.ts).
 */
import type { BmcFailure } from '../../failure.ts'
import type { LoginIntent, SessionLedger } from '../../session-ledger.ts'
import { hasMessage } from '../answers/error-body.ts'
import { failureOf, type Outcome, retryability } from '../answers/outcome.ts'
import { type Repeat, withRetries } from '../answers/retry.ts'
import { linkOf } from '../documents/resource.ts'
import type { RetryPolicy, Surroundings } from '../options.ts'
import { SESSION_TABLE_FULL_MESSAGES } from '../quirks/match.ts'
import { Fault } from '../wire/fault.ts'
import type { WireAnswer } from '../wire/transport.ts'
import type { Orphans } from './orphans.ts'
import { type Attempted, documentOf, type SessionService } from './sessions.ts'

/** Statuses of a login that mean that this service has no sessions (quirks.md 11). */
const SESSIONS_UNSUPPORTED: ReadonlySet<number> = new Set([404, 405, 501])

/** Refusals in a row after which the client logs in no more: iDRAC and XCC lock the account (quirks.md 11). */
const LOGIN_REFUSALS_MAX = 3

/** `path` is null where the BMC named none: such a session can only time out. */
export type Session = Pick<LoginIntent, 'id' | 'askedAtMs'> & { readonly token: string; readonly path: string | null }

export type LoginResult =
  | { readonly kind: 'session'; readonly session: Session }
  | { readonly kind: 'unsupported' }
  | { readonly kind: 'table-full'; readonly failure: BmcFailure }
  /** Asking again with the same credentials would only lock the account. */
  | { readonly kind: 'refused'; readonly failure: BmcFailure }

export type LoginParts = {
  readonly username: string
  readonly password: string
  readonly retries: RetryPolicy
  readonly surroundings: Surroundings
  readonly ledger: SessionLedger
  readonly service: SessionService
  readonly orphans: Orphans
}

type LogOutOptions = { readonly repeat: Repeat; readonly signal: AbortSignal }

export type Login = {
  /** Ends sessions that dead processes left, then opens one. Rejects with `Fault`, or with an error of the ledger. */
  logIn(signal: AbortSignal): Promise<LoginResult>
  /**
   * Deletes a session; one that is gone already counts as deleted. After a rejection with `Fault` it is in the ledger as
   * lost.
   */
  logOut(session: Session, options: LogOutOptions): Promise<void>
}

export function createLogin(parts: LoginParts): Login {
  const { ledger, service, orphans, surroundings, retries: policy } = parts

  /** Sends no Authorization header: iDRAC9 7.00.60 answers SYS468 to a login with one (quirks.md 11). */
  async function postLogin(
    path: string,
    { number, lost, signal }: { readonly number: number; readonly lost: LoginIntent[]; readonly signal: AbortSignal },
  ): Promise<Attempted<Session>> {
    const intent = await ledger.intend()
    if (intent.refusals >= LOGIN_REFUSALS_MAX) {
      await ledger.closed(intent.id)
      return { kind: 'fault', fault: new Fault({ kind: 'unauthorized', retry: false, status: 401 }, { sent: false }) }
    }
    const body = { UserName: parts.username, Password: parts.password }
    const outcome = await service.attempt(
      { method: 'POST', path, body },
      { operation: 'logIn', attempt: number, signal },
    )
    if (outcome.kind === 'done')
      return { kind: 'done', value: await openedSession(parts, intent, outcome.value, signal) }
    const mayHaveWorked = outcome.kind === 'refusal' ? retryability(outcome) === 'ambiguous' : outcome.fault.sent
    if (mayHaveWorked) lost.push(intent)
    else if (isOfCredentials(outcome)) await ledger.refused(intent.id)
    else await ledger.closed(intent.id)
    return outcome
  }

  return {
    async logIn(signal) {
      // First, because these sessions may be the ones that fill the session table.
      const unknown = await orphans.endKnown(signal)
      const lost: LoginIntent[] = []
      let session: Session | null = null
      const post = async () => {
        const path = await service.collectionPath(signal)
        const login = (number: number) => postLogin(path, { number, lost, signal })
        return withRetries({ repeat: 'always', policy, surroundings, signal, attempt: login })
      }
      try {
        let result = await post()
        // A learned path may be that of an older firmware.
        if (result.kind === 'failed' && isMissing(result.outcome) && service.mayHaveMoved()) result = await post()
        if (result.kind === 'failed') return resultOf(result.outcome)
        session = result.value
      } finally {
        if (session === null) for (const { id } of lost) await ledger.lost(id)
      }
      await orphans.endLost([...unknown, ...lost], session, signal)
      return { kind: 'session', session }
    },
    logOut: (session, how) => endSession(parts, session, how),
  }
}

/** Reads the session out of the answer to a login and records it in the ledger. */
async function openedSession(
  parts: LoginParts,
  intent: LoginIntent,
  answer: WireAnswer,
  signal: AbortSignal,
): Promise<Session> {
  const { ledger, service } = parts
  const { id, askedAtMs } = intent
  const token = answer.headers['x-auth-token']
  if (token === undefined || token === '') {
    await ledger.lost(id)
    const detail = 'a session without X-Auth-Token'
    throw new Fault({ kind: 'malformed', retry: false, path: answer.path, detail }, { sent: true })
  }
  const link = answer.headers['location'] ?? linkOf(documentOf(answer))
  if (link === null) {
    await ledger.abandoned(id)
    return { id, askedAtMs, token, path: null }
  }
  const session = { id, askedAtMs, token, path: service.pathOf(link, answer.path) }
  try {
    await ledger.opened(id, session)
  } catch (error) {
    // Without its entry in the ledger no other process finds this session, so that it ends here.
    await endSession(parts, session, { repeat: 'always', signal }).catch(ignoreFault)
    throw error
  }
  return session
}

/** See `Login.logOut`. */
async function endSession(
  { ledger, service, surroundings, retries: policy }: LoginParts,
  { id, path, token }: Session,
  { repeat, signal }: LogOutOptions,
): Promise<void> {
  if (path === null) return
  const remove = (number: number) => service.remove({ path, token }, { operation: 'logOut', attempt: number, signal })
  let ended = false
  try {
    const result = await withRetries({ repeat, policy, surroundings, signal, attempt: remove })
    ended = result.kind === 'done'
    if (result.kind === 'failed') throw faultOf(result.outcome)
  } finally {
    if (ended) await ledger.closed(id)
    else await ledger.lost(id)
  }
}

function isMissing(outcome: Outcome): boolean {
  return outcome.kind === 'refusal' && SESSIONS_UNSUPPORTED.has(outcome.status)
}

function resultOf(outcome: Outcome): LoginResult {
  if (outcome.kind === 'fault') throw outcome.fault
  if (isMissing(outcome)) return { kind: 'unsupported' }
  if (isTableFull(outcome)) return { kind: 'table-full', failure: shutOut(outcome) }
  if (isOfCredentials(outcome)) return { kind: 'refused', failure: failureOf(outcome) }
  throw faultOf(outcome)
}

/** Not `refused`: callers take a `refused` for one missing document and go on without it. */
function shutOut(outcome: Exclude<Outcome, { kind: 'fault' }>): BmcFailure {
  return { kind: 'unauthorized', retry: false, status: outcome.status, problem: 'session-table-full' }
}

function isTableFull(outcome: Outcome): boolean {
  return outcome.kind === 'refusal' && hasMessage(outcome.error, SESSION_TABLE_FULL_MESSAGES)
}

/**
 * A 403 counts as well: the account may not log in, or has to change its password first (XCC, quirks.md 11). A full
 * session table says nothing of the credentials, whatever its status.
 */
function isOfCredentials(outcome: Outcome): boolean {
  return outcome.kind === 'refusal' && (outcome.status === 401 || outcome.status === 403) && !isTableFull(outcome)
}

function faultOf(outcome: Outcome): Fault {
  return outcome.kind === 'fault' ? outcome.fault : new Fault(failureOf(outcome), { sent: true })
}

/** Swallows the fault of a session that could not be deleted: the ledger has it, and another process ends it. */
export function ignoreFault(error: unknown): void {
  if (!(error instanceof Fault)) throw error
}
