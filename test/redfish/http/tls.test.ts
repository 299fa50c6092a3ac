// How a certificate is judged, against simulated BMCs with certificates of their own.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TlsPolicy } from '../../../redfish/bmc.ts'
import { createHttpBmc } from '../../../redfish/http/client.ts'
import { readCertificateFingerprint } from '../../../redfish/http/tls.ts'
import { type Simulator, startSimulator } from '../../../redfish/simulator/server.ts'
import { failureOf } from '../bmc-contract.ts'

let simulator: Simulator
const account = { username: 'u', password: 'p-p-p-p' }
const options = () => ({ signal: AbortSignal.timeout(5_000) })

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

test('no certificate can be read where nobody listens, or of an http address', async () => {
  const nobody = readCertificateFingerprint({ address: 'https://127.0.0.1:1' }, options())
  expect(await failureOf(nobody)).toMatchObject({ kind: 'unreachable', retry: true })
  const plain = readCertificateFingerprint({ address: 'http://127.0.0.1:1' }, options())
  expect(await failureOf(plain)).toMatchObject({ kind: 'tls' })
})
