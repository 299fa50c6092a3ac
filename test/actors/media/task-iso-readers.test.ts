// The task ISO as independent programs read it: xorriso, isoinfo and 7-Zip.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIso } from '../../../actors/media/task-iso.ts'
import { legalFiles } from './rig/legal-files.ts'
import { contentsOf, filesBelow, runTool } from './rig/run-tool.ts'
import { sampleFiles, sampleIso } from './rig/sample-task.ts'

let directory: string
let sample: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'task-iso-readers-'))
  sample = join(directory, 'sample.iso')
  await writeFile(sample, sampleIso())
})

afterAll(() => rm(directory, { recursive: true }))

/** What xorriso takes out of an image: by Rock Ridge, or by Joliet. */
async function xorrisoExtract(image: string, tree: 'nojoliet' | 'norock'): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(directory, 'xorriso-'))
  await runTool('xorriso', ['-read_fs', tree, '-osirrox', 'on', '-indev', image, '-extract', '/', folder])
  // It gives the folder the image's own mode, in which nobody but root could remove anything.
  await chmod(folder, 0o700)
  return filesBelow(folder)
}

async function sevenZipExtract(image: string): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(directory, '7z-'))
  await runTool('7z', ['x', '-y', `-o${folder}`, image])
  return filesBelow(folder)
}

/** The names that isoinfo lists, without the leading slash. */
async function isoinfoNames(tree: readonly string[]): Promise<readonly string[]> {
  const listing = await runTool('isoinfo', ['-i', sample, ...tree, '-f'])
  return listing
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.slice(1))
}

async function isoinfoExtract({
  names,
  tree,
}: {
  readonly names: readonly string[]
  readonly tree: readonly string[]
}) {
  const contents = await Promise.all(
    names.map(async (name) => (await runTool('isoinfo', ['-i', sample, ...tree, '-x', `/${name}`])).toString('hex')),
  )
  return new Map(names.map((name, index) => [name, contents[index]]))
}

describe('xorriso', () => {
  test('finds every file and byte by Rock Ridge', async () => {
    expect(await xorrisoExtract(sample, 'nojoliet')).toEqual(contentsOf(sampleFiles))
  })

  test('finds every file and byte by Joliet', async () => {
    expect(await xorrisoExtract(sample, 'norock')).toEqual(contentsOf(sampleFiles))
  })

  test('sees read-only files of root, and one date', async () => {
    const listing = await runTool('xorriso', ['-read_fs', 'nojoliet', '-indev', sample, '-find', '/', '-exec', 'lsdl'])
    const lines = listing.toString().trim().split('\n')
    expect(lines).toHaveLength(sampleFiles.length + 1)
    expect(lines.filter((line) => /^-r--r--r-- +1 0 +0 +\d+ Mar 29 +2026 '\/[\w.-]+'$/.test(line))).toHaveLength(
      sampleFiles.length,
    )
    expect(lines.filter((line) => /^dr-xr-xr-x +\d 0 +0 +0 Mar 29 +2026 '\/'$/.test(line))).toHaveLength(1)
  })
})

describe('isoinfo', () => {
  test('sees a volume with Joliet and Rock Ridge, and nothing to boot', async () => {
    const description = (await runTool('isoinfo', ['-d', '-i', sample])).toString()
    expect(description).toContain('Volume id: TASK_0199E1D27C4E7A108F000123456\n')
    expect(description).toContain('Joliet with UCS level 3 found')
    expect(description).toContain('Rock Ridge signatures version 1 found')
    expect(description).not.toContain('El Torito')
  })

  test('finds every file and byte in the plain tree, the kickstart as /KS.CFG', async () => {
    const names = await isoinfoNames([])
    expect(names).toContain('KS.CFG;1')
    const contents = [...(await isoinfoExtract({ names, tree: [] })).values()]
    expect(contents.toSorted()).toEqual([...contentsOf(sampleFiles).values()].toSorted())
    const kickstart = await isoinfoExtract({ names: ['KS.CFG;1'], tree: [] })
    expect(kickstart.get('KS.CFG;1')).toBe(contentsOf(sampleFiles).get('ks.cfg'))
  })

  test('finds every file and byte by Rock Ridge', async () => {
    const names = await isoinfoNames(['-R'])
    expect(await isoinfoExtract({ names, tree: ['-R'] })).toEqual(contentsOf(sampleFiles))
  })

  test('finds every file and byte by Joliet', async () => {
    const names = await isoinfoNames(['-J'])
    const contents = await isoinfoExtract({ names, tree: ['-J'] })
    const unversioned = new Map([...contents].map(([name, bytes]) => [name.replace(/;1$/, ''), bytes]))
    expect(unversioned).toEqual(contentsOf(sampleFiles))
  })
})

describe('7-Zip', () => {
  test('finds every file and byte', async () => {
    expect(await sevenZipExtract(sample)).toEqual(contentsOf(sampleFiles))
  })

  test('finds the image sound', async () => {
    expect((await runTool('7z', ['t', sample])).toString()).toContain('Everything is Ok')
  })
})

test('any legal files come out of xorriso and 7-Zip as they went in', async () => {
  let images = 0
  await fc.assert(
    fc.asyncProperty(legalFiles({ filesMax: 30 }), async (files) => {
      const folder = join(directory, `any-${images++}`)
      await mkdir(folder)
      const image = join(folder, 'task.iso')
      const bytes = buildIso({ volumeId: 'TASK_1', timestamp: new Date('2026-01-02T03:04:05Z'), files })
      await writeFile(image, bytes)
      expect(await xorrisoExtract(image, 'nojoliet')).toEqual(contentsOf(files))
      expect(await sevenZipExtract(image)).toEqual(contentsOf(files))
    }),
    { numRuns: 8 },
  )
})
