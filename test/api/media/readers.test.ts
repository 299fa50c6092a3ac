// Many readers at once, slow ones, and ones that go away.
import { once } from 'node:events'
import { truncate, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openFilesBelow } from '../../actors/media/files/open-files.ts'
import { jobId, type MediaServer, mediaServer, signing } from './server.ts'

const readersMax = 200
/** Far more than all the buffers between a file and a reader hold. */
const sizeBytes = 64 * 1024 * 1024
const name = 'large.iso'
const path = signing.imagePath({ jobId, name, attempt: 1 })

async function serverWithLargeImage(): Promise<MediaServer> {
  const server = await mediaServer()
  await writeFile(join(server.directory, name), '')
  await truncate(join(server.directory, name), sizeBytes)
  return server
}

/** A reader that has asked and seen the answer begin, and takes nothing more. */
async function stalledReader(server: MediaServer): Promise<Socket> {
  const { hostname, port } = new URL(server.origin)
  const socket = connect({ host: hostname, port: Number(port) })
  onTestFinished(() => {
    socket.destroy()
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`)
  await once(socket, 'readable')
  return socket
}

test('200 readers that go away leave no file open, and each is reported with what it took', async () => {
  const server = await serverWithLargeImage()
  const sockets = await Promise.all(Array.from({ length: readersMax }, () => stalledReader(server)))
  expect(await openFilesBelow(server.directory)).toHaveLength(readersMax)

  for (const socket of sockets) socket.destroy()
  await server.readsReported(readersMax)
  expect(await openFilesBelow(server.directory)).toEqual([])
  for (const { offset, bytes } of server.reads) {
    expect(offset).toBe(0)
    expect(bytes).toBeGreaterThan(0)
    // Back-pressure: a reader that takes nothing is sent what the buffers of the connection hold, and no more.
    expect(bytes).toBeLessThan(sizeBytes / 4)
  }
})

test('readers that ask and go away at once leave no file open', async () => {
  const server = await serverWithLargeImage()
  const { hostname, port } = new URL(server.origin)
  await Promise.all(
    Array.from({ length: readersMax }, async () => {
      const socket = connect({ host: hostname, port: Number(port) })
      await once(socket, 'connect')
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`, () => socket.destroy())
      await once(socket, 'close')
    }),
  )
  await server.requestsEnded(readersMax)
  // Nothing is reported for a reader that took nothing, so the last files may still be closing.
  await expect.poll(() => openFilesBelow(server.directory)).toEqual([])
})

test('200 readers at once each get all of their bytes', async () => {
  const server = await mediaServer()
  const bytes = Buffer.alloc(300_000, 'medium ')
  await writeFile(join(server.directory, name), bytes)
  const bodies = await Promise.all(
    Array.from({ length: readersMax }, async (_, index) => {
      const response = await fetch(`${server.origin}${path}`, { headers: { range: `bytes=${index}-` } })
      return Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(index))
    }),
  )
  expect(bodies.filter((same) => same)).toHaveLength(readersMax)
  await server.readsReported(readersMax)
  expect(await openFilesBelow(server.directory)).toEqual([])
  expect(server.reads).toHaveLength(readersMax)
})

test('a reader is cut off when the file is cut short under it, and the next one gets what is left', async () => {
  const server = await serverWithLargeImage()
  const reader = await stalledReader(server)
  await truncate(join(server.directory, name), 10)
  const cut = once(reader, 'close')
  reader.resume()
  await cut
  expect(reader.bytesRead).toBeLessThan(sizeBytes)
  const response = await fetch(`${server.origin}${path}`)
  expect((await response.arrayBuffer()).byteLength).toBe(10)
})
