// The description of every recorded BMC, served read-only over HTTP. test/golden/probes/ holds the reviewed answers:
// trees that can be walked find the slots of quirks.md 3, the others give a finding with advice, never an exception.
import { mkdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { BmcDescription } from '../../../../redfish/bmc.ts'
import { expectGolden, goldenFolder, recording } from '../../../machines/golden.ts'
import { fixturesMissing, recordedTree, recordedTrees } from '../../rig/fixtures.ts'
import { withServer } from '../../rig/with-server.ts'

if (fixturesMissing !== null) {
  test(`not run: ${fixturesMissing}`, () => {
    expect(fixturesMissing).not.toBeNull()
  })
} else {
  describe('the probe of a recorded BMC', describeTrees)
}

/** The Ids of the slots that take a CD image (quirks.md 3); null where the record shows none. */
const CD_SLOTS: Readonly<Record<string, readonly string[] | null>> = {
  'ami-dgx-h100': null,
  'ami-gigabyte-h262': ['CD1'],
  'dmtf-public-rackmount1': ['CD1'],
  'idrac10-1.20-17g-bmclib': ['1', '2'],
  'idrac8-2.41-m630-partial': null,
  'idrac9-6.00.30-r750': ['1', '2'],
  'ilo4-2.54-bl460cgen9': ['2'],
  'ilo5-2.46-dl325gen10plus': ['2'],
  'ilo5-2.72-dl385gen10plus': ['2'],
  'ilo6-1.66-dl380agen11': ['2'],
  'intel-s2600bpb': null,
  'openbmc-nvidia-gb200': ['USB1', 'USB2'],
  'openbmc-stock': null,
  'supermicro-x10dff-3.25-partial': null,
  'supermicro-x10sdv': null,
  'supermicro-x12-bmclib-partial': null,
  'supermicro-x13-sys821ge': ['VirtualMedia1', 'VirtualMedia2', 'VirtualMedia3'],
  'xcc2-sr670v2': ['EXT1', 'EXT2', 'EXT3', 'EXT4'],
}

function describeTrees(): void {
  test('every tree is known here', () => {
    expect(recordedTrees().toSorted()).toEqual(Object.keys(CD_SLOTS).toSorted())
  })

  test.each(Object.entries(CD_SLOTS))('%s finds the slots %j', async (name, slots) => {
    const { found, writes } = await probe(name)
    const cds = found.slots
      .filter(({ takes }) => takes.includes('cd'))
      .map(({ id }) => id.split('/').filter(Boolean).at(-1))
    if (slots === null) {
      expect(found.layout).toBeNull()
      expect(found.findings.filter(({ severity }) => severity === 'error')).not.toEqual([])
    } else {
      expect(cds).toEqual(slots)
      expect(found.layout).not.toBeNull()
    }
    for (const finding of found.findings) expect(finding.advice).toMatch(/\.$/)
    expect(writes, 'a probe only reads').toEqual([])
  })

  test.each(Object.keys(CD_SLOTS))('%s is described as in the golden file', async (name) => {
    const { found } = await probe(name)
    if (recording) mkdirSync(new URL('probes/', goldenFolder), { recursive: true })
    expectGolden(`probes/${name}.json`, `${JSON.stringify(found, null, 2)}\n`)
  })
}

/** The answer, and every request that was neither a read nor about sessions. */
async function probe(name: string): Promise<{ found: BmcDescription; writes: readonly string[] }> {
  const tree = recordedTree(name)
  const sessions = /\/Sessions\/?[^/]*$/
  const handler = (request: { method: string; path: string }) => {
    if (request.method === 'POST' && sessions.test(request.path)) {
      return { status: 201, headers: { 'X-Auth-Token': 'token-of-the-probe', Location: '/redfish/v1/Sessions/1' } }
    }
    if (request.method !== 'GET') return { status: 405, body: {} }
    const document = tree.get(request.path.replace(/\/+$/, ''))
    return document === undefined ? { status: 404, body: {} } : { body: document }
  }
  let result: { found: BmcDescription; writes: readonly string[] } | undefined
  await withServer(handler, async ({ bmc, server, signal }) => {
    const found = await bmc.discover({ signal })
    const writes = server.requests
      .filter(({ method, path }) => method !== 'GET' && !sessions.test(path))
      .map(({ method, path }) => `${method} ${path}`)
    result = { found, writes }
  })
  if (result === undefined) throw new Error('the probe gave no answer')
  return result
}
