// The client judges certificates of simulated BMCs.
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { TlsOptions } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TlsPolicy } from '../../../../redfish/bmc.ts'
import { createHttpBmc } from '../../../../redfish/client/client.ts'
import { readCertificateFingerprint } from '../../../../redfish/client/wire/tls.ts'
import { type Simulator, startSimulator } from '../../../../redfish/simulator/server.ts'
import { selfSignedCertificate } from '../../../../redfish/simulator/socket/certificate.ts'
import { patience } from '../../../rig/patience.ts'
import { failureOf } from '../../bmc-contract.ts'

let simulator: Simulator
const account = { username: 'u', password: 'p-p-p-p' }
const options = () => ({ signal: patience() })

beforeAll(async () => {
  simulator = await startSimulator({
    tls: true,
    speed: 50,
    bmcs: ['A', 'B'].map((serial) => ({ serial, ...account, checksImages: false })),
  })
})
afterAll(() => simulator.close())

const client = (serial: string, tls: TlsPolicy) =>
  createHttpBmc({ address: simulator.bmc(serial).url, ...account, tls })

test('a certificate that no known CA signed is refused at once', async () => {
  const before = simulator.bmc('A').requests.length
  const bmc = client('A', { mode: 'system' })
  expect(await failureOf(bmc.ping(options()))).toMatchObject({ kind: 'tls', retry: false })
  await bmc.close(options())
  expect(simulator.bmc('A').requests).toHaveLength(before)
})

test('the fingerprint that is read on first use is accepted from then on, in any notation', async () => {
  const fingerprint = await readCertificateFingerprint({ address: simulator.bmc('A').url }, options())
  expect(fingerprint).toMatch(/^[0-9a-f]{64}$/)
  const pasted = fingerprint.toUpperCase().replace(/(..)(?=.)/g, '$1:')
  for (const known of [fingerprint, pasted]) {
    const bmc = client('A', { mode: 'pinned', fingerprint: known })
    expect((await bmc.discover(options())).tls).toBe('pinned')
    await bmc.close(options())
  }
})

test('another certificate than the pinned one is refused before anything is sent', async () => {
  const fingerprint = await readCertificateFingerprint({ address: simulator.bmc('A').url }, options())
  const before = simulator.bmc('B').requests.length
  const bmc = client('B', { mode: 'pinned', fingerprint })
  const failure = await failureOf(bmc.power(options()))
  expect(failure).toMatchObject({ kind: 'tls', retry: false, detail: expect.stringContaining('certificate changed') })
  await bmc.close(options())
  expect(simulator.bmc('B').requests).toHaveLength(before)
})

test('insecure accepts everything and says so', async () => {
  const bmc = client('B', { mode: 'insecure' })
  const found = await bmc.discover(options())
  expect(found.tls).toBe('insecure')
  expect(found.findings.map(({ code }) => code)).toContain('tls-insecure')
  await bmc.close(options())
})

/** A BMC with a certificate for this host, and TLS as told. */
async function bmcWith({ host, ...tls }: { host: string } & TlsOptions) {
  const { certificatePem, keyPem } = selfSignedCertificate({ commonName: host, host, now: new Date() })
  const versions: string[] = []
  const server = createServer({ cert: certificatePem, key: keyPem, ...tls }, (_request, response) =>
    response.end(JSON.stringify({ RedfishVersion: '1.0.0' })),
  )
  server.on('secureConnection', (socket) => versions.push(String(socket.getProtocol())))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const close = async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  return { url: `https://127.0.0.1:${address.port}`, certificatePem, versions, close }
}

test('a BMC that speaks only TLS 1.1 is refused with what to do, and spoken to where that was allowed', async () => {
  const old = await bmcWith({
    host: '127.0.0.1',
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  const open = (tls: TlsPolicy) => createHttpBmc({ address: old.url, ...account, tls })
  const modern = open({ mode: 'insecure' })
  const failure = await failureOf(modern.ping(options()))
  expect(failure).toMatchObject({ kind: 'tls', retry: false, detail: expect.stringContaining('allow legacy TLS') })
  const fingerprint = await readCertificateFingerprint({ address: old.url, legacy: true }, options())
  const legacy = open({ mode: 'pinned', fingerprint, legacy: true })
  await legacy.ping(options())
  expect(old.versions).toEqual(['TLSv1.1', 'TLSv1.1'])
  await Promise.all([modern.close(options()), legacy.close(options())])
  await old.close()
})

test('legacy TLS is seen in every probe', async () => {
  const bmc = client('B', { mode: 'insecure', legacy: true })
  const codes = (await bmc.discover(options())).findings.map(({ code }) => code)
  expect(codes).toEqual(expect.arrayContaining(['tls-insecure', 'tls-legacy']))
  await bmc.close(options())
})

test('a certificate that is refused comes with what to do about it', async () => {
  const other = await bmcWith({ host: 'bmc.example' })
  const adviceFor = async (tls: TlsPolicy) => {
    const bmc = createHttpBmc({ address: other.url, ...account, tls })
    const failure = await failureOf(bmc.ping(options()))
    await bmc.close(options())
    return failure.kind === 'tls' ? failure.detail : failure.kind
  }
  expect(await adviceFor({ mode: 'system' })).toContain('with its fingerprint pinned')
  expect(await adviceFor({ mode: 'ca', ca: other.certificatePem })).toContain('under a name in its certificate')
  expect(await adviceFor({ mode: 'pinned', fingerprint: 'a'.repeat(64) })).toContain(
    'Accept the new one if it was renewed',
  )
  await other.close()
})

test('no certificate can be read where nobody listens, or of an http address', async () => {
  const nobody = readCertificateFingerprint({ address: 'https://127.0.0.1:1' }, options())
  expect(await failureOf(nobody)).toMatchObject({ kind: 'unreachable', retry: true })
  const plain = readCertificateFingerprint({ address: 'http://127.0.0.1:1' }, options())
  expect(await failureOf(plain)).toMatchObject({ kind: 'tls' })
})
