/** One exchange that is safe to keep: bodies and the headers that the client evaluates, without credentials and tokens. */
import type { ExchangeObservation } from '../options.ts'
import type { Redact } from './redaction.ts'
import type { WireAnswer, WireRequest } from './transport.ts'

/** Headers that the client or a replay evaluates. `X-Auth-Token` and `Set-Cookie` are credentials and stay out. */
const headersKept = ['allow', 'etag', 'location', 'retry-after', 'www-authenticate', 'odata-version']

/** Members whose text is a secret by the member's name: Redfish's `Password`, `Token`, SNMP communities, and OEM kin. */
const secretMembers =
  /password|passphrase|secret|token|community|privatekey|encryptionkey|authenticationkey|credential/i

const secretPlaceholder = '<secret>'

/** @param exchange `answer` is null where no answer came. */
export function observeExchange(
  exchange: {
    readonly operation: string
    readonly request: WireRequest
    readonly answer: WireAnswer | null
    readonly elapsedMs: number
  },
  redact: Redact,
): ExchangeObservation {
  const { operation, request, answer, elapsedMs } = exchange
  const ifMatch = request.headers?.['If-Match']
  return {
    operation,
    method: request.method,
    path: redact(request.path),
    status: answer?.status ?? null,
    elapsedMs,
    request: {
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(request.body === undefined ? {} : { body: withoutSecrets(request.body, redact) }),
    },
    response: { headers: answer === null ? {} : keptHeaders(answer.headers, redact), ...bodyOf(answer, redact) },
  }
}

/** Headers by lower-case name. */
function keptHeaders(headers: Readonly<Record<string, string>>, redact: Redact): Record<string, string> {
  return Object.fromEntries(
    headersKept.flatMap((name) => {
      const value = headers[name]
      return value === undefined ? [] : [[name, redact(value)]]
    }),
  )
}

/** The same JSON with known secrets cut out of every text, and the texts of secret members replaced. */
export function withoutSecrets(value: unknown, redact: Redact): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, redact))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      secretMembers.test(name) ? hidden(inner, redact) : withoutSecrets(inner, redact),
    ]),
  )
}

/** Replaces texts; an object under such a name may be a policy (`PasswordPolicy`), and an empty text is no secret. */
function hidden(value: unknown, redact: Redact): unknown {
  if (typeof value === 'string') return value === '' ? value : secretPlaceholder
  if (Array.isArray(value)) return value.map((item) => hidden(item, redact))
  return withoutSecrets(value, redact)
}

function bodyOf(answer: WireAnswer | null, redact: Redact): { body?: unknown; text?: string } {
  if (answer === null || answer.body.kind === 'none') return {}
  if (answer.body.kind === 'text') return { text: redact(answer.body.text) }
  return { body: withoutSecrets(answer.body.value, redact) }
}
