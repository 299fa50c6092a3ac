// A maintenance ISO with a task in it, as independent programs read it: xorriso, isoinfo, 7-Zip and sgdisk.
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BaseImage } from '../../../actors/media/merge/base.ts'
import { BASE_BYTES_MAX } from '../../../actors/media/merge/base.ts'
import { BaseIsoError } from '../../../actors/media/merge/base-error.ts'
import { mergeIso, type Overlay } from '../../../actors/media/merged-iso.ts'
import { openIso } from '../../../redfish/simulator/host/iso9660.ts'
import { type BaseKind, baseKinds, makeBase } from './rig/base-iso.ts'
import { legalFiles } from './rig/legal-files.ts'
import { directoriesOf } from './rig/path-tables.ts'
import { contentsOf, runTool } from './rig/run-tool.ts'
import { sampleFiles } from './rig/sample-task.ts'

const timestamp = new Date('2026-03-29T01:30:15.678Z')
const kinds = Object.keys(baseKinds) as BaseKind[]

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'merged-iso-'))
})

afterAll(() => rm(directory, { recursive: true }))

const imageOf = (bytes: Buffer): BaseImage => ({
  sizeBytes: bytes.length,
  readAt: async (offset, lengthBytes) => Buffer.from(bytes.subarray(offset, offset + lengthBytes)),
})

const merge = (base: Buffer, files = sampleFiles, paddingSectors = 150) =>
  mergeIso({ base: imageOf(base), timestamp, files, paddingSectors })

/** The whole, in memory. */
function applied(base: Buffer, { sizeBytes, pieces }: Overlay): Buffer {
  const whole = Buffer.alloc(sizeBytes)
  base.copy(whole)
  for (const { offset, bytes } of pieces) bytes.copy(whole, offset)
  return whole
}

async function inFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(directory, `${name}-`))
  await chmod(folder, 0o700)
  return folder
}

/** Every file below a folder with its contents in hex, by path. */
async function treeBelow(folder: string): Promise<Map<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return new Map(
    await Promise.all(
      files.map(async (path) => [path.slice(folder.length + 1), (await readFile(path)).toString('hex')] as const),
    ),
  )
}

async function xorrisoTree(image: string, tree: 'nojoliet' | 'norock'): Promise<Map<string, string>> {
  const folder = join(await inFolder('xorriso'), 'all')
  await runTool('xorriso', ['-read_fs', tree, '-osirrox', 'on', '-indev', image, '-extract', '/', folder])
  // It gives folders the modes that the image has, in which nobody but root could remove anything.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ parentPath, name }) => join(parentPath, name))
  for (const path of [folder, ...folders]) await chmod(path, 0o700)
  return treeBelow(folder)
}

async function sevenZipTree(image: string): Promise<Map<string, string>> {
  const folder = await inFolder('7z')
  await runTool('7z', ['x', '-y', `-o${folder}`, image])
  return new Map([...(await treeBelow(folder))].filter(([path]) => !path.startsWith('[BOOT]')))
}

const inTask = (files: typeof sampleFiles) =>
  [...contentsOf(files)].map(([name, content]) => [`task/${name}`, content] as const)

async function bootReport(image: string): Promise<string> {
  return (await runTool('xorriso', ['-indev', image, '-report_el_torito', 'plain'])).toString()
}

describe.each(kinds)('a base that boots %s', (kind) => {
  const hasJoliet = baseKinds[kind].some((flag) => flag === '-J')
  const hasGpt = kind.includes('GPT')
  let base: string
  let merged: string
  let before: Buffer
  let after: Buffer

  beforeAll(async () => {
    const folder = await inFolder('base')
    base = await makeBase(folder, baseKinds[kind])
    merged = join(folder, 'merged.iso')
    before = await readFile(base)
    after = applied(before, await merge(before))
    await writeFile(merged, after)
  })

  test('has the task besides everything that it had, for xorriso by Rock Ridge', async () => {
    const expected = new Map([...(await xorrisoTree(base, 'nojoliet')), ...inTask(sampleFiles)])
    expect(expected.size).toBe(9 + sampleFiles.length)
    expect(await xorrisoTree(merged, 'nojoliet')).toEqual(expected)
  })

  test.runIf(hasJoliet)('has the task besides everything that it had, for xorriso by Joliet', async () => {
    const expected = new Map([...(await xorrisoTree(base, 'norock')), ...inTask(sampleFiles)])
    expect(await xorrisoTree(merged, 'norock')).toEqual(expected)
  })

  test('has the task besides everything that it had, for 7-Zip', async () => {
    const expected = new Map([...(await sevenZipTree(base)), ...inTask(sampleFiles)])
    expect(await sevenZipTree(merged)).toEqual(expected)
    expect((await runTool('7z', ['t', merged])).toString()).toContain('Everything is Ok')
  })

  test('is read by isoinfo through path tables and directories in both trees', async () => {
    for (const tree of hasJoliet ? [['-R'], ['-J']] : [['-R']]) {
      const names = (image: string) =>
        runTool('isoinfo', ['-i', image, ...tree, '-f']).then((listing) => listing.toString().trim().split('\n'))
      const added = ['/task', ...sampleFiles.map(({ path }) => `/task${path}`)]
      const suffixed = tree[0] === '-J' ? added.map((path) => (path === '/task' ? path : `${path};1`)) : added
      expect((await names(merged)).toSorted()).toEqual([...(await names(base)), ...suffixed].toSorted())
      // The path table has to say the same as the directories.
      const table = (image: string) =>
        runTool('isoinfo', ['-i', image, ...tree, '-p']).then((listing) => listing.toString().trim().split('\n'))
      expect((await table(merged)).length).toBe((await table(base)).length + 1)
    }
  })

  test('has path tables that say what its directories say, in order, with one directory more', () => {
    for (const [tree, name] of hasJoliet
      ? [['plain', 'TASK'] as const, ['joliet', 'task'] as const]
      : [['plain', 'TASK'] as const]) {
      const [then, now] = [directoriesOf(before, tree), directoriesOf(after, tree)]
      expect(now.filter((directory) => directory !== `/${name}`)).toEqual(then)
      const top = now.slice(1).filter((directory) => directory.startsWith('/'))
      expect(top).toContain(`/${name}`)
      expect(top).toEqual(top.toSorted())
    }
  })

  test('boots as it did: the same El Torito report, the same EFI image in its place', async () => {
    expect(await bootReport(merged)).toBe(await bootReport(base))
    expect(await bootReport(merged)).toMatch(/El Torito boot img : +1 +UEFI +y +none/)
  })

  test('differs from its base only where the overlay says so, and little of that is over it', async () => {
    const { pieces } = await merge(before)
    const over = pieces.filter(({ offset }) => offset < before.length)
    expect(over.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(8192)
    const restored = Buffer.from(after.subarray(0, before.length))
    for (const { offset, bytes } of over) before.copy(restored, offset, offset, offset + bytes.length)
    expect(restored.equals(before)).toBe(true)
  })

  test.runIf(hasGpt)('has a GPT with a second copy at its new end', async () => {
    const area = (await runTool('xorriso', ['-indev', merged, '-report_system_area', 'plain'])).toString()
    const blocks = after.length / 512
    expect(area).toContain(`ISO image size/512 : ${blocks}\n`)
    expect(area).toMatch(new RegExp(`^GPT lba range +: +64 +${blocks - 64} +${blocks - 1}$`, 'm'))
    expect(area).not.toContain('GPT backup problems')
    const [first, second] = [512, after.length - 512].map((offset) => after.subarray(offset, offset + 92))
    expect(second?.toString('latin1', 0, 8)).toBe('EFI PART')
    expect(second?.readBigUInt64LE(32)).toBe(first?.readBigUInt64LE(24))
    expect(first?.readBigUInt64LE(32)).toBe(second?.readBigUInt64LE(24))
  })

  // An isohybrid GPT overlaps its own header, in which sgdisk finds fault from the start.
  test.runIf(kind.endsWith('GPT of its own'))('has a GPT in which sgdisk finds no fault', async () => {
    const report = (await runTool('sgdisk', ['--verify', merged])).toString()
    expect(report).toContain('No problems found')
  })

  test('gives the same overlay whatever order the files come in, and another one for another time', async () => {
    const one = applied(before, await merge(before))
    const two = applied(before, await merge(before, sampleFiles.toReversed()))
    expect(two.equals(one)).toBe(true)
    const later = { base: imageOf(before), files: sampleFiles, paddingSectors: 150, timestamp: new Date(0) }
    expect(applied(before, await mergeIso(later)).equals(one)).toBe(false)
  })
})

test('any legal files come out of xorriso, 7-Zip and the simulated host as they went in', async () => {
  const base = await makeBase(await inFolder('any'), baseKinds['UEFI from CD'])
  const before = await readFile(base)
  await fc.assert(
    fc.asyncProperty(legalFiles({ filesMax: 40 }), async (files) => {
      const image = join(await inFolder('any'), 'merged.iso')
      const whole = applied(before, await merge(before, files, 1))
      await writeFile(image, whole)
      for (const tree of ['nojoliet', 'norock'] as const) {
        const found = [...(await xorrisoTree(image, tree))].filter(([path]) => path.startsWith('task/'))
        expect(new Map(found)).toEqual(new Map(inTask(files)))
      }
      const iso = await openIso(async ({ offset, length }) => whole.subarray(offset, offset + length))
      for (const { path, bytes } of files) {
        const entry = await iso.find(`/task${path}`)
        expect(entry === null ? null : Buffer.compare(await iso.readFile(entry), bytes)).toBe(0)
      }
    }),
    { numRuns: 6 },
  )
})

describe('a base that will not do is refused with what is wrong with it', () => {
  let good: Buffer
  let folder: string
  beforeAll(async () => {
    folder = await inFolder('bad')
    good = await readFile(await makeBase(folder, baseKinds['UEFI from CD']))
  })

  const refused = async (base: Buffer, message: string | RegExp) => {
    const error = await merge(base).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(BaseIsoError)
    expect((error as Error).message).toMatch(message)
  }
  const changed = (offset: number, bytes: Uint8Array) => {
    const copy = Buffer.from(good)
    copy.set(bytes, offset)
    return copy
  }

  test('what is no ISO at all', async () => {
    await refused(Buffer.alloc(100), 'no ISO 9660 volume descriptor')
    await refused(Buffer.alloc(1024 * 1024), 'no ISO 9660 volume descriptor')
  })

  test('one that nothing boots from', async () => {
    await refused(await readFile(await makeBase(await inFolder('data'), ['-r', '-J'])), 'no El Torito boot record')
  })

  test('one without Rock Ridge', async () => {
    const flags = ['-J', '-e', 'boot/efi.img', '-no-emul-boot', '--norock']
    await refused(await readFile(await makeBase(await inFolder('norock'), flags)), 'no Rock Ridge')
  })

  test('one that has a task already', async () => {
    const whole = applied(good, await merge(good))
    await refused(whole, 'it has a /task already')
  })

  test('one with UDF', async () => {
    const nsr = Buffer.alloc(2048)
    nsr.write('\0NSR02\x01', 'latin1')
    const terminator = [16, 17, 18, 19, 20].find((sector) => good.readUInt8(sector * 2048) === 255) ?? 0
    await refused(changed((terminator + 1) * 2048, nsr), 'UDF')
  })

  test('one that is larger than any', async () => {
    const image = { ...imageOf(good), sizeBytes: BASE_BYTES_MAX + 1 }
    await expect(mergeIso({ base: image, timestamp, files: [], paddingSectors: 0 })).rejects.toThrow(BaseIsoError)
  })

  test('one whose root is cut off, or broken', async () => {
    await refused(good.subarray(0, 19 * 2048), /no directory of|no Rock Ridge/)
    const rootSector = good.readUInt32LE(16 * 2048 + 158)
    await refused(changed(rootSector * 2048, Buffer.from([20])), 'a directory record is broken')
  })

  test('damage anywhere in the descriptors and directories is a base error or a merged ISO, never another error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 15 * 2048, max: 40 * 2048 }), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 40,
        }),
        async (damage) => {
          const copy = Buffer.from(good)
          for (const [offset, byte] of damage) copy[offset] = byte
          const outcome = await merge(copy).then(
            () => null,
            (error: unknown) => error,
          )
          if (outcome !== null) expect(outcome).toBeInstanceOf(BaseIsoError)
        },
      ),
      { numRuns: 300 },
    )
  })
})

test('a damaged GPT is left alone', async () => {
  const base = await readFile(
    await makeBase(await inFolder('gpt'), baseKinds['UEFI from CD and disk, with an isohybrid GPT']),
  )
  base.writeUInt8(base.readUInt8(520) ^ 1, 520)
  const { pieces } = await merge(base)
  expect(pieces.some(({ offset }) => offset === 512)).toBe(false)
})
