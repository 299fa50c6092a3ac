/** Authentication of callers: `AUTH_MODE` none, basic or jwt (spec/api.md, spec/security.md). Roles: principals.ts. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import { RequestRefused, unauthenticated } from '../errors.ts'
import { hashPassword, parsePasswordHash, verifyPassword } from './passwords.ts'
import { anonymous, highestRole, isPrincipalName, type Principal, type Role } from './principals.ts'

export type BasicUser = {
  readonly username: string
  readonly role: Role
  /** A PHC string, or a password from the environment that is hashed at the start. */
  readonly password: { readonly hash: string } | { readonly plain: string }
}

export type AuthOptions =
  | { readonly mode: 'none' }
  | { readonly mode: 'basic'; readonly users: readonly BasicUser[] }
  | {
      readonly mode: 'jwt'
      /** A shared secret means HS256 and nothing else, a key set means public keys and nothing else. */
      readonly key: { readonly secret: string } | { readonly jwksUrl: string }
      readonly audience: string
      readonly issuer: string
    }

/**
 * Answers the principal that sent an `Authorization` header.
 * @throws RequestRefused unauthenticated, identity_provider_down.
 */
export type Authenticate = (authorization: string | undefined) => Promise<Principal>

const credentialsCharsMax = 8192
const secretBytesMin = 32
const jwksTimeoutMs = 5000
const clockToleranceSeconds = 5
/** Public-key algorithms only: a forger could sign a token with a public key of the set as its HMAC secret. */
const jwksAlgorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']

/** @throws RangeError for an invalid users list or a short secret. */
export async function createAuthenticate(options: AuthOptions, clock: { now: () => number }): Promise<Authenticate> {
  if (options.mode === 'none') return async () => anonymous
  return options.mode === 'basic' ? basic(options.users, clock) : jwt(options)
}

async function basic(users: readonly BasicUser[], { now }: { now: () => number }): Promise<Authenticate> {
  const known = new Map<
    string,
    { readonly principal: Principal; readonly hash: ReturnType<typeof parsePasswordHash> }
  >()
  for (const { username, role, password } of users) {
    if (!isPrincipalName(username) || username.includes(':'))
      throw new RangeError('a user name is printable, without spaces and colons, and at most 128 characters')
    if (known.has(username)) throw new RangeError(`user ${username} is listed twice`)
    const hash = parsePasswordHash('hash' in password ? password.hash : await hashPassword(password.plain))
    known.set(username, { principal: { name: username, role }, hash })
  }
  // An unknown name costs one argon2 run, as a known one does, so that timing hides which names exist.
  const nobody = parsePasswordHash(await hashPassword(randomBytes(24).toString('base64')))
  const believed = createBelieved(now)
  const refuse = () => unauthenticated('user name or password are missing or wrong', 'Basic realm="provisioner"')

  return async (authorization) => {
    const credentials = readBasic(authorization)
    if (credentials === null) throw refuse()
    const remembered = believed.get(authorization ?? '')
    if (remembered) return remembered
    const user = known.get(credentials.username)
    const right = await verifyPassword(credentials.password, user?.hash ?? nobody)
    if (!right || user === undefined) throw refuse()
    believed.keep(authorization ?? '', user.principal)
    return user.principal
  }
}

/** RFC 7617; the password may hold colons. */
function readBasic(authorization: string | undefined): { readonly username: string; readonly password: string } | null {
  if (authorization === undefined || authorization.length > credentialsCharsMax) return null
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1]
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 0 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1) }
}

/**
 * A cache of verified credentials, so that a page of ten requests costs one argon2 run. The cache key is an HMAC under
 * a key of this process: the cache holds no password, and no digest that an attacker could guess one from.
 */
function createBelieved(now: () => number) {
  const forMs = 60_000
  const entriesMax = 256
  const key = randomBytes(32)
  const entries = new LRUCache<string, { readonly principal: Principal; readonly untilMs: number }>({ max: entriesMax })
  const digest = (authorization: string) => createHmac('sha256', key).update(authorization).digest('base64')
  return {
    get: (authorization: string): Principal | null => {
      const entry = entries.get(digest(authorization))
      return entry !== undefined && entry.untilMs > now() ? entry.principal : null
    },
    keep: (authorization: string, principal: Principal): void => {
      entries.set(digest(authorization), { principal, untilMs: now() + forMs })
    },
  }
}

function jwt({ key, audience, issuer }: Extract<AuthOptions, { mode: 'jwt' }>): Authenticate {
  const claims: JWTVerifyOptions = {
    audience,
    issuer,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: clockToleranceSeconds,
  }
  const verify = verifier(key, claims)
  const refuse = () =>
    unauthenticated('a valid bearer token is needed', 'Bearer realm="provisioner", error="invalid_token"')
  return async (authorization) => {
    if (authorization === undefined || authorization.length > credentialsCharsMax) throw refuse()
    const token = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(authorization)?.[1]
    if (token === undefined) throw refuse()
    const payload = await verify(token).catch((error: unknown) => {
      if (isTokenFault(error)) return null
      throw new RequestRefused(
        { kind: 'identity_provider_down' },
        'the keys of the identity provider cannot be fetched',
        { cause: error },
      )
    })
    if (payload === null || !isPrincipalName(payload.sub)) throw refuse()
    return { name: payload.sub, role: highestRole(rolesOf(payload)) }
  }
}

function verifier(
  key: { readonly secret: string } | { readonly jwksUrl: string },
  claims: JWTVerifyOptions,
): (token: string) => Promise<JWTPayload> {
  if ('secret' in key) {
    const secret = Buffer.from(key.secret)
    // RFC 7518 section 3.2: a key of at least the hash's size.
    if (secret.length < secretBytesMin) throw new RangeError(`a JWT secret has at least ${secretBytesMin} bytes`)
    return async (token) => (await jwtVerify(token, secret, { ...claims, algorithms: ['HS256'] })).payload
  }
  const keys = createRemoteJWKSet(new URL(key.jwksUrl), { timeoutDuration: jwksTimeoutMs })
  return async (token) => (await jwtVerify(token, keys, { ...claims, algorithms: jwksAlgorithms })).payload
}

/** True when the token itself is invalid; false when the verifier could not fetch its keys. */
function isTokenFault(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false
  return !['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'].includes(error.code)
}

function rolesOf(payload: JWTPayload): readonly unknown[] {
  const claim: unknown = payload['roles']
  return Array.isArray(claim) ? claim : [claim]
}

/** A digest of fixed length, so that secrets of any length can be compared in constant time. */
export function fingerprint(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
