/** Errors of NATS as one line with the remedy for the operator: for the log, `readyz` and `status()`. */
import { ErrorCode, NatsError } from 'nats'
import { apiErrorCode, NoStream } from './jetstream.ts'
import { allSubjects } from './subjects.ts'

/** The stream or bucket that could not be written to. */
export type NatsTarget = { readonly what: 'stream' | 'bucket'; readonly name: string }

type Advice = (target: NatsTarget) => string

const raiseLimits: Advice = ({ what, name }) =>
  `the ${what} ${name} is full and refuses more: raise its limits ` +
  `(nats stream edit ${streamOf({ what, name })} --max-bytes=... --max-msgs=...)` +
  (what === 'stream' ? ', or let it drop its oldest messages (--discard=old): the log has them for ever' : '')
const makeRoom: Advice = () =>
  'the NATS server or account has no storage left for JetStream: raise max_file_store or the account’s limits, or delete what is not needed'
const enableJetStream: Advice = () =>
  'the NATS server has no JetStream for us: start it with --jetstream, and enable JetStream for the account'
const takeSubjects: Advice = ({ name }) => `the stream ${name} has other subjects: add ${allSubjects} to them`
const waitForQuorum: Advice = () => 'JetStream has no leader: start the missing servers of the NATS cluster'

/** By JetStream's own error codes (nats-server, server/errors.json). */
const byApiCode: Readonly<Record<number, Advice>> = {
  10077: raiseLimits,
  10002: makeRoom,
  10023: makeRoom,
  10028: makeRoom,
  10047: makeRoom,
  10039: enableJetStream,
  10076: enableJetStream,
  10008: waitForQuorum,
  10009: waitForQuorum,
  10109: ({ what, name }) => `the ${what} ${name} is sealed for ever: delete it, and it is created again`,
  10065: () => `another stream takes ${allSubjects} already: delete it, or take the subjects from it`,
}

/** By the client's codes for errors of the server and of the network. */
const byClientCode: Readonly<Record<string, Advice>> = {
  // JetStream is off: its API subjects have no subscriber.
  [ErrorCode.NoResponders]: enableJetStream,
  [ErrorCode.PermissionsViolation]: ({ what }) =>
    'the NATS user may not do this: allow it to publish to $JS.API.> and ' +
    `${what === 'stream' ? allSubjects : '$KV.>'}, and to subscribe to _INBOX.>`,
  [ErrorCode.AuthorizationViolation]: () => 'check the user and password in NATS_URL, or NATS_CREDS_FILE',
  [ErrorCode.AuthenticationExpired]: () => 'the NATS credentials have expired: put new ones into NATS_CREDS_FILE',
  [ErrorCode.ConnectionRefused]: () => 'nothing listens there: start the NATS server, or correct NATS_URL',
  [ErrorCode.Timeout]: () => 'the NATS server does not answer: look at its load, and at its cluster if it has one',
  [ErrorCode.Tls]: () => 'check NATS_TLS_CA_FILE, NATS_TLS_CERT_FILE and NATS_TLS_KEY_FILE',
}

/**
 * An error as a line: its message, and the remedy where one is known. The line names no user and no password; neither do the
 * messages of NATS.
 */
export function problemOf(error: unknown, target: NatsTarget): string {
  const said = error instanceof Error ? error.message : String(error)
  const advice = adviceOn(error)?.(target)
  return advice === undefined ? said : `${said}: ${advice}`
}

/** Looks up the innermost known error: wrapping adds words, not codes. */
function adviceOn(error: unknown): Advice | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof NoStream) return takeSubjects
  const inner = adviceOn(error.cause)
  if (inner !== undefined) return inner
  if (!(error instanceof NatsError)) return undefined
  const apiCode = apiErrorCode(error)
  return apiCode === undefined ? byClientCode[error.code] : byApiCode[apiCode]
}

function streamOf({ what, name }: NatsTarget): string {
  return what === 'stream' ? name : `KV_${name}`
}
