/** Files from somebody else's machine: what can be served is read, and anything else costs one clear error and little memory. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { readRecording, readRecordingFile } from '../../../../redfish/simulator/recorded/file.ts'
import { measureJson } from '../../../../redfish/simulator/recorded/json-size.ts'
import { serveRecording } from '../../../../redfish/simulator/recorded/server.ts'

const header = {
  product_version: '1',
  recorded_at: '2026-03-01T12:00:00.000Z',
  vendor: null,
  model: null,
  firmware: null,
  serial: 'RECORDED-SERIAL-1',
  username: 'recorded-user-1',
  missing: [],
  job: null,
}
const file = { format: 'provisioner-bmc-recording', version: 1, header, tree: [], exchanges: [] }
const document = { path: '/redfish/v1', status: 200, headers: {}, body: {} }
const withDocument = (about: object) => ({ ...file, tree: [{ ...document, ...about }] })

test('a recording is read plain and gzipped', () => {
  const bytes = Buffer.from(JSON.stringify(file))
  expect(readRecording(bytes)).toEqual(file)
  expect(readRecording(gzipSync(bytes))).toEqual(file)
})

test.each([
  ['no JSON', 'BMC', /no recording/],
  ['no text', Buffer.from([0xff, 0xfe, 0x00]), /no recording/],
  ['a list', [], /expected object/],
  ['another format', { ...file, format: 'har' }, /format/],
  ['a newer version', { ...file, version: 2 }, /version/],
  ['a path that is none', withDocument({ path: '../../etc/passwd' }), /path/],
  ['a header that is none of a recording', withDocument({ headers: { 'transfer-encoding': 'chunked' } }), /headers/],
  ['a header with another one in it', withDocument({ headers: { etag: 'x\r\nset-cookie: y' } }), /etag/],
  ['a serial number that steers the terminal', { ...file, header: { ...header, serial: '\u001b[2J' } }, /serial/],
  ['a broken archive', Buffer.from([0x1f, 0x8b, 1, 2]), /no recording/],
  ['nested a million times', '['.repeat(1_000_000), /nested deeper than 100/],
  ['nested in a document', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`, /nested deeper than 100/],
  ['made of ten million empty values', `[${'{},'.repeat(5_000_000)}{}]`, /more than 3000000 values/],
])('a file that is %s is refused with the reason, in one short message', (_what, given, why) => {
  const bytes = given instanceof Buffer ? given : Buffer.from(typeof given === 'string' ? given : JSON.stringify(given))
  const read = () => readRecording(bytes)
  expect(read).toThrow(RangeError)
  expect(read).toThrow(why)
  expect(read).toThrow(/^[\s\S]{1,2100}$/)
})

test('an archive that unpacks to more than is read is refused', () => {
  expect(() => readRecording(gzipSync(Buffer.alloc(80 * 1024 * 1024, ' '), { level: 1 }))).toThrow(RangeError)
})

test('of a file of a gigabyte, and of one without an end, no more is read than a recording can have', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'provisioner-recording-'))
  try {
    const large = join(folder, 'large.json')
    const handle = await open(large, 'w')
    await handle.truncate(2 ** 30)
    await handle.close()
    for (const path of [large, '/dev/zero'])
      await expect(readRecordingFile(path)).rejects.toThrow(/more than 67108864 bytes/)
    await expect(readRecordingFile(join(folder, 'none.json'))).rejects.toThrow(/ENOENT/)
    await expect(readRecordingFile(folder)).rejects.toThrow(/EISDIR/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('brackets and commas in texts count for nothing', () => {
  expect(measureJson(Buffer.from('{"a[[{,": ["\\"[,", 1]}'))).toEqual({ depth: 2, values: 4 })
})

test('members that are named like those of every object, links in a circle and paths upwards are served as they are', async () => {
  const hostile =
    '{"__proto__":{"polluted":true},"constructor":{"name":"x"},"@odata.id":"/redfish/v1/a/../../../etc/passwd"}'
  const served = JSON.parse(JSON.stringify(file))
  served.tree = ['a', 'b'].map((name, index, names) => ({
    ...document,
    path: `/redfish/v1/${name}/../x`,
    body: { ...JSON.parse(hostile), Next: { '@odata.id': `/redfish/v1/${names[1 - index]}` } },
  }))
  served.tree.push({ ...document, path: '/redfish/v1', body: '@@' })
  const recording = readRecording(Buffer.from(JSON.stringify(served).replace('"@@"', hostile)))
  const server = await serveRecording({ file: recording, password: 'simulated' })
  try {
    const answer = await fetch(`${server.url}/redfish/v1/`)
    expect([answer.status, JSON.parse(await answer.text())]).toEqual([200, JSON.parse(hostile)])
    const authorization = `Basic ${Buffer.from(`${server.username}:simulated`).toString('base64')}`
    const upwards = await fetch(`${server.url}/redfish/v1/..%2f..%2fetc/passwd`, { headers: { authorization } })
    expect([upwards.status, await upwards.text()]).toEqual([404, expect.stringContaining('was not recorded')])
    const patched = await fetch(`${server.url}/redfish/v1/`, {
      method: 'PATCH',
      headers: { authorization, 'content-type': 'application/json' },
      body: hostile,
    })
    expect(patched.status).toBe(501)
  } finally {
    await server.close()
  }
  expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
})
