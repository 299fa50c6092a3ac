import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildIso, CONTENT_BYTES_MAX, FILES_MAX, taskVolumeId } from '../../../actors/media/task-iso.ts'
import { legalFiles } from './rig/legal-files.ts'
import { readJoliet, readPlain } from './rig/read-iso.ts'
import { sampleFiles, sampleIso, sampleJobId } from './rig/sample-task.ts'

const run = promisify(execFile)
const timestamp = new Date('2026-01-02T03:04:05Z')

function iso(paths: readonly string[]): Uint8Array {
  return buildIso({
    volumeId: 'TASK_1',
    timestamp,
    files: paths.map((path) => ({ path, bytes: Buffer.from(path) })),
  })
}

async function digestInProcess(place: { readonly TZ: string; readonly umask: string }): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'task-iso-'))
  onTestFinished(() => rm(cwd, { recursive: true }))
  const script = join(import.meta.dirname, 'rig/print-sample-digest.ts')
  const command = 'umask "$1"; exec "$2" "$3"'
  const { stdout } = await run('sh', ['-c', command, 'sh', place.umask, process.execPath, script], {
    cwd,
    env: { ...process.env, TZ: place.TZ },
  })
  return stdout
}

describe('the digest', () => {
  test('is the golden one in every directory, time zone and umask', async () => {
    const digests = await Promise.all([
      digestInProcess({ TZ: 'UTC', umask: '000' }),
      digestInProcess({ TZ: 'Pacific/Kiritimati', umask: '077' }),
      digestInProcess({ TZ: 'America/St_Johns', umask: '022' }),
    ])
    expect(new Set(digests).size).toBe(1)
    await expect(digests[0]).toMatchFileSnapshot('../../golden/task-iso.sha256')
  })

  test('does not depend on the order of the files', () => {
    const volumeId = taskVolumeId(sampleJobId)
    const one = buildIso({ volumeId, timestamp, files: sampleFiles })
    const other = buildIso({ volumeId, timestamp, files: sampleFiles.toReversed() })
    expect(Buffer.compare(one, other)).toBe(0)
  })

  test('changes with one byte, with the time, with the volume id and with the padding', () => {
    const base = { volumeId: 'TASK_1', timestamp, files: [{ path: '/a', bytes: Buffer.from('a') }], paddingSectors: 2 }
    const images = [
      base,
      { ...base, files: [{ path: '/a', bytes: Buffer.from('b') }] },
      { ...base, timestamp: new Date(timestamp.getTime() + 1000) },
      { ...base, volumeId: 'TASK_2' },
      { ...base, paddingSectors: 3 },
    ].map((input) => createHash('sha256').update(buildIso(input)).digest('hex'))
    expect(new Set(images).size).toBe(images.length)
  })
})

describe('names', () => {
  test('stand in the plain tree in upper case, legal and with a version', () => {
    expect(readPlain(sampleIso()).files.map(({ identifier }) => identifier)).toEqual([
      'KS.CFG;1',
      'META_DATA.;1',
      'NETWORK_CONFIG.;1',
      'RECIPE.JSON;1',
      'RECIPE_SCHEMA.JSON;1',
      'REPORT.JSON;1',
      'SHA256SUMS.;1',
      'UNATTEND.XML;1',
      'USER_DATA.;1',
    ])
  })

  test('that fall together in the plain tree are told apart there', () => {
    const long = 'a-name-that-is-longer-than-thirty-characters'
    const { files } = readPlain(iso(['/a-b', '/a_b', '/a.b.c', `/${long}-1.txt`, `/${long}-2.txt`]))
    expect(files.map(({ trueName, identifier }) => [trueName, identifier])).toEqual([
      ['a-b', 'A_B.;1'],
      ['a.b.c', 'A_B.C;1'],
      ['a_b', 'A_B_2.;1'],
      [`${long}-1.txt`, 'A_NAME_THAT_IS_LONGER_THAN_.TXT;1'],
      [`${long}-2.txt`, 'A_NAME_THAT_IS_LONGER_THA_2.TXT;1'],
    ])
  })

  test.each(['a', '/', '/a/b', '/.hidden', '/..', '/a b', '/ä', '/a.', '/-a', `/${'a'.repeat(63)}`, '/a;1'])(
    'are refused when no reader could be trusted with them: %s',
    (path) => {
      expect(() => iso([path])).toThrow(RangeError)
    },
  )

  test('are refused when they differ in case only', () => {
    expect(() => iso(['/Recipe.json', '/recipe.json'])).toThrow('/recipe.json is there twice')
  })
})

describe('limits', () => {
  const filled = (path: string, length: number) => ({ path, bytes: new Uint8Array(length) })
  const build = (files: Parameters<typeof buildIso>[0]['files']) => () => buildIso({ volumeId: 'A', timestamp, files })

  test('allow exactly 10 MiB', () => {
    const files = readPlain(build([filled('/a', CONTENT_BYTES_MAX)])()).files
    expect(files.map(({ bytes }) => bytes.length)).toEqual([CONTENT_BYTES_MAX])
  })

  test('refuse one byte more, in one file or in all together, and say which file', () => {
    expect(build([filled('/a', CONTENT_BYTES_MAX + 1)])).toThrow('/a has 10485761')
    expect(build([filled('/a', CONTENT_BYTES_MAX), filled('/b', 1)])).toThrow('/b has 1 and brings it to 10485761')
  })

  test('refuse more files than the builder was made for', () => {
    expect(build(Array.from({ length: FILES_MAX + 1 }, (_, index) => filled(`/${index}`, 0)))).toThrow('256 files')
  })

  test.each([
    ['an empty volume id', { volumeId: '' }],
    ['a volume id in lower case', { volumeId: 'task' }],
    ['a volume id of 33 characters', { volumeId: 'A'.repeat(33) }],
    ['an invalid date', { timestamp: new Date(Number.NaN) }],
    ['a date before 1900', { timestamp: new Date('1899-12-31T23:59:59Z') }],
    ['a date after 2155', { timestamp: new Date('2156-01-01T00:00:00Z') }],
    ['half a sector of padding', { paddingSectors: 0.5 }],
    ['negative padding', { paddingSectors: -1 }],
    ['endless padding', { paddingSectors: 1_000_000 }],
  ])('refuse %s', (_, wrong) => {
    expect(() => buildIso({ volumeId: 'A', timestamp, files: [], ...wrong })).toThrow(RangeError)
  })
})

describe('the volume', () => {
  test('is named after the job, cut to what fits', () => {
    expect(readPlain(sampleIso()).volumeId).toBe('TASK_0199E1D27C4E7A108F000123456')
    expect(readJoliet(sampleIso()).volumeId).toBe('TASK_0199E1D27C4')
  })

  test('counts its padding, 150 sectors unless told otherwise', () => {
    const without = buildIso({ volumeId: 'A', timestamp, files: [], paddingSectors: 0 })
    const withDefault = buildIso({ volumeId: 'A', timestamp, files: [] })
    expect(withDefault.length - without.length).toBe(150 * 2048)
    expect(readPlain(withDefault).sectors).toBe(withDefault.length / 2048)
    expect(readJoliet(withDefault).sectors).toBe(withDefault.length / 2048)
  })
})

test('any legal files stand in both trees, byte for byte and in order', () => {
  fc.assert(
    fc.property(legalFiles({ filesMax: 60 }), (files) => {
      const image = buildIso({ volumeId: 'TASK_1', timestamp, files, paddingSectors: 1 })
      const expected = new Map(files.map(({ path, bytes }) => [path.slice(1), Buffer.from(bytes).toString('hex')]))
      const plain = readPlain(image).files
      const joliet = readJoliet(image).files
      const contents = (entries: readonly (readonly [string | undefined, Buffer])[]) =>
        new Map(entries.map(([name, bytes]) => [name, bytes.toString('hex')]))

      expect(contents(plain.map(({ trueName, bytes }) => [trueName, bytes]))).toEqual(expected)
      expect(contents(joliet.map(({ identifier, bytes }) => [identifier.replace(/;1$/, ''), bytes]))).toEqual(expected)
      expect(new Set(plain.map(({ mode }) => mode))).toEqual(new Set(files.length === 0 ? [] : [0o100444]))

      const isoNames = plain.map(({ identifier }) => identifier)
      for (const name of isoNames) expect(name).toMatch(/^[A-Z0-9_]{1,30}\.[A-Z0-9_]{0,29};1$/)
      for (const name of isoNames) expect(name.length).toBeLessThanOrEqual('.;1'.length + 30)
      expect(new Set(isoNames).size).toBe(files.length)
      expect(isoNames).toEqual(isoNames.toSorted(byPaddedName))
    }),
    { numRuns: 100 },
  )
})

/** ECMA-119 9.3: names and extensions are compared as if filled up with spaces. */
function byPaddedName(left: string, right: string): number {
  const padded = (identifier: string) => {
    const [name = '', extension = ''] = identifier.replace(';1', '').split('.')
    return name.padEnd(31) + extension.padEnd(31)
  }
  return padded(left) < padded(right) ? -1 : 1
}
