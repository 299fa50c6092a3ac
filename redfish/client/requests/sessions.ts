/** Single requests to a BMC's session service, without state. */
import type { OpenSession } from '../../session-ledger.ts'
import { readErrorBody } from '../answers/error-body.ts'
import { type Outcome, retryAfterOf } from '../answers/outcome.ts'
import { type Doc, isDoc } from '../documents/resource.ts'
import { Fault } from '../wire/fault.ts'
import { rebaseLink } from '../wire/links.ts'
import type { Redact } from '../wire/redaction.ts'
import type { WireAnswer, WireRequest } from '../wire/transport.ts'

/** DSP0266 section "Session login": the path that services without `Links.Sessions` in their root use, if any. */
const DEFAULT_SESSIONS_PATH = '/redfish/v1/SessionService/Sessions'

export type Attempted<Value> = { readonly kind: 'done'; readonly value: Value } | Outcome
type AttemptOptions = { readonly operation: string; readonly attempt: number; readonly signal: AbortSignal }

export type SessionServiceParts = {
  readonly origin: string
  /** Sends one request as it is. */
  readonly send: (request: WireRequest, options: AttemptOptions) => Promise<WireAnswer>
  /** The service root's `Links.Sessions`, null when it has none or cannot be read. */
  readonly sessionsLink: (signal: AbortSignal) => Promise<string | null>
  /** Makes `sessionsLink` ignore a learned link and ask the BMC; false where no learned link was in use. */
  readonly lookAgain: () => boolean
  readonly redact: Redact
  readonly now: () => number
}

export type SessionService = {
  /** Sends one request; every result but a 2xx is an outcome. */
  attempt(request: WireRequest, options: AttemptOptions): Promise<Attempted<WireAnswer>>
  /** Deletes a session with its own token, which ends this session or none. A session that is gone counts as deleted. */
  remove(session: OpenSession, options: AttemptOptions): Promise<Attempted<null>>
  collectionPath(signal: AbortSignal): Promise<string>
  /** Call after a login that found no collection; true when the next `collectionPath` may be another one. */
  mayHaveMoved(): boolean
  /** A link as a path on this BMC. @throws Fault when it leads to another host. */
  follow(link: string, from: string): string
  /** The path of a link, whatever host it names: the client could never delete a session whose link it refused. */
  pathOf(link: string, from: string): string
}

export function createSessionService(parts: SessionServiceParts): SessionService {
  async function attempt(request: WireRequest, options: AttemptOptions): Promise<Attempted<WireAnswer>> {
    try {
      const answer = await parts.send(request, options)
      if (answer.status >= 200 && answer.status < 300) return { kind: 'done', value: answer }
      const error = readErrorBody(answer.body, parts.redact)
      const retryAfterMs = retryAfterOf(answer.headers['retry-after'], parts.now())
      return { kind: 'refusal', status: answer.status, error, retryAfterMs }
    } catch (error) {
      if (error instanceof Fault) return { kind: 'fault', fault: error }
      throw error
    }
  }

  function follow(link: string, from: string): string {
    const rebased = rebaseLink(link, { origin: parts.origin })
    if (rebased.ok) return rebased.path
    throw new Fault({ kind: 'malformed', retry: false, path: from, detail: rebased.detail }, { sent: true })
  }

  return {
    attempt,
    follow,
    pathOf: (link, from) =>
      URL.canParse(link, parts.origin) ? follow(new URL(link, parts.origin).pathname, from) : follow(link, from),
    async remove({ path, token }, options) {
      const request = { method: 'DELETE', path, headers: { 'X-Auth-Token': token } } as const
      let outcome = await attempt(request, options)
      // HPE answers 401 to a good token now and then (quirks.md 11); two in a row mean that the session is gone.
      if (isStatus(outcome, 401)) {
        outcome = await attempt(request, options)
        if (isStatus(outcome, 401)) return { kind: 'done', value: null }
      }
      return outcome.kind === 'done' || isStatus(outcome, 404) ? { kind: 'done', value: null } : outcome
    },
    mayHaveMoved: parts.lookAgain,
    async collectionPath(signal) {
      const link = await parts.sessionsLink(signal)
      return link === null ? DEFAULT_SESSIONS_PATH : follow(link, '/redfish/v1/')
    },
  }
}

function isStatus(outcome: Attempted<unknown>, status: number): boolean {
  return outcome.kind === 'refusal' && outcome.status === status
}

/** The answer's JSON object, or an empty one. */
export function documentOf({ body }: WireAnswer): Doc {
  return body.kind === 'json' && isDoc(body.value) ? body.value : {}
}
