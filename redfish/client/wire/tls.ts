/**
 * Judges a BMC's certificate (spec/redfish.md "TLS"): verified against the system's or an own CA, pinned by
 * fingerprint, or not at all. TLS 1.2 is the floor in every mode, unless the operator allows a server less.
 */
import { constants, createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { buildConnector } from 'undici'
import type { TlsPolicy } from '../../bmc.ts'
import { BmcError } from '../../failure.ts'
import { DEFAULT_LIMITS } from '../options.ts'

const { SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, SSL_OP_LEGACY_SERVER_CONNECT } = constants

const MODERN = { minVersion: 'TLSv1.2' } as const
/** For iLO 4, iDRAC 7 and 8, X10 and iRMC S4 (quirks.md 13). */
const LEGACY = {
  minVersion: 'TLSv1',
  ciphers: 'DEFAULT@SECLEVEL=0',
  secureOptions: SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION,
} as const

const protocol = (legacy: boolean | undefined) => (legacy === true ? LEGACY : MODERN)

/** An error before the connection was up. It tells the transport that nothing was sent. */
export class ConnectFault extends Error {
  override readonly name = 'ConnectFault'
  /** True when the peer's certificate or protocol is the problem, so that a retry is pointless. */
  readonly tls: boolean
  readonly detail: string

  constructor(cause: Error, detail: { tls: boolean; detail: string }) {
    super(detail.detail, { cause })
    this.tls = detail.tls
    this.detail = detail.detail
  }
}

/**
 * Connector for undici. It compares a pinned certificate before it hands out the socket, so that no byte of a request,
 * and no credential, reaches a host with another certificate.
 */
export function createConnector(
  policy: TlsPolicy,
  limits: { readonly connectTimeoutMs: number },
): buildConnector.connector {
  const connect = buildConnector({
    ...verification(policy),
    ...protocol(policy.legacy),
    allowH2: false,
    timeout: limits.connectTimeoutMs,
    // No resumption: a resumed TLS session need not present the certificate, which is compared on every connection.
    ...(policy.mode === 'pinned' ? { maxCachedSessions: 0 } : {}),
  })
  return (target, callback) => {
    connect(target, (error, socket) => {
      if (error) return callback(connectFault(error), null)
      if (policy.mode !== 'pinned' || !(socket instanceof TLSSocket)) return callback(null, socket)
      const seen = fingerprintOf(socket)
      if (seen !== null && sameFingerprint(seen, policy.fingerprint)) return callback(null, socket)
      socket.destroy()
      const detail =
        `the certificate changed: pinned is SHA-256 ${policy.fingerprint}, the BMC presents ${seen ?? 'none'}. ` +
        'Accept the new one if it was renewed; if it was not, another machine answers at this address'
      return callback(new ConnectFault(new Error(detail), { tls: true, detail }), null)
    })
  }
}

/**
 * Reads the SHA-256 fingerprint of the certificate that a BMC presents, for the first use of pinning: lower-case hex
 * without colons. It sends no request and verifies nothing. Rejects with `BmcError` (`unreachable`,
 * `timeout`, `tls`, `aborted`).
 */
export async function readCertificateFingerprint(
  target: { readonly address: string; readonly connectTimeoutMs?: number; readonly legacy?: boolean | undefined },
  options: { readonly signal: AbortSignal },
): Promise<string> {
  const url = new URL(target.address)
  const request = { operation: 'readCertificate', method: 'TLS', target: url.host }
  const fail = (failure: BmcError['failure'], cause?: unknown) => new BmcError(failure, { request, attempts: 1, cause })
  if (url.protocol !== 'https:') {
    throw fail({ kind: 'tls', retry: false, detail: 'an http address has no certificate' })
  }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const timeout = AbortSignal.timeout(target.connectTimeoutMs ?? DEFAULT_LIMITS.connectTimeoutMs)
  const stop = AbortSignal.any([options.signal, timeout])
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connectTls({
    host,
    port: url.port === '' ? 443 : Number(url.port),
    rejectUnauthorized: false,
    ...protocol(target.legacy),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  })
  const onAbort = () => socket.destroy(new Error('stopped'))
  stop.addEventListener('abort', onAbort, { once: true })
  if (stop.aborted) onAbort()
  socket.once('secureConnect', () => {
    const fingerprint = fingerprintOf(socket)
    if (fingerprint !== null) resolve(fingerprint)
    else reject(fail({ kind: 'tls', retry: false, detail: 'the BMC presented no certificate' }))
  })
  socket.once('error', (error) => {
    if (options.signal.aborted) reject(fail({ kind: 'aborted', retry: false, detail: 'the caller gave up' }))
    else if (timeout.aborted) reject(fail({ kind: 'timeout', retry: true, detail: 'no TLS handshake in time' }))
    else {
      const fault = connectFault(error)
      const failure = fault.tls
        ? ({ kind: 'tls', retry: false, detail: fault.detail } as const)
        : ({ kind: 'unreachable', retry: true, detail: fault.detail } as const)
      reject(fail(failure, error))
    }
  })
  try {
    return await promise
  } finally {
    stop.removeEventListener('abort', onAbort)
    socket.destroy()
  }
}

function verification(policy: TlsPolicy): { readonly rejectUnauthorized: boolean; readonly ca?: string } {
  switch (policy.mode) {
    case 'system':
      return { rejectUnauthorized: true }
    case 'ca':
      return { rejectUnauthorized: true, ca: policy.ca }
    case 'pinned':
    case 'insecure':
      return { rejectUnauthorized: false }
  }
}

function fingerprintOf(socket: TLSSocket): string | null {
  const certificate = socket.getPeerX509Certificate()
  return certificate === undefined ? null : createHash('sha256').update(certificate.raw).digest('hex')
}

/** Accepts upper case and colons as well, as operators paste them. */
function sameFingerprint(seen: string, expected: string): boolean {
  const a = Buffer.from(seen)
  const b = Buffer.from(expected.replaceAll(':', '').toLowerCase())
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Codes of OpenSSL's verification and of Node's TLS for which a retry is pointless. */
const TLS_CODES: ReadonlySet<string> = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'EPROTO',
  'INVALID_CA',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

function connectFault(error: Error): ConnectFault {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null
  const tls = code !== null && (TLS_CODES.has(code) || code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_'))
  const said = code === null || error.message.includes(code) ? error.message : `${code} ${error.message}`
  const detail = said.replace(/\s+/g, ' ').slice(0, 300)
  return new ConnectFault(error, { tls, detail: tls ? `${detail}${adviceFor(code ?? '', said)}` : detail })
}

/** OpenSSL's words for a peer that needs `legacy`; some come as an alert of the peer, some as a refusal on this side. */
const OLD_PROTOCOL =
  /unsupported protocol|protocol version|version too low|handshake failure|no protocols available|no ciphers available|unsafe legacy renegotiation|(dh|ee|ca) key too small|ca md too weak|wrong signature type/i

function adviceFor(code: string, said: string): string {
  if (OLD_PROTOCOL.test(said)) {
    return '. If this BMC is too old for TLS 1.2, update its firmware, or allow legacy TLS for this server'
  }
  if (code === 'CERT_HAS_EXPIRED') return '. Renew the certificate of the BMC, or pin its fingerprint'
  if (/SELF_SIGNED|ISSUER|UNABLE_TO_VERIFY|CERT_UNTRUSTED|INVALID_CA/.test(code)) {
    return '. Register the server with the CA of the BMC, or with its fingerprint pinned'
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return '. Register the server under a name in its certificate, or pin its fingerprint'
  return ''
}
