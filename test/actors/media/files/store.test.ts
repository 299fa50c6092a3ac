import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { imageStore, taskStore } from '../../../../actors/media/files/store.ts'
import { FileChanged, type StoredFile } from '../../../../actors/media/files/stored-file.ts'
import { openFilesBelow } from './open-files.ts'

const jobA = '0199e1d2-7c4e-7a10-8f00-0123456789ab'
const jobB = '0199e1d2-7c4e-7a10-8f00-0123456789ac'
const wrongIds = ['', '..', `../${jobA}`, `${jobA}/..`, jobA.toUpperCase(), `${jobA}\n`, 'a'.repeat(36)]
/** More than two pieces. */
const bytes = Buffer.alloc(200_000, 'task ')
const sha256 = createHash('sha256').update(bytes).digest('hex')

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'media-store-'))
  onTestFinished(() => rm(directory, { recursive: true }))
})

async function contents(file: StoredFile | null, range = { offset: 0, lengthBytes: file?.sizeBytes ?? 0 }) {
  return file === null ? null : Buffer.concat(await Array.fromAsync(file.read(range)))
}

describe('the task store', () => {
  test('gives back what was put, with its digest as a strong tag', async () => {
    const store = taskStore(join(directory, 'made', 'when', 'needed'))
    expect(await store.put(jobA, bytes)).toEqual({ sha256, sizeBytes: bytes.length })
    const file = await store.open(jobA)
    expect(file).toMatchObject({ sha256, etag: `"${sha256}"`, sizeBytes: bytes.length })
    expect((await contents(file))?.equals(bytes)).toBe(true)
    expect(await contents(file, { offset: 65_530, lengthBytes: 100_000 })).toEqual(bytes.subarray(65_530, 165_530))
  })

  test('has nothing for a job without a task ISO, nor for what is no job id', async () => {
    const store = taskStore(directory)
    await store.put(jobA, bytes)
    for (const id of [jobB, ...wrongIds]) expect(await store.open(id)).toBeNull()
  })

  test('lets nothing but a job id near a path', async () => {
    const store = taskStore(join(directory, 'tasks'))
    for (const id of wrongIds) {
      await expect(store.put(id, bytes)).rejects.toThrow(RangeError)
      await expect(store.remove(id)).rejects.toThrow(RangeError)
    }
    expect(await readdir(directory)).toEqual([])
  })

  test('finds in a new process what an earlier one put', async () => {
    await taskStore(directory).put(jobA, bytes)
    expect(await taskStore(directory).open(jobA)).toMatchObject({ sha256 })
  })

  test('leaves one file per job, readable by the controller only, however often it was put', async () => {
    const store = taskStore(directory)
    await Promise.all(Array.from({ length: 10 }, () => store.put(jobA, bytes)))
    await store.put(jobB, bytes)
    expect((await readdir(directory)).toSorted()).toEqual([`${jobA}.iso`, `${jobB}.iso`])
    expect((await stat(join(directory, `${jobA}.iso`))).mode & 0o777).toBe(0o600)
  })

  test('cleans up after a put that fails', async () => {
    const store = taskStore(directory)
    // A directory in the file's place cannot be renamed over.
    await mkdir(join(directory, `${jobA}.iso`))
    await expect(store.put(jobA, bytes)).rejects.toMatchObject({ code: 'EISDIR' })
    expect(await readdir(directory)).toEqual([`${jobA}.iso`])
  })

  test('shows a damaged file under its true digest', async () => {
    const store = taskStore(directory)
    await store.put(jobA, bytes)
    await store.open(jobA)
    const damaged = Buffer.from(bytes)
    damaged[7] = 0
    await writeFile(join(directory, `${jobA}.iso`), damaged)
    expect((await store.open(jobA))?.sha256).toBe(createHash('sha256').update(damaged).digest('hex'))
  })

  test('removes a job and what a crash left of its drafts, and nothing of others', async () => {
    const store = taskStore(directory)
    await store.put(jobA, bytes)
    await store.put(jobB, bytes)
    await mkdir(join(directory, `.${jobA}-XXXXXX`))
    await writeFile(join(directory, `.${jobA}-XXXXXX`, 'task.iso'), 'half')
    await store.remove(jobA)
    await store.remove(jobA)
    expect(await store.open(jobA)).toBeNull()
    expect(await readdir(directory)).toEqual([`${jobB}.iso`])
  })

  test('keeps each form of a job apart, lists the job once, and removes all of them', async () => {
    const store = taskStore(directory)
    for (const form of ['iso', 'img', 'merged'] as const) await store.put(jobA, Buffer.from(form), form)
    await store.put(jobB, bytes, 'img')
    expect((await contents(await store.open(jobA, 'img')))?.toString()).toBe('img')
    expect((await contents(await store.open(jobA, 'merged')))?.toString()).toBe('merged')
    expect(await store.open(jobB)).toBeNull()
    expect((await store.list()).toSorted()).toEqual([jobA, jobB])
    await store.remove(jobA)
    expect(await store.list()).toEqual([jobB])
    for (const form of ['iso', 'img', 'merged'] as const) expect(await store.open(jobA, form)).toBeNull()
  })

  test('removes from a directory that was never made', async () => {
    await expect(taskStore(join(directory, 'none')).remove(jobA)).resolves.toBeUndefined()
  })
})

describe('a reader', () => {
  const place = () => join(directory, `${jobA}.iso`)

  async function opened() {
    const store = taskStore(directory)
    await store.put(jobA, bytes)
    const file = await store.open(jobA)
    if (file === null) throw new Error('the file that was just put is not there')
    return file
  }

  test('that never starts opens nothing', async () => {
    const pieces = (await opened()).read({ offset: 0, lengthBytes: 10 })
    await pieces.return()
    expect(await openFilesBelow(directory)).toEqual([])
  })

  test('holds at most 64 KiB, and closes the file when it stops half way', async () => {
    const pieces = (await opened()).read({ offset: 0, lengthBytes: bytes.length })
    const first = await pieces.next()
    expect(first.value?.length).toBe(64 * 1024)
    expect(await openFilesBelow(directory)).toEqual([place()])
    await pieces.return()
    expect(await openFilesBelow(directory)).toEqual([])
  })

  test('that has begun reads to the end of a file that is removed meanwhile', async () => {
    const pieces = (await opened()).read({ offset: 0, lengthBytes: bytes.length })
    const first = await pieces.next()
    await taskStore(directory).remove(jobA)
    const rest = await Array.fromAsync(pieces)
    expect(Buffer.concat([first.value ?? Buffer.alloc(0), ...rest]).equals(bytes)).toBe(true)
    expect(await openFilesBelow(directory)).toEqual([])
  })

  test.each([
    ['replaced', () => taskStore(directory).put(jobA, Buffer.from('other bytes'))],
    ['removed', () => taskStore(directory).remove(jobA)],
    ['cut', () => truncate(place(), 10)],
  ])('that begins after the file was %s fails instead of mixing two files', async (_, change) => {
    const file = await opened()
    await change()
    await expect(contents(file)).rejects.toThrow(FileChanged)
    expect(await openFilesBelow(directory)).toEqual([])
  })

  test('whose file is cut under it fails and closes it', async () => {
    const pieces = (await opened()).read({ offset: 0, lengthBytes: bytes.length })
    await pieces.next()
    await truncate(place(), 70_000)
    await expect(Array.fromAsync(pieces)).rejects.toThrow('the file was cut while it was read')
    expect(await openFilesBelow(directory)).toEqual([])
  })
})

describe('the image store', () => {
  test('gives the images of its directory, also by links of the operator', async () => {
    await writeFile(join(directory, 'maintenance-1.2.iso'), bytes)
    await symlink(join(directory, 'maintenance-1.2.iso'), join(directory, 'maintenance.iso'))
    const store = imageStore(directory)
    expect(await contents(await store.open('maintenance-1.2.iso'))).toEqual(bytes)
    expect(await contents(await store.open('maintenance.iso'))).toEqual(bytes)
  })

  test('tags an image anew when it is replaced, even by one of the same size and time', async () => {
    const path = join(directory, 'maintenance.iso')
    const time = new Date('2026-01-02T03:04:05Z')
    const store = imageStore(directory)
    const tagged = async (text: string) => {
      await writeFile(`${path}.new`, text)
      await utimes(`${path}.new`, time, time)
      await rename(`${path}.new`, path)
      return (await store.open('maintenance.iso'))?.etag
    }
    const tags = [await tagged('one'), await tagged('two')]
    expect(new Set(tags).size).toBe(2)
    for (const tag of tags) expect(tag).toMatch(/^"[0-9a-f]{32}"$/)
    expect((await store.open('maintenance.iso'))?.etag).toBe(tags[1])
  })

  test('has nothing outside its directory, nothing hidden, and no directories', async () => {
    await mkdir(join(directory, 'images', 'folder.iso'), { recursive: true })
    await writeFile(join(directory, 'secret'), 'x')
    await writeFile(join(directory, 'images', '.hidden'), 'x')
    await writeFile(join(directory, 'images', 'real.iso'), 'x')
    const store = imageStore(join(directory, 'images'))
    const names = [
      '',
      '.',
      '..',
      '../secret',
      '.hidden',
      'folder.iso',
      'real.iso/',
      'real.iso/x',
      'a b',
      'a\0b',
      'none.iso',
    ]
    for (const name of [...names, 'a'.repeat(300)]) expect(await store.open(name)).toBeNull()
    expect(await store.open('real.iso')).not.toBeNull()
  })

  test('does not read an image to open it', async () => {
    const path = join(directory, 'huge.iso')
    await writeFile(path, '')
    await truncate(path, 2 ** 42)
    expect(await imageStore(directory).open('huge.iso')).toMatchObject({ sizeBytes: 2 ** 42 })
  })
})
