// The bytes on the wire: headers, encodings, connections, redirects and links, one request at a time.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { createHttpBmc } from '../../../../redfish/client/client.ts'
import { redirectTarget } from '../../../../redfish/client/wire/links.ts'
import { patience } from '../../../rig/patience.ts'
import { failureOf } from '../../bmc-contract.ts'
import { QUICK_LIMITS } from '../../rig/quick.ts'
import { DOCUMENTS, PATHS, treeHandler } from '../../rig/raw-server.ts'
import { PASSWORD, withServer } from '../../rig/with-server.ts'

test('every request has the default headers and no cookie; every body has its type, also an empty one', async () => {
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot) return { body: { ...DOCUMENTS[PATHS.slot], Inserted: true } }
    if (request.path === PATHS.eject) return { status: 204 }
    return {
      ...treeHandler(() => undefined)(request, {} as never),
      headers: { 'set-cookie': 'a=b', 'x-auth-token': 't' },
    }
  })
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      await failureOf(bmc.ejectMedia({ slot: PATHS.slot }, { signal }))
      for (const { method, headers, body } of server.requests) {
        expect(headers).toMatchObject({
          'user-agent': 'provisioner',
          'odata-version': '4.0',
          accept: 'application/json',
          'accept-encoding': 'identity',
        })
        expect(headers).not.toHaveProperty('cookie')
        expect(headers['content-type']).toBe(method === 'POST' ? 'application/json' : undefined)
        if (method === 'POST') expect(body).toBeTypeOf('object')
      }
      expect(server.requests.find(({ path }) => path === PATHS.eject)?.body).toEqual({})
    },
    { limits: { confirmTimeoutMs: 20 } },
  )
})

test('a document that is only to be had compressed is asked for again and read', async () => {
  const zipped = gzipSync(JSON.stringify(DOCUMENTS[PATHS.system]))
  const handler = treeHandler((request, response) => {
    if (request.path !== PATHS.system) return undefined
    if (request.headers['accept-encoding'] !== undefined) return { status: 406, text: '<html>Not Acceptable</html>' }
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(zipped)
    return null
  })
  await withServer(handler, async ({ bmc, server, signal }) => {
    expect(await bmc.power({ signal })).toMatchObject({ powerState: 'On' })
    const asked = server.requests.filter(({ path }) => path === PATHS.system)
    expect(asked.slice(0, 2).map(({ headers }) => headers['accept-encoding'])).toEqual(['identity', undefined])
  })
})

test.each([
  ['unfolds without end', gzipSync(Buffer.alloc(8 * 1024 * 1024)), 'more than 65536 bytes'],
  ['is none', Buffer.from('{}'), 'broken gzip'],
])('gzip that %s is malformed', async (_, body, detail) => {
  const handler = treeHandler((request, response) => {
    if (request.path !== PATHS.system) return undefined
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(body)
    return null
  })
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      const failure = await failureOf(bmc.power({ signal }))
      expect(failure).toMatchObject({ kind: 'malformed', detail: expect.stringContaining(detail) })
    },
    { limits: { bodyBytesMax: 65_536 } },
  )
})

/** A BMC that answers the service root once per connection, keeps it open, and breaks it off at the next request. */
async function impatientBmc() {
  const sockets = new Set<Socket>()
  const requests: string[] = []
  const body = JSON.stringify(DOCUMENTS[PATHS.root])
  const server = createServer((socket) => {
    sockets.add(socket)
    let answered = false
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      requests.push(bytes.toString().split('\r\n')[0] ?? '')
      if (answered) socket.resetAndDestroy()
      else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
      answered = true
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    connections: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a GET that meets a connection which the BMC resets while idle is sent once more', async () => {
  const server = await impatientBmc()
  const account = { username: 'u', password: PASSWORD }
  const bmc = createHttpBmc({ address: server.url, ...account, tls: { mode: 'system' }, limits: QUICK_LIMITS })
  const signal = patience()
  await bmc.ping({ signal })
  await bmc.ping({ signal })
  expect(server.requests).toHaveLength(3)
  expect(server.connections()).toBe(2)
  await bmc.close({ signal })
  await server.close()
})

test('one connection serves all, but a BMC of a kind that cannot gets one for each request', async () => {
  const old = { ...DOCUMENTS[PATHS.manager], Model: '13G Monolithic', FirmwareVersion: '2.60.60.60' }
  const connectionsOf = async (manager: unknown, root: Record<string, unknown>) => {
    const kept: (string | undefined)[] = []
    const handler = treeHandler((request) => {
      kept.push(request.headers.connection)
      if (request.path === PATHS.root) return { body: { ...DOCUMENTS[PATHS.root], ...root } }
      return request.path === PATHS.manager ? { body: manager } : undefined
    })
    await withServer(handler, async ({ bmc, signal }) => {
      await bmc.discover({ signal })
      kept.length = 0
      await bmc.power({ signal })
    })
    return [...new Set(kept)]
  }
  expect(await connectionsOf(old, { Vendor: 'Dell' })).toEqual(['close'])
  expect(await connectionsOf(DOCUMENTS[PATHS.manager], {})).toEqual(['keep-alive'])
})

test('one request at a time is sent, reads included', async () => {
  let flying = 0
  let most = 0
  const handler = treeHandler((request, response) => {
    if (request.method !== 'GET') return undefined
    flying++
    most = Math.max(most, flying)
    setImmediate(() => {
      flying--
      response.end(JSON.stringify(DOCUMENTS[request.path]))
    })
    return null
  })
  await withServer(handler, async ({ bmc, signal }) => {
    await Promise.all([1, 2, 3, 4].map(() => bmc.power({ signal })))
    expect(most).toBe(1)
  })
})

test('the time that a request waits for its turn is not taken for a slow answer', async () => {
  const handler = treeHandler((request, response) => {
    setTimeout(() => response.end(JSON.stringify(DOCUMENTS[request.path])), 100)
    return null
  })
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      await Promise.all(Array.from({ length: 8 }, () => bmc.ping({ signal })))
    },
    { limits: { connectTimeoutMs: 100, readTimeoutMs: 400 } },
  )
})

test('a redirect to https on the same host says which address to register', async () => {
  await withServer(
    treeHandler(({ path, headers }) =>
      path === PATHS.root
        ? { status: 301, headers: { Location: `https://${headers.host?.split(':')[0]}${PATHS.root}` } }
        : undefined,
    ),
    async ({ bmc, server, signal }) => {
      const failure = await failureOf(bmc.ping({ signal }))
      expect(failure).toMatchObject({
        kind: 'malformed',
        detail: expect.stringContaining('register the BMC with that'),
      })
      expect(server.requests).toHaveLength(1)
    },
  )
})

test.each([
  ['/redfish/v1/', '/redfish/v1/'],
  ['v1/', '/redfish/v1/'],
  ['https://bmc.example/redfish/v1/', '/redfish/v1/'],
  ['https://bmc.example:8443/redfish/v1/', null],
  ['http://bmc.example/redfish/v1/', null],
  ['https://10.0.0.1/redfish/v1/', null],
  ['javascript:alert(1)', null],
  ['https://', null],
])('a redirect to %s leads to %s', (location, path) => {
  const target = redirectTarget(location, { origin: 'https://bmc.example', path: '/redfish/v1' })
  expect(target.ok ? target.path : null).toBe(path)
})

test('links that name the internal address of the BMC are followed on the configured one', async () => {
  const systems = { Members: [{ '@odata.id': `https://192.168.17.4${PATHS.system}` }] }
  await withServer(
    treeHandler((request) => (request.path === PATHS.systems ? { body: systems } : undefined)),
    async ({ bmc, signal }) => {
      expect(await bmc.power({ signal })).toMatchObject({ powerState: 'On' })
    },
  )
})

test('a session whose Location names another host is ended on the configured one', async () => {
  const location = 'https://idrac-7xyz.internal.example/redfish/v1/SessionService/Sessions/9'
  await withServer(
    treeHandler((request) =>
      request.method === 'POST' && request.path === PATHS.sessions
        ? { status: 201, headers: { 'X-Auth-Token': 't0ken', Location: location } }
        : undefined,
    ),
    async ({ bmc, server, signal }) => {
      await bmc.power({ signal })
      await bmc.close({ signal })
      expect(server.requests.at(-1)).toMatchObject({ method: 'DELETE', path: `${PATHS.sessions}/9` })
    },
  )
})

test.each([
  ['IDRAC.2.8.SYS518', { kind: 'busy', retry: true, status: 200 }],
  ['Base.1.12.AccessDenied', { kind: 'refused', retry: false, status: 200, messageId: 'Base.1.12.AccessDenied' }],
])('a read that is answered by nothing but %s with a 200 is a refusal', async (MessageId, expected) => {
  const body = { error: { code: MessageId, '@Message.ExtendedInfo': { MessageId, Message: 'no data' } } }
  await withServer(
    treeHandler((request) => (request.path === PATHS.root ? { body } : undefined)),
    async ({ bmc, signal }) => {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject(expected)
    },
  )
})

test.each([
  ['412', { status: 412, body: {} }],
  ['a message that If-Match is missing', { status: 400, body: { error: { code: 'IDRAC.2.9.SYS404' } } }],
])('a write without an entity tag that is answered by %s is sent with the star', async (_, refusal) => {
  let boot: unknown = DOCUMENTS[PATHS.system]?.['Boot']
  const handler = treeHandler((request) => {
    if (request.path !== PATHS.system) return undefined
    if (request.method === 'GET') return { body: { ...DOCUMENTS[PATHS.system], Boot: boot } }
    if (request.headers['if-match'] !== '*') return refusal
    const change = request.body as { Boot: object }
    boot = change.Boot
    return { status: 204 }
  })
  await withServer(handler, async ({ bmc, signal }) => {
    expect(await bmc.setBootOnceFromCd({ signal })).toMatchObject({ changed: true, attempts: 2 })
  })
})

test('who may not write any more sends no write, although it logs in, reads and logs out', async () => {
  let may = true
  const handler = treeHandler((request) => {
    if (request.path === PATHS.slot) {
      // Between the look at the slot and the eject that follows it.
      may = false
      return { body: { ...DOCUMENTS[PATHS.slot], Inserted: true } }
    }
    return request.path === PATHS.eject ? { status: 204 } : undefined
  })
  await withServer(
    handler,
    async ({ bmc, server, signal }) => {
      const failure = await failureOf(bmc.ejectMedia({ slot: PATHS.slot }, { signal }))
      expect(failure).toMatchObject({ kind: 'aborted', retry: false })
      await bmc.close({ signal })
      const writes = server.requests.filter(({ method }) => method !== 'GET')
      expect(writes.map(({ method, path }) => [method, path])).toEqual([
        ['POST', expect.stringMatching(/Sessions$/)],
        ['DELETE', expect.stringMatching(/Sessions\//)],
      ])
    },
    { mayWrite: () => may },
  )
})
