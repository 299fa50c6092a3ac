/**
 * The self-signed certificate that a simulated BMC shows over HTTPS, made at start, as a real BMC's is made in the
 * factory. Node cannot issue certificates, so this file writes the DER of RFC 5280: ECDSA P-256 with SHA-256, the BMC's
 * address as subject alternative name, issued by itself.
 */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

export type Certificate = { readonly keyPem: string; readonly certificatePem: string }

const dayMs = 86_400_000
const tag = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, sequence: 0x30, set: 0x31 }
const oid = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  subjectKeyIdentifier: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
}

/** A new key and certificate for the BMC at this host name or address, valid from yesterday for ten years. */
export function selfSignedCertificate(bmc: {
  readonly commonName: string
  readonly host: string
  readonly now: Date
}): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const publicKeyDer = publicKey.export({ type: 'spki', format: 'der' })
  const name = sequence(
    der(tag.set, sequence(objectId(oid.commonName), der(tag.utf8, Buffer.from(bmc.commonName.slice(0, 64))))),
  )
  const algorithm = sequence(objectId(oid.ecdsaWithSha256))
  const toBeSigned = sequence(
    der(0xa0, der(tag.integer, Buffer.from([2]))),
    // The first byte keeps the serial number positive and without a leading zero (RFC 5280, 4.1.2.2).
    der(tag.integer, Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    algorithm,
    name,
    sequence(time(bmc.now.getTime() - dayMs), time(bmc.now.getTime() + 3_650 * dayMs)),
    name,
    publicKeyDer,
    der(0xa3, sequence(...extensions(publicKeyDer, bmc.host))),
  )
  const signature = sign('sha256', toBeSigned, privateKey)
  const certificate = sequence(toBeSigned, algorithm, der(tag.bits, Buffer.concat([Buffer.from([0]), signature])))
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificatePem: pem(certificate),
  }
}

function extensions(publicKeyDer: Buffer, host: string): Buffer[] {
  const keyId = createHash('sha1').update(publicKeyDer.subarray(-65)).digest()
  const names = isIP(host) === 0 ? [dnsName(host)] : [ipAddress(host)]
  if (host !== 'localhost') names.push(dnsName('localhost'))
  return [
    extension({ id: oid.basicConstraints, critical: true, value: sequence(der(tag.boolean, Buffer.from([0xff]))) }),
    // digitalSignature and keyCertSign: a client that trusts this certificate uses it as its own authority.
    extension({ id: oid.keyUsage, critical: true, value: der(tag.bits, Buffer.from([0x02, 0x84])) }),
    extension({ id: oid.subjectKeyIdentifier, critical: false, value: der(tag.octets, keyId) }),
    extension({ id: oid.subjectAltName, critical: false, value: sequence(...names) }),
  ]
}

function extension({ id, critical, value }: { id: string; critical: boolean; value: Buffer }): Buffer {
  const flag = critical ? [der(tag.boolean, Buffer.from([0xff]))] : []
  return sequence(objectId(id), ...flag, der(tag.octets, value))
}

function dnsName(name: string): Buffer {
  return der(0x82, Buffer.from(name, 'ascii'))
}

function ipAddress(address: string): Buffer {
  const bytes = isIP(address) === 4 ? address.split('.').map(Number) : ipv6Bytes(address)
  return der(0x87, Buffer.from(bytes))
}

/** RFC 4291, 2.2. The URL parser turns every way to write the address into groups of hexadecimal digits. */
function ipv6Bytes(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const groups = (part: string) => part.split(':').filter((group) => group !== '')
  const after = groups(tail ?? '')
  const missing = 8 - groups(head).length - after.length
  return [...groups(head), ...Array<string>(missing).fill('0'), ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

/** UTCTime to the year 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5). */
function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\.\d+|[-:T]/g, '')
  return new Date(atMs).getUTCFullYear() < 2050
    ? der(0x17, Buffer.from(digits.slice(2)))
    : der(0x18, Buffer.from(digits))
}

function objectId(hex: string): Buffer {
  return der(tag.oid, Buffer.from(hex, 'hex'))
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(tag.sequence, Buffer.concat(parts))
}

/** Tag, length in its shortest form, content (X.690, 8.1). */
function der(type: number, content: Buffer): Buffer {
  const size = content.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([type, ...length]), content])
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
