// The client against what real BMCs said: recorded trees served as they are, and recorded error bodies.
import { describe, expect, test } from 'vitest'
import type { BmcDescription } from '../../../redfish/bmc.ts'
import { messageKey, readErrorBody } from '../../../redfish/http/error-body.ts'
import { type Body, parseBody } from '../../../redfish/http/json.ts'
import { fixturesMissing, recordedErrors, recordedTree } from '../fixtures.ts'
import { withServer } from './with-server.ts'

if (fixturesMissing !== null) {
  test(`not run: ${fixturesMissing}`, () => {
    expect(fixturesMissing).not.toBeNull()
  })
} else {
  describe('recorded error bodies', describeErrors)
  describe('recorded BMCs', describeTrees)
}

function describeErrors(): void {
  const asBody = (recorded: { body?: unknown; bodyText?: string }): Body =>
    parseBody(new TextEncoder().encode(recorded.bodyText ?? JSON.stringify(recorded.body)), { jsonDepthMax: 64 })

  test.each(recordedErrors())('$name says something', (recorded) => {
    const summary = readErrorBody(asBody(recorded), (text) => text)
    const silent = recorded.name === 'supermicro/200-success-capital.json'
    expect(summary.messageId === null && summary.message === null).toBe(silent)
  })

  test.each([
    ['idrac/500-insertmedia-SYS446.json', 'SYS446'],
    ['idrac/503-session-limit-RAC0218.json', 'RAC0218'],
    ['ilo/415-ext-info-is-object.json', 'GeneralError'],
    ['ilo/ilo4-401-no-valid-session.json', 'NoValidSession'],
    ['ami-megarac/400-transferprotocoltype-missing-base15.json', 'ActionParameterMissing'],
    ['supermicro/403-license-dcms.json', 'OemLicenseNotPassed'],
  ])('%s is %s', (name, key) => {
    const recorded = recordedErrors().find((candidate) => candidate.name === name)
    if (recorded === undefined) throw new Error(`${name} is not there`)
    expect(messageKey(readErrorBody(asBody(recorded), (text) => text).messageId ?? '')).toBe(key)
  })
}

const CASES: readonly (readonly [string, { systemId?: string }, Partial<Record<string, unknown>>])[] = [
  [
    'idrac9-6.00.30-r750',
    {},
    { vendor: 'dell', layout: 'two-cds', maintenance: '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1' },
  ],
  [
    'ilo5-2.72-dl385gen10plus',
    {},
    { vendor: 'hpe', layout: 'cd-and-usb', maintenance: '/redfish/v1/Managers/1/VirtualMedia/2' },
  ],
  ['ilo6-1.66-dl380agen11', {}, { vendor: 'hpe', layout: 'cd-and-usb' }],
  ['ilo4-2.54-bl460cgen9', {}, { vendor: 'hpe', layout: 'cd-and-usb' }],
  [
    'xcc2-sr670v2',
    {},
    { vendor: 'lenovo', layout: 'two-cds', maintenance: '/redfish/v1/Managers/1/VirtualMedia/EXT1' },
  ],
  ['supermicro-x13-sys821ge', {}, { vendor: 'supermicro', layout: 'two-cds', cdTarget: 'UsbCd' }],
  ['openbmc-nvidia-gb200', {}, { vendor: 'openbmc', layout: 'two-cds', system: 'System_0' }],
  ['ami-gigabyte-h262', {}, { vendor: 'ami', layout: 'single-cd', system: 'Self' }],
  [
    'ami-dgx-h100',
    {},
    { vendor: 'ami', layout: null, system: 'DGX', finding: 'remote-media-disabled', cdTarget: 'Cd' },
  ],
  ['openbmc-stock', {}, { vendor: 'openbmc', layout: null, finding: 'no-virtual-media' }],
  ['intel-s2600bpb', {}, { layout: null, finding: 'no-virtual-media' }],
  ['supermicro-x10sdv', {}, { vendor: 'supermicro', layout: null }],
  ['idrac10-1.20-17g-bmclib', {}, { vendor: 'dell', layout: 'two-cds' }],
]

function describeTrees(): void {
  test.each(CASES)('%s is understood', async (name, options, expected) => {
    const tree = recordedTree(name)
    const handler = (request: { method: string; path: string }) => {
      if (request.method === 'POST') return { status: 404, body: {} }
      const document = tree.get(request.path.replace(/\/+$/, ''))
      return document === undefined ? { status: 404, body: {} } : { body: document }
    }
    await withServer(
      handler,
      async ({ bmc, signal }) => {
        const found = await bmc.discover({ signal })
        expect(summaryOf(found, expected)).toEqual(expected)
      },
      options,
    )
  })
}

function summaryOf(found: BmcDescription, wanted: Partial<Record<string, unknown>>): Record<string, unknown> {
  const all: Record<string, unknown> = {
    vendor: found.vendor,
    layout: found.layout?.kind ?? null,
    maintenance: found.layout?.maintenance,
    system: found.system.id,
    cdTarget: found.boot.cdTarget,
    finding: found.findings.map(({ code }) => code).find((code) => code === wanted['finding']),
  }
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, all[key]]))
}
