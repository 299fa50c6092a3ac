import { randomBytes } from 'node:crypto'
import { assert, asyncProperty, integer, uint8Array } from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { IsoError, openIso, type ReadAt, readVolume } from '../../../../redfish/simulator/host/iso9660.ts'
import { makeIso } from '../rig/make-iso.ts'

function readerOf(image: Buffer): ReadAt {
  return async ({ offset, length }) => {
    if (offset + length > image.length) throw new IsoError('beyond the end')
    return image.subarray(offset, offset + length)
  }
}

const large = randomBytes(200_000)
const longName = `${'n'.repeat(240)}.yaml`
const files = {
  'recipe.json': '{"a":1}\n',
  'recipe.schema.json': '{}',
  'user-data': '#cloud-config\n',
  empty: '',
  'large.bin': large,
  'task/Nested Name.txt': 'nested',
  [longName]: 'long',
}

describe('an image with Rock Ridge', () => {
  let image: Buffer

  beforeAll(async () => {
    image = await makeIso({ files, volumeId: 'TASK_0192' })
  })

  test('shows its volume id and its size, and that nothing boots from it', async () => {
    const volume = await readVolume(readerOf(image))
    expect(volume).toMatchObject({ volumeId: 'TASK_0192', bootable: false, blockBytes: 2_048 })
    expect(volume.sizeBytes).toBeGreaterThan(large.length)
    expect(volume.sizeBytes).toBeLessThanOrEqual(image.length)
  })

  test('lists the names as they were written, long ones too', async () => {
    const iso = await openIso(readerOf(image))
    const paths = (await iso.list('/')).map(({ path }) => path).sort()
    const expected = ['empty', 'large.bin', longName, 'recipe.json', 'recipe.schema.json', 'task', 'user-data']
    expect(paths).toEqual(expected.map((name) => `/${name}`).sort())
    expect((await iso.list('/task')).map(({ path }) => path)).toEqual(['/task/Nested Name.txt'])
  })

  test('gives back every file byte for byte', async () => {
    const iso = await openIso(readerOf(image))
    for (const [path, content] of Object.entries(files)) {
      const entry = await iso.find(`/${path}`)
      if (entry === null) throw new Error(`${path} was not found`)
      expect(Buffer.compare(await iso.readFile(entry), Buffer.from(content)), path).toBe(0)
    }
  })

  test('is exact about the case of a name', async () => {
    const iso = await openIso(readerOf(image))
    expect(await iso.find('/RECIPE.JSON')).toBeNull()
    expect(await iso.find('/nowhere/recipe.json')).toBeNull()
  })

  test('a directory is not read as a file, nor a file as a directory', async () => {
    const iso = await openIso(readerOf(image))
    const task = await iso.find('/task')
    if (task === null) throw new Error('/task was not found')
    await expect(iso.readFile(task)).rejects.toThrow(IsoError)
    await expect(iso.list('/recipe.json')).rejects.toThrow(IsoError)
  })

  test('with bytes overwritten anywhere it is read or refused, and nothing worse', async () => {
    const bytes = uint8Array({ minLength: 1, maxLength: 64 })
    const offsets = integer({ min: 16 * 2_048, max: 60 * 2_048 })
    await assert(
      asyncProperty(offsets, bytes, async (offset, noise) => {
        const broken = Buffer.from(image)
        broken.set(noise, offset)
        try {
          const iso = await openIso(readerOf(broken))
          for (const entry of await iso.list('/')) if (entry.kind === 'file') await iso.readFile(entry)
        } catch (error) {
          expect(error).toBeInstanceOf(IsoError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

test('a plain image is searched without regard to case and without version numbers', async () => {
  const iso = await openIso(
    readerOf(await makeIso({ files: { 'ks.cfg': 'install\n', readme: 'x' }, rockRidge: false })),
  )
  expect((await iso.list('/')).map(({ path }) => path)).toEqual(['/KS.CFG', '/README'])
  const kickstart = await iso.find('/ks.cfg')
  if (kickstart === null) throw new Error('ks.cfg was not found')
  expect((await iso.readFile(kickstart)).toString()).toBe('install\n')
})

test('bytes that are no image are refused', async () => {
  await expect(readVolume(readerOf(Buffer.alloc(100_000)))).rejects.toThrow('no ISO 9660 volume descriptor')
})
