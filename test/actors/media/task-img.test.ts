// The task image as independent programs read it: mtools, fsck.fat and 7-Zip. And the digest that it has everywhere.
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImg, taskVolumeSerial } from '../../../actors/media/task-img.ts'
import { CONTENT_BYTES_MAX, FILES_MAX } from '../../../actors/media/task-iso.ts'
import { openFat } from '../../../redfish/simulator/host/fat.ts'
import { legalFiles } from './rig/legal-files.ts'
import { contentsOf, filesBelow, runTool } from './rig/run-tool.ts'
import { sampleFiles, sampleImg, sampleJobId } from './rig/sample-task.ts'

const run = promisify(execFile)
const timestamp = new Date('2026-01-02T03:04:05Z')
const base = { label: 'TASK', serial: 1, timestamp }

let directory: string
let sample: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'task-img-'))
  sample = join(directory, 'sample.img')
  await writeFile(sample, sampleImg())
})

afterAll(() => rm(directory, { recursive: true }))

async function mcopyExtract(image: string): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(directory, 'mcopy-'))
  await runTool('mcopy', ['-i', image, '-n', '::*', folder])
  return filesBelow(folder)
}

async function sevenZipExtract(image: string): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(directory, '7z-'))
  await runTool('7z', ['x', '-y', `-o${folder}`, image])
  return filesBelow(folder)
}

describe('the digest', () => {
  async function digestInProcess(place: { readonly TZ: string; readonly umask: string }): Promise<string> {
    const script = join(import.meta.dirname, 'rig/print-sample-digest.ts')
    const command = 'umask "$1"; exec "$2" "$3" img'
    const env = { ...process.env, TZ: place.TZ }
    const { stdout } = await run('sh', ['-c', command, 'sh', place.umask, process.execPath, script], { env })
    return stdout
  }

  test('is the golden one in every time zone and umask', async () => {
    const digests = await Promise.all([
      digestInProcess({ TZ: 'UTC', umask: '000' }),
      digestInProcess({ TZ: 'Pacific/Kiritimati', umask: '077' }),
    ])
    expect(new Set(digests).size).toBe(1)
    await expect(digests[0]).toMatchFileSnapshot('../../golden/task-img.sha256')
  })

  test('does not depend on the order of the files, but on everything else', () => {
    const one = buildImg({ ...base, files: sampleFiles })
    expect(Buffer.compare(one, buildImg({ ...base, files: sampleFiles.toReversed() }))).toBe(0)
    for (const other of [{ label: 'TASK_2' }, { serial: 2 }, { timestamp: new Date('2026-01-02T03:04:06Z') }])
      expect(Buffer.compare(one, buildImg({ ...base, files: sampleFiles, ...other }))).not.toBe(0)
    expect(taskVolumeSerial(sampleJobId)).not.toBe(taskVolumeSerial(sampleJobId.replace('0', '1')))
  })
})

describe('fsck.fat', () => {
  test('finds nothing to repair and nothing to complain about', async () => {
    const lines = (await runTool('fsck.fat', ['-n', '-v', sample])).toString()
    expect(lines).toContain('FATs, 16 bit entries')
    expect(lines).toMatch(/: 10 files, 17\/7999 clusters$/m)
    expect(lines).not.toMatch(/dirty|differ|bad|wrong|contains/i)
  })
})

describe('mtools', () => {
  test('list long and short names, the kickstart as KS.CFG, one date, and what the volume is called', async () => {
    const listing = (await runTool('mdir', ['-i', sample, '::'])).toString()
    expect(listing).toContain('Volume in drive : is TASK')
    const serial = taskVolumeSerial(sampleJobId).toString(16).toUpperCase().padStart(8, '0')
    expect(listing).toContain(`Volume Serial Number is ${serial.slice(0, 4)}-${serial.slice(4)}`)
    expect(listing).toMatch(/^KS +CFG +\d+ 2026-03-29 +1:30 +ks\.cfg$/m)
    expect(listing).toMatch(/^RECIPE~1 JSO +\d+ 2026-03-29 +1:30 +recipe\.json$/m)
    expect(listing).toMatch(/^RECIPE~2 JSO +\d+ 2026-03-29 +1:30 +recipe\.schema\.json$/m)
    expect(listing).toMatch(/^SHA256~1 +\d+ 2026-03-29 +1:30 +SHA256SUMS$/m)
  })

  test('take every file and byte out', async () => {
    expect(await mcopyExtract(sample)).toEqual(contentsOf(sampleFiles))
  })
})

describe('7-Zip', () => {
  test('takes every file and byte out', async () => {
    expect(await sevenZipExtract(sample)).toEqual(contentsOf(sampleFiles))
  })
})

test('any legal files come out of mtools and the simulated host as they went in, and fsck.fat has nothing to say', async () => {
  let images = 0
  await fc.assert(
    fc.asyncProperty(legalFiles({ filesMax: 40 }), async (files) => {
      const image = join(directory, `any-${images++}.img`)
      const bytes = Buffer.from(buildImg({ ...base, files }))
      await writeFile(image, bytes)
      await runTool('fsck.fat', ['-n', image])
      if (files.length > 0) expect(await mcopyExtract(image)).toEqual(contentsOf(files))
      const fat = await openFat(async ({ offset, length }) => bytes.subarray(offset, offset + length))
      for (const file of files) {
        const entry = await fat.find(file.path)
        expect(entry === null ? null : Buffer.compare(await fat.readFile(entry), file.bytes)).toBe(0)
      }
    }),
    { numRuns: 12 },
  )
})

describe('sizes', () => {
  const filled = (path: string, length: number) => ({ path, bytes: new Uint8Array(length).fill(7) })

  test.each([
    ['4 MiB', [filled('/a', 1)], 4],
    ['8 MiB', [filled('/a', 4 * 1024 * 1024)], 8],
    ['16 MiB', [filled('/a', 9 * 1024 * 1024)], 16],
    ['16 MiB for all that is allowed', [filled('/a', CONTENT_BYTES_MAX - 255), ...manyFiles(255)], 16],
  ])('are %s, whatever is in it', async (_, files, mebibytes) => {
    const image = join(await mkdtemp(join(directory, 'size-')), 'task.img')
    const bytes = buildImg({ ...base, files })
    expect(bytes.length).toBe(mebibytes * 1024 * 1024)
    await writeFile(image, bytes)
    await runTool('fsck.fat', ['-n', image])
    expect(await mcopyExtract(image)).toEqual(contentsOf(files))
  })

  /** Of one byte, with the longest names. */
  function manyFiles(count: number) {
    return Array.from({ length: count }, (_, index) => filled(`/${String(index).padStart(62, 'n')}`, 1))
  }
})

test.each([
  ['a label in lower case', { label: 'task' }],
  ['a label of 12 characters', { label: 'TASK_1234567' }],
  ['a serial of 33 bits', { serial: 2 ** 32 }],
  ['a date before 1980', { timestamp: new Date('1979-12-31T23:59:59Z') }],
  ['a date after 2107', { timestamp: new Date('2108-01-01T00:00:00Z') }],
  ['an invalid date', { timestamp: new Date(Number.NaN) }],
  ['more than 10 MiB', { files: [{ path: '/a', bytes: new Uint8Array(CONTENT_BYTES_MAX + 1) }] }],
  [
    'too many files',
    { files: Array.from({ length: FILES_MAX + 1 }, (_, i) => ({ path: `/${i}`, bytes: new Uint8Array() })) },
  ],
  ['an illegal name', { files: [{ path: '/a b', bytes: new Uint8Array() }] }],
])('%s is refused', (_, wrong) => {
  expect(() => buildImg({ ...base, files: [], ...wrong })).toThrow(RangeError)
})
