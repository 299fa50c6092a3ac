/** Who it is that a request comes from: the limits of a controller's API are per address. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Outbound } from '../../../../redfish/simulator/host/outbound.ts'

// Only Linux has all of 127.0.0.0/8 on its loopback interface.
test.skipIf(process.platform !== 'linux')('requests come from the address that was given', async () => {
  const server = createServer((request, response) => response.end(request.socket.remoteAddress))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const heardFrom = async (outbound: Outbound) => {
    const { body } = await outbound.send({
      method: 'GET',
      url: `http://127.0.0.1:${port}/`,
      signal: new AbortController().signal,
      deadlineMs: 5000,
      bodyBytesMax: 100,
    })
    await outbound.close()
    return body.toString()
  }
  expect(await heardFrom(new Outbound({ localAddress: '127.1.2.3' }))).toBe('127.1.2.3')
  expect(await heardFrom(new Outbound())).toBe('127.0.0.1')
})
