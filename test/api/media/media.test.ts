import { createHash } from 'node:crypto'
import { rename, truncate, utimes, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { mediaSigning } from '../../../actors/media/access/signing.ts'
import { jobId, type MediaServer, mediaServer, now, signing } from './server.ts'

const otherJob = '0199e1d2-7c4e-7a10-8f00-0123456789ac'
/** More than three pieces of a read, and every byte tells where it stands. */
const bytes = Buffer.from(Array.from({ length: 250_000 }, (_, index) => (index * 7) % 251))
const sha256 = createHash('sha256').update(bytes).digest('hex')
const etag = `"${sha256}"`
const taskPath = signing.taskPath({ jobId, sha256, attempt: 3 })
const imagePath = signing.imagePath({ jobId, name: 'maintenance.iso', attempt: 2 })

let server: MediaServer

beforeEach(async () => {
  server = await mediaServer()
  await prepare(server)
})

async function prepare({ tasks, directory }: MediaServer) {
  await tasks.put(jobId, bytes)
  await writeFile(join(directory, 'maintenance.iso'), bytes)
}

function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return fetch(`${server.origin}${path}`, { method, headers })
}

async function body(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer())
}

describe('a whole medium', () => {
  test('comes with all that a BMC looks at', async () => {
    const response = await get(taskPath)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/x-iso9660-image',
      'content-length': '250000',
      'accept-ranges': 'bytes',
      etag,
      'cache-control': 'no-store, no-transform',
    })
    expect(response.headers.has('content-encoding')).toBe(false)
    expect(response.headers.has('transfer-encoding')).toBe(false)
    expect((await body(response)).equals(bytes)).toBe(true)
  })

  test('is not compressed for a reader that would take it so', async () => {
    const response = await get(taskPath, { 'accept-encoding': 'gzip, deflate, br' })
    expect(response.headers.get('content-length')).toBe('250000')
    expect(response.headers.has('content-encoding')).toBe(false)
  })

  test('answers HEAD with the same headers, ranges or not, and counts it as no read', async () => {
    for (const headers of [{}, { range: 'bytes=0-9' }]) {
      const response = await get(taskPath, headers, 'HEAD')
      expect(response.status).toBe(200)
      expect(response.headers.get('content-length')).toBe('250000')
      expect(response.headers.get('content-type')).toBe('application/x-iso9660-image')
      expect(response.headers.get('etag')).toBe(etag)
      expect((await body(response)).length).toBe(0)
    }
    expect(server.reads).toEqual([])
  })

  test('comes over one connection after the other request, as BMCs read', async () => {
    const ports = new Set<number | undefined>()
    for (let offset = 0; offset < 20_480; offset += 2048) {
      const { chunk, localPort } = await readOnKeptConnection(offset)
      ports.add(localPort)
      expect(chunk.equals(bytes.subarray(offset, offset + 2048))).toBe(true)
    }
    expect(ports.size).toBe(1)
  })

  test('may be empty', async () => {
    await writeFile(join(server.directory, 'empty.iso'), '')
    const response = await get('/media/images/empty.iso')
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '0'])
    expect((await get('/media/images/empty.iso', { range: 'bytes=0-' })).status).toBe(416)
  })

  test('takes no other method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await get(taskPath, {}, method)).status).toBe(404)
  })
})

function readOnKeptConnection(offset: number): Promise<{ chunk: Buffer; localPort: number | undefined }> {
  return new Promise((resolve, reject) => {
    const headers = { range: `bytes=${offset}-${offset + 2047}` }
    const asked = request(`${server.origin}${taskPath}`, { headers }, (response) => {
      const chunks: Buffer[] = []
      const localPort = response.socket.localPort
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ chunk: Buffer.concat(chunks), localPort }))
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('a range', () => {
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=2048-4095', 2048, 4096],
    ['bytes=65000-131100', 65_000, 131_100 + 1],
    ['bytes=249999-', 249_999, 250_000],
    ['bytes=-2048', 247_952, 250_000],
    ['bytes=249000-999999', 249_000, 250_000],
    ['bytes=0-99,50-199', 0, 200],
  ])('%s is sent alone', async (range, start, end) => {
    const response = await get(taskPath, { range })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/250000`)
    expect(response.headers.get('content-length')).toBe(String(end - start))
    expect(response.headers.get('content-type')).toBe('application/x-iso9660-image')
    expect((await body(response)).equals(bytes.subarray(start, end))).toBe(true)
  })

  test('beside others is sent as one part of several, in the order asked for', async () => {
    const response = await get(taskPath, { range: 'bytes=100000-170000,0-9,-5' })
    expect(response.status).toBe(206)
    const boundary = /^multipart\/byteranges; boundary=(?<boundary>[0-9a-f]{40})$/.exec(
      response.headers.get('content-type') ?? '',
    )?.groups?.['boundary']
    expect(response.headers.has('content-range')).toBe(false)
    const sent = await body(response)
    expect(response.headers.get('content-length')).toBe(String(sent.length))
    const part = (first: number, last: number) => [
      `\r\n--${boundary}\r\nContent-Type: application/x-iso9660-image\r\n`,
      `Content-Range: bytes ${first}-${last}/250000\r\n\r\n`,
      bytes.subarray(first, last + 1),
    ]
    const pieces = [part(100_000, 170_000), part(0, 9), part(249_995, 249_999), [`\r\n--${boundary}--\r\n`]].flat()
    expect(sent.equals(Buffer.concat(pieces.map((piece) => Buffer.from(piece))))).toBe(true)
  })

  test('beyond the end is refused with the size', async () => {
    const response = await get(taskPath, { range: 'bytes=250000-' })
    expect(response.status).toBe(416)
    expect(response.headers.get('content-range')).toBe('bytes */250000')
    expect((await body(response)).length).toBe(0)
  })

  test('among too many is refused, and a malformed one ignored', async () => {
    const many = `bytes=${Array.from({ length: 17 }, (_, index) => `${index * 10}-${index * 10}`)}`
    expect((await get(taskPath, { range: many })).status).toBe(416)
    const malformed = await get(taskPath, { range: 'bytes=9-1' })
    expect(malformed.status).toBe(200)
    expect((await body(malformed)).length).toBe(250_000)
  })

  test('far into a large image costs no more than a near one', async () => {
    const path = join(server.directory, 'large.iso')
    await writeFile(path, '')
    await truncate(path, 2 ** 33)
    const response = await get('/media/images/large.iso', { range: `bytes=${2 ** 33 - 4}-` })
    expect(response.headers.get('content-range')).toBe(`bytes ${2 ** 33 - 4}-${2 ** 33 - 1}/${2 ** 33}`)
    expect(await body(response)).toEqual(Buffer.alloc(4))
  })
})

describe('a conditional request', () => {
  test('for what the reader has is answered without a body', async () => {
    const modified = (await get(taskPath, {}, 'HEAD')).headers.get('last-modified') ?? ''
    for (const headers of [{ 'if-none-match': etag }, { 'if-modified-since': modified }]) {
      const response = await get(taskPath, headers)
      expect(response.status).toBe(304)
      expect(response.headers.get('etag')).toBe(etag)
      expect((await body(response)).length).toBe(0)
    }
    expect(server.reads).toEqual([])
  })

  test('for another version fails', async () => {
    expect((await get(taskPath, { 'if-match': '"other"' })).status).toBe(412)
    expect((await get(taskPath, { 'if-match': etag })).status).toBe(200)
  })

  test('continues a download of the same version, and begins anew with another', async () => {
    const range = { range: 'bytes=1000-1999' }
    expect((await get(taskPath, { ...range, 'if-range': etag })).status).toBe(206)
    const anew = await get(taskPath, { ...range, 'if-range': '"other"' })
    expect(anew.status).toBe(200)
    expect((await body(anew)).length).toBe(250_000)
  })

  test('notices that an image was replaced', async () => {
    const path = join(server.directory, 'maintenance.iso')
    const before = (await get('/media/images/maintenance.iso', {}, 'HEAD')).headers.get('etag') ?? ''
    await writeFile(`${path}.new`, bytes)
    await utimes(`${path}.new`, now, now)
    await rename(`${path}.new`, path)
    const headers = { range: 'bytes=0-9', 'if-range': before }
    expect((await get('/media/images/maintenance.iso', headers)).status).toBe(200)
    expect((await get('/media/images/maintenance.iso', { 'if-none-match': before })).status).toBe(200)
  })
})

describe('a task medium in another form', () => {
  test('has a name of its own, its own digest in its tag and token, and is no ISO where it is none', async () => {
    const image = Buffer.from('an image')
    const { sha256: digest } = await server.tasks.put(jobId, image, 'img')
    const path = signing.taskPath({ jobId, sha256: digest, attempt: 1, form: 'img' })
    expect(path).toMatch(/\/task\.img$/)
    const response = await get(path, { range: 'bytes=3-7' })
    expect(response.status).toBe(206)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-range': 'bytes 3-7/8',
      etag: `"${digest}"`,
    })
    expect((await body(response)).toString()).toBe('image')
    await server.readsReported(1)
    expect(server.reads).toMatchObject([{ jobId, medium: 'task', attempt: 1, offset: 3, bytes: 5 }])
    const query = signing.taskQueryPath({ jobId, sha256: digest, form: 'img', expiresAt: now })
    expect((await body(await get(query))).equals(image)).toBe(true)
  })

  test('is not given for the token of the ISO, nor under any other name', async () => {
    await server.tasks.put(jobId, Buffer.from('an image'), 'img')
    for (const name of ['task.img', 'merged.iso', 'task.iso.img', 'TASK.ISO', 'recipe.json'])
      expect((await get(taskPath.replace('task.iso', name))).status).toBe(404)
    // The other names are nobody's.
    expect(server.refusals.map(({ reason }) => reason)).toEqual(['wrong', 'unknown'])
  })
})

describe('admission', () => {
  const wrongSigner = mediaSigning({ current: 'another-secret-that-nobody-uses.' })
  const soon = new Date(now.getTime() + 60_000)
  const past = new Date(now.getTime() - 60_000)

  test('is given to the signed paths and to the signed query', async () => {
    for (const path of [taskPath, imagePath, signing.taskQueryPath({ jobId, sha256, expiresAt: soon })]) {
      expect((await get(path)).status).toBe(200)
    }
    expect(server.refusals).toEqual([])
  })

  test('is given to anyone for an image that is not mounted for a job, which is no evidence', async () => {
    expect((await get('/media/images/maintenance.iso')).status).toBe(200)
    expect(server.reads).toEqual([])
  })

  test('is refused in one and the same way for whatever reason, and the reason is counted', async () => {
    server.live.add(otherJob)
    const ended = '0199e1d2-7c4e-7a10-8f00-0123456789ad'
    await server.tasks.put(ended, bytes)
    const paths = [
      [`/media/tasks/${jobId}/task.iso`, 'task wrong'],
      [`/media/tasks/${jobId}/3-AAAAAAAAAAAAAAAAAAAAAA/task.iso`, 'task wrong'],
      [`/media/tasks/${jobId}/x/task.iso`, 'task wrong'],
      [wrongSigner.taskPath({ jobId, sha256, attempt: 3 }), 'task wrong'],
      [signing.taskPath({ jobId, sha256: '0'.repeat(64), attempt: 3 }), 'task wrong'],
      [taskPath.replace(jobId, otherJob), 'task unknown'],
      [signing.taskPath({ jobId: otherJob, sha256: '0'.repeat(64), attempt: 1 }), 'task unknown'],
      ['/media/tasks/no-job-id/3-AAAAAAAAAAAAAAAAAAAAAA/task.iso', 'task unknown'],
      ['/media/tasks/..%2f..%2fmaintenance/x/task.iso', 'task unknown'],
      [signing.taskQueryPath({ jobId, sha256, expiresAt: past }), 'task expired'],
      [wrongSigner.taskQueryPath({ jobId, sha256, expiresAt: soon }), 'task wrong'],
      [signing.taskPath({ jobId: ended, sha256, attempt: 1 }), 'task ended'],
      [signing.taskQueryPath({ jobId: ended, sha256, expiresAt: soon }), 'task ended'],
      [imagePath.replace('maintenance.iso', 'other.iso'), 'image wrong'],
      [wrongSigner.imagePath({ jobId, name: 'maintenance.iso', attempt: 2 }), 'image wrong'],
      [signing.imagePath({ jobId: ended, name: 'maintenance.iso', attempt: 2 }), 'image ended'],
      [signing.imagePath({ jobId, name: 'none.iso', attempt: 2 }), 'image unknown'],
      ['/media/images/none.iso', 'image unknown'],
      ['/media/images/..%2fsecret', 'image unknown'],
      ['/media/images/tasks', 'image unknown'],
    ] as const
    const answers: string[] = []
    for (const [path, reason] of paths) {
      const response = await get(path)
      const { date: _, ...headers } = Object.fromEntries(response.headers)
      answers.push(JSON.stringify([response.status, headers, await response.text()]))
      const last = server.refusals.at(-1)
      expect(`${last?.medium} ${last?.reason}`, path).toBe(reason)
    }
    expect(new Set(answers).size).toBe(1)
    expect(answers[0]).toContain('404')
    expect(server.refusals).toHaveLength(paths.length)
    expect(server.reads).toEqual([])
  })

  test('ends with the job, and comes back with it', async () => {
    server.live.delete(jobId)
    expect((await get(taskPath)).status).toBe(404)
    expect((await get(imagePath)).status).toBe(404)
    server.live.add(jobId)
    expect((await get(taskPath)).status).toBe(200)
  })

  test('ends with the bytes that were signed', async () => {
    await server.tasks.put(jobId, Buffer.from('other bytes'))
    expect((await get(taskPath)).status).toBe(404)
    await server.tasks.put(jobId, bytes)
    expect((await get(taskPath)).status).toBe(200)
  })

  test('is given to everyone when switched off, and a good token still tells whose read it is', async () => {
    server = await mediaServer({ auth: 'none' })
    await prepare(server)
    server.live.clear()
    const paths = [`/media/tasks/${jobId}/task.iso`, taskPath, `/media/tasks/${jobId}/x/task.iso`, imagePath]
    for (const path of [...paths, '/media/images/x/maintenance.iso']) {
      const response = await get(path)
      expect(response.status).toBe(200)
      expect((await body(response)).equals(bytes)).toBe(true)
    }
    await server.readsReported(4)
    expect(server.reads.map(({ medium, attempt }) => [medium, attempt])).toEqual([
      ['task', null],
      ['task', 3],
      ['task', null],
      ['maintenance', 2],
    ])
    expect((await get(`/media/tasks/${otherJob}/task.iso`)).status).toBe(404)
  })
})

describe('evidence', () => {
  const read = { jobId, medium: 'task', attempt: 3, at: now }

  test('tells each range that was read, and whose slot it was', async () => {
    await body(await get(taskPath, { range: 'bytes=1000-1999' }))
    await body(await get(taskPath, { range: 'bytes=0-9,-5' }))
    await body(await get(imagePath, { range: 'bytes=32768-34815' }))
    await server.readsReported(4)
    expect(server.reads).toEqual([
      { ...read, offset: 1000, bytes: 1000 },
      { ...read, offset: 0, bytes: 10 },
      { ...read, offset: 249_995, bytes: 5 },
      { ...read, medium: 'maintenance', attempt: 2, offset: 32_768, bytes: 2048 },
    ])
  })

  test('tells of a query URL without an attempt', async () => {
    await body(await get(signing.taskQueryPath({ jobId, sha256, expiresAt: now })))
    await server.readsReported(1)
    expect(server.reads).toEqual([{ ...read, attempt: null, offset: 0, bytes: 250_000 }])
  })
})
