/** Redacted documents of real BMCs: every link still leads to its document, versions stay, serial numbers go. */
import { describe, expect, test } from 'vitest'
import { makeRecording } from '../../../redfish/recording/file.ts'
import { fixturesMissing, recordedTree, recordedTrees } from '../rig/fixtures.ts'

if (fixturesMissing !== null) {
  test(`not run: ${fixturesMissing}`, () => {
    expect(fixturesMissing).not.toBeNull()
  })
} else {
  describe.each(recordedTrees())('%s', describeTree)
}

const bare = (path: string) => (path.split('#')[0] ?? '').replace(/\/$/, '')

/** Every text with the member that holds it. */
function* texts(value: unknown, name = ''): Generator<readonly [name: string, text: string]> {
  if (typeof value === 'string') yield [name, value]
  else if (Array.isArray(value)) for (const item of value) yield* texts(item, name)
  else if (typeof value === 'object' && value !== null)
    for (const [inner, held] of Object.entries(value)) yield* texts(held, inner)
}

function describeTree(name: string): void {
  const before = [...recordedTree(name)].map(([path, body]) => ({ path, status: 200, headers: {}, body }))
  const { tree: after } = makeRecording({
    productVersion: '1.0.0',
    recordedAt: '2026-03-01T12:00:00.000Z',
    server: {
      serial: 'SRV-1',
      username: 'root',
      address: 'https://bmc.example.net',
      vendor: null,
      model: null,
      firmware: null,
    },
    tree: { documents: before, missing: [] },
    exchanges: [],
    missing: [],
    job: null,
  })
  const leading = (documents: typeof before) => {
    const paths = new Set(documents.map(({ path }) => bare(path)))
    const links = documents.flatMap(({ body }) => [...texts(body)].filter(([member]) => member === '@odata.id'))
    return { paths, links: links.filter(([, link]) => paths.has(bare(link))).length }
  }

  test('has as many documents and links that lead to one of them as before', () => {
    const [was, is] = [leading(before), leading([...after])]
    expect([is.paths.size, is.links]).toEqual([was.paths.size, was.links])
  })

  test('says the same versions', () => {
    const versionsOf = (documents: readonly { body: unknown }[]) =>
      documents.flatMap(({ body }) => [...texts(body)].filter(([member]) => /version$/i.test(member)))
    expect(versionsOf(after)).toEqual(versionsOf(before))
  })

  test('has none of its serial numbers, addresses and identifiers', () => {
    const identifying = /^(?:SerialNumber|UUID|HostName|FQDN|MACAddress|PermanentMACAddress)$/
    const values = before
      .flatMap(({ body }) => [...texts(body)])
      .filter(([member, text]) => identifying.test(member) && /[1-9a-f].{7,}/i.test(text.trim()))
      .map(([, text]) => text.trim().toLowerCase())
      .filter((text) => !text.startsWith('not '))
    const left = JSON.stringify(after).toLowerCase()
    expect(values.filter((value) => left.includes(JSON.stringify(value).slice(1, -1)))).toEqual([])
  })
}
