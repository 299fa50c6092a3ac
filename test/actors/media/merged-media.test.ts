// Merged ISOs as they are kept and served: ranges of what is nowhere in one piece.
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { bytesOf } from '../../../actors/media/files/overlay-file.ts'
import { imageStore, type TaskMedium, type TaskStore, taskStore } from '../../../actors/media/files/store.ts'
import { FileChanged } from '../../../actors/media/files/stored-file.ts'
import { BaseIsoError } from '../../../actors/media/merge/base-error.ts'
import { mergeIso } from '../../../actors/media/merged-iso.ts'
import { type MergedMedia, mergedMedia } from '../../../actors/media/merged-media.ts'
import { baseKinds, makeBase } from './rig/base-iso.ts'
import { sampleFiles, sampleJobId } from './rig/sample-task.ts'

const timestamp = new Date('2026-03-29T01:30:15.678Z')
const input = { baseName: 'maintenance.iso', files: sampleFiles, timestamp, paddingSectors: 10 }

let folder: string
let images: string
let base: Buffer
let tasks: TaskStore
let media: MergedMedia

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'merged-media-'))
  // Not a whole number of sectors: the last one is filled up.
  base = Buffer.concat([
    await readFile(await makeBase(await mkdtemp(join(folder, 'made-')), baseKinds['UEFI from CD'])),
    Buffer.from('odd'),
  ])
})

afterAll(() => rm(folder, { recursive: true }))

beforeEach(async () => {
  images = await mkdtemp(join(folder, 'images-'))
  await writeFile(join(images, 'maintenance.iso'), base)
  tasks = taskStore(join(images, 'tasks'))
  media = mergedMedia({ tasks, images: imageStore(images) })
})

async function opened(): Promise<TaskMedium> {
  const medium = await media.open(sampleJobId)
  if (medium === null) throw new Error('there is no merged ISO')
  return medium
}

test('every range is what the whole has there', async () => {
  await media.build(sampleJobId, input)
  const readAt = async (offset: number, lengthBytes: number) => base.subarray(offset, offset + lengthBytes)
  const overlay = await mergeIso({ ...input, base: { sizeBytes: base.length, readAt } })
  const whole = Buffer.alloc(overlay.sizeBytes)
  base.copy(whole)
  for (const { offset, bytes } of overlay.pieces) bytes.copy(whole, offset)

  const medium = await opened()
  expect(medium.sizeBytes).toBe(whole.length)
  expect((await bytesOf(medium, { offset: 0, lengthBytes: whole.length })).equals(whole)).toBe(true)
  const nearPieces = fc
    .constantFrom(...overlay.pieces.flatMap(({ offset, bytes }) => [offset, offset + bytes.length]))
    .chain((edge) => fc.integer({ min: Math.max(0, edge - 3000), max: Math.min(whole.length - 1, edge + 3000) }))
  await fc.assert(
    fc.asyncProperty(fc.oneof(nearPieces, fc.nat(whole.length - 1)), fc.nat(10_000), async (offset, length) => {
      const lengthBytes = Math.min(length, whole.length - offset)
      const range = await bytesOf(medium, { offset, lengthBytes })
      expect(range.equals(whole.subarray(offset, offset + lengthBytes))).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('the base is not copied, and the digest is that of the overlay, which names the base', async () => {
  const built = await media.build(sampleJobId, input)
  expect(built.baseSha256).toBe(createHash('sha256').update(base).digest('hex'))
  const path = join(images, 'tasks', `${sampleJobId}.overlay`)
  const overlay = await readFile(path)
  expect(overlay.length).toBeLessThan(100_000)
  expect(overlay.toString('latin1')).toContain(built.baseSha256)
  expect(built.sha256).toBe(createHash('sha256').update(overlay).digest('hex'))
  expect(await opened()).toMatchObject({ sha256: built.sha256, etag: `"${built.sha256}"`, sizeBytes: built.sizeBytes })
})

test('a rebuild gives the same digest, also by another process and after the base was copied; another base another', async () => {
  const { sha256 } = await media.build(sampleJobId, input)
  await tasks.remove(sampleJobId)
  expect(await media.open(sampleJobId)).toBeNull()
  expect(await readdir(join(images, 'tasks'))).toEqual([])
  await writeFile(join(images, 'copy'), base)
  await rename(join(images, 'copy'), join(images, 'maintenance.iso'))
  const other = mergedMedia({ tasks, images: imageStore(images) })
  expect((await other.build(sampleJobId, input)).sha256).toBe(sha256)

  await writeFile(join(images, 'maintenance.iso'), Buffer.concat([base, Buffer.from('!')]))
  expect((await media.build(sampleJobId, input)).sha256).not.toBe(sha256)
})

test('a base that is replaced is not served under the old digest, and not mixed into what is being read', async () => {
  await media.build(sampleJobId, input)
  const medium = await opened()
  const reading = medium.read({ offset: 0, lengthBytes: medium.sizeBytes })
  await reading.next()

  const other = Buffer.from(base)
  other.writeUInt8(other.readUInt8(100_000) ^ 1, 100_000)
  await writeFile(join(images, 'new'), other)
  await rename(join(images, 'new'), join(images, 'maintenance.iso'))
  await expect(media.open(sampleJobId)).rejects.toThrow(/maintenance\.iso was replaced while a job needs it/)
  await expect(Array.fromAsync(reading)).rejects.toThrow(FileChanged)

  await rm(join(images, 'maintenance.iso'))
  await expect(media.open(sampleJobId)).rejects.toThrow('there is no maintenance.iso')
  await expect(media.build(sampleJobId, input)).rejects.toThrow(BaseIsoError)
})

test('a base that will not do is named', async () => {
  await truncate(join(images, 'maintenance.iso'), 40_000)
  await expect(media.build(sampleJobId, input)).rejects.toThrow(
    /^maintenance\.iso cannot take up task files: it has no /,
  )
  expect((await stat(join(images, 'maintenance.iso'))).size).toBe(40_000)
})
