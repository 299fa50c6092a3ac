// The address that a controller is reached at.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { listen } from '../../../deploy/controller/listener.ts'
import { freePort } from '../../e2e/rig/processes.ts'

async function taken() {
  const port = await freePort()
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { httpAddr: { host: '127.0.0.1', port }, server }
}

test('a port that a killed predecessor still holds for a moment is waited for', async () => {
  const { httpAddr, server } = await taken()
  const listening = listen({ httpAddr, tls: undefined })
  setTimeout(() => server.close(), 300)
  const { url, close } = await listening
  expect((await fetch(url)).status).toBe(503)
  await close(0)
})

test('a port that stays taken is an error that names it', async () => {
  const { httpAddr, server } = await taken()
  await expect(listen({ httpAddr, tls: undefined })).rejects.toThrow(
    `EADDRINUSE: address already in use 127.0.0.1:${httpAddr.port}`,
  )
  server.close()
})
