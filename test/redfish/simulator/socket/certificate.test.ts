import { createPrivateKey, X509Certificate } from 'node:crypto'
import { get } from 'node:https'
import { expect, test } from 'vitest'
import { type SimulatedBmc, startSimulator } from '../../../../redfish/simulator/server.ts'
import { selfSignedCertificate } from '../../../../redfish/simulator/socket/certificate.ts'

const now = new Date('2026-03-04T05:06:07Z')

test.each([
  ['127.0.0.1', 'IP Address:127.0.0.1, DNS:localhost'],
  ['::1', 'IP Address:0:0:0:0:0:0:0:1, DNS:localhost'],
  ['2001:db8::42', 'IP Address:2001:DB8:0:0:0:0:0:42, DNS:localhost'],
  ['bmc.example', 'DNS:bmc.example, DNS:localhost'],
  ['localhost', 'DNS:localhost'],
])('the certificate for %s names it, signs itself and fits its key', (host, names) => {
  const { certificatePem, keyPem } = selfSignedCertificate({ commonName: 'BMC SN-1', host, now })
  const certificate = new X509Certificate(certificatePem)
  expect(certificate.subjectAltName).toBe(names)
  expect(certificate.subject).toBe('CN=BMC SN-1')
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.checkPrivateKey(createPrivateKey(keyPem))).toBe(true)
  expect(certificate.ca).toBe(true)
  expect(certificate.validFromDate.toISOString()).toBe('2026-03-03T05:06:07.000Z')
  expect(certificate.validToDate.getUTCFullYear()).toBe(2036)
})

test('two certificates never have the same key or serial number', () => {
  const [one, two] = [1, 2].map(() => {
    return new X509Certificate(selfSignedCertificate({ commonName: 'x', host: '127.0.0.1', now }).certificatePem)
  })
  expect(one?.serialNumber).not.toBe(two?.serialNumber)
  expect(one?.fingerprint256).not.toBe(two?.fingerprint256)
})

test('dates from the year 2050 on are written in four digits', () => {
  const late = new Date('2055-01-02T00:00:00Z')
  const { certificatePem } = selfSignedCertificate({ commonName: 'x', host: '127.0.0.1', now: late })
  expect(new X509Certificate(certificatePem).validFromDate.toISOString()).toBe('2055-01-01T00:00:00.000Z')
})

test('a client that trusts the certificate is served over HTTPS, one that does not is not', async () => {
  const simulator = await startSimulator({
    bmcs: [{ serial: 'SN-1', username: 'u', password: 'p' }],
    tls: true,
    speed: 100,
  })
  try {
    const [bmc] = simulator.bmcs
    if (bmc?.certificate == null) throw new Error('the BMC has no certificate')
    expect(bmc.url).toMatch(/^https:/)
    expect(await statusOf(bmc, bmc.certificate)).toBe(200)
    const other = selfSignedCertificate({ commonName: 'other', host: '127.0.0.1', now })
    await expect(statusOf(bmc, other.certificatePem)).rejects.toThrow('self-signed certificate')
  } finally {
    await simulator.close()
  }
})

async function statusOf(bmc: SimulatedBmc, ca: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const request = get(`${bmc.url}/redfish/v1/`, { ca, timeout: 10_000 }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
  request.on('error', reject)
  return await promise
}
