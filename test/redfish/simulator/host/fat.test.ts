// The reader for FAT volumes, on ones that mtools made and on ones that nobody should have made.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FatError, openFat } from '../../../../redfish/simulator/host/fat.ts'
import { tool } from '../../../rig/debian-tools.ts'

const run = promisify(execFile)
const files = {
  'recipe.schema.json': '{"$id": "urn:x"}\n'.repeat(200),
  'KS.CFG': 'reboot\n',
  empty: '',
  'a rather long name, with spaces and öäü.txt': 'x',
}

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'simulator-fat-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A floppy is FAT12; 8 MiB is FAT16. */
async function makeFat(name: string, format: readonly string[]): Promise<Buffer> {
  const image = join(folder, `${name}.img`)
  const { command, env } = await tool('mformat')
  await run(command, ['-C', '-i', image, ...format, '::'], { env })
  for (const [path, text] of Object.entries(files)) {
    const source = join(folder, 'source')
    await writeFile(source, text)
    await run((await tool('mcopy')).command, ['-i', image, source, `::${path}`], {
      env: { ...env, LC_ALL: 'C.UTF-8' },
    })
  }
  return readFile(image)
}

const open = (image: Buffer) =>
  openFat(async ({ offset, length }) => {
    if (offset + length > image.length) throw new FatError('beyond the end of the medium')
    return image.subarray(offset, offset + length)
  })

test.each([
  { kind: 'FAT12', format: ['-f', '1440'] },
  { kind: 'FAT16', format: ['-T', '16384', '-h', '64', '-s', '32', '-c', '1'] },
])('reads every file of a $kind volume by its long name', async ({ kind, format }) => {
  const fat = await open(await makeFat(kind, format))
  for (const [name, text] of Object.entries(files)) {
    const entry = await fat.find(`/${name}`)
    expect(entry === null ? null : (await fat.readFile(entry)).toString()).toBe(text)
  }
  expect(await fat.find('/RECIPE~1.JSO')).toMatchObject({ path: '/recipe.schema.json' })
  expect(await fat.find('/missing')).toBeNull()
})

test('takes damage for a FatError, or reads what is left, and always ends', async () => {
  const good = await makeFat('good', ['-f', '1440'])
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(20_000), fc.nat(255)), { minLength: 1, maxLength: 30 }),
      async (damage) => {
        const image = Buffer.from(good)
        for (const [offset, byte] of damage) image[offset] = byte
        try {
          const fat = await open(image)
          for (const name of Object.keys(files)) {
            const entry = await fat.find(`/${name}`)
            if (entry !== null) await fat.readFile(entry)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(FatError)
        }
      },
    ),
    { numRuns: 300 },
  )
})
