// A hostile or broken BMC costs its own job one clear failure and nothing else (spec/security.md).
import { expect, test } from 'vitest'
import { errorOf, failureOf } from '../../bmc-contract.ts'
import { DOCUMENTS, PATHS, startRawServer, treeHandler } from '../../rig/raw-server.ts'
import { withServer } from '../../rig/with-server.ts'

test('an answer without end is cut off', async () => {
  const handler = treeHandler((request, response) => {
    if (request.path !== PATHS.system) return undefined
    response.writeHead(200, { 'content-type': 'application/json' })
    const pour = (): void => {
      while (!response.destroyed && response.write(' '.repeat(16_384))) {}
      if (!response.destroyed) response.once('drain', pour)
    }
    pour()
    return null
  })
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      const failure = await failureOf(bmc.power({ signal }))
      expect(failure).toMatchObject({ kind: 'malformed', path: PATHS.system, retry: false })
    },
    { limits: { bodyBytesMax: 65_536 } },
  )
})

test('an answer that trickles in byte by byte is a timeout, however busy the line is', async () => {
  const handler = treeHandler((request, response) => {
    if (request.path !== PATHS.system) return undefined
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 10)
    response.on('close', () => clearInterval(timer))
    return null
  })
  await withServer(
    handler,
    async ({ bmc, signal }) => {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject({ kind: 'timeout', retry: true })
    },
    { limits: { connectTimeoutMs: 100, readTimeoutMs: 100 }, retries: { attemptsMax: 1 } },
  )
})

test('JSON nested without end is malformed', async () => {
  const text = `{"PowerState":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  await withServer(
    treeHandler((request) => (request.path === PATHS.system ? { text } : undefined)),
    async ({ bmc, signal }) => {
      const failure = await failureOf(bmc.power({ signal }))
      expect(failure).toMatchObject({ kind: 'malformed', detail: expect.stringContaining('64 levels') })
    },
  )
})

test.each([
  ['a list', '[]'],
  ['a number', '7'],
  ['HTML', '<html><body>login</body></html>'],
  ['half a document', '{"PowerState": "O'],
  ['nothing', ''],
])('a System that is %s is malformed', async (_, text) => {
  await withServer(
    treeHandler((request) => (request.path === PATHS.systems ? { text } : undefined)),
    async ({ bmc, signal }) => {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject({ kind: 'malformed', path: PATHS.systems })
    },
  )
})

test.each([
  ['PowerState that is a number', PATHS.system, { PowerState: 7 }],
  ['Members that is a string', PATHS.systems, { Members: 'none' }],
  ['a link that is a number', PATHS.root, { Systems: { '@odata.id': 7 } }],
])('%s is malformed', async (_, path, change) => {
  await withServer(
    treeHandler((request) => (request.path === path ? { body: { ...DOCUMENTS[path], ...change } } : undefined)),
    async ({ bmc, signal }) => {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject({ kind: 'malformed', retry: false })
    },
  )
})

test('wrong types where nothing depends on them are as good as absent', async () => {
  const system = { ...DOCUMENTS[PATHS.system], SerialNumber: 7, Model: ['x'], LastResetTime: {}, BootProgress: 'on' }
  await withServer(
    treeHandler((request) => (request.path === PATHS.system ? { body: system } : undefined)),
    async ({ bmc, signal }) => {
      const found = await bmc.discover({ signal })
      expect(found).toMatchObject({ serial: null, model: null, power: { lastResetTime: null, bootProgress: null } })
    },
  )
})

test('a redirect to another host is refused, and nothing is sent there', async () => {
  const other = await startRawServer(() => ({ body: {} }))
  const location = other.url.replace('127.0.0.1', 'localhost')
  try {
    await withServer(
      treeHandler((request) =>
        request.path === PATHS.system ? { status: 302, headers: { Location: `${location}/x` } } : undefined,
      ),
      async ({ bmc, signal }) => {
        const failure = await failureOf(bmc.power({ signal }))
        expect(failure).toMatchObject({ kind: 'malformed', detail: expect.stringContaining('another host') })
      },
    )
    expect(other.requests).toEqual([])
  } finally {
    await other.close()
  }
})

test('a redirect without end is given up', async () => {
  await withServer(
    treeHandler((request) =>
      request.path === PATHS.system ? { status: 308, headers: { Location: PATHS.system } } : undefined,
    ),
    async ({ bmc, signal }) => {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject({ kind: 'malformed' })
    },
  )
})

test('a redirect on the same host is followed for a GET', async () => {
  await withServer(
    treeHandler((request) => {
      if (request.path === PATHS.system) return { status: 308, headers: { Location: `${PATHS.system}/` } }
      return request.path === `${PATHS.system}/` ? { body: DOCUMENTS[PATHS.system] } : undefined
    }),
    async ({ bmc, signal }) => {
      expect(await bmc.power({ signal })).toMatchObject({ powerState: 'On' })
    },
  )
})

test.each([
  ['Systems', PATHS.root, { Systems: { '@odata.id': 'http://evil.example/redfish/v1/Systems' } }],
  ['Sessions', PATHS.root, { Links: { Sessions: { '@odata.id': 'http://evil.example/Sessions' } } }],
  ['Members', PATHS.systems, { Members: [{ '@odata.id': '//evil.example/redfish/v1/Systems/1' }] }],
])('an absolute link to another host in %s is refused', async (_, path, change) => {
  await withServer(
    treeHandler((request) => (request.path === path ? { body: { ...DOCUMENTS[path], ...change } } : undefined)),
    async ({ bmc, server, signal }) => {
      const failure = await failureOf(bmc.discover({ signal }))
      expect(failure).toMatchObject({ kind: 'malformed', detail: expect.stringContaining('evil.example') })
      expect(server.requests.some((request) => request.path.includes('evil'))).toBe(false)
    },
  )
})

test('an absolute link to the same host with another port is re-based to the configured origin', async () => {
  const systems = { Members: [{ '@odata.id': `https://127.0.0.1:1${PATHS.system}` }] }
  await withServer(
    treeHandler((request) => (request.path === PATHS.systems ? { body: systems } : undefined)),
    async ({ bmc, signal }) => {
      expect(await bmc.power({ signal })).toMatchObject({ powerState: 'On' })
    },
  )
})

test('an action target on another host gets neither the request nor the token', async () => {
  const slot = {
    ...DOCUMENTS[PATHS.slot],
    Actions: { '#VirtualMedia.InsertMedia': { target: 'http://evil.example/insert' } },
  }
  await withServer(
    treeHandler((request) => (request.path === PATHS.slot ? { body: slot } : undefined)),
    async ({ bmc, signal }) => {
      const call = bmc.insertMedia({ slot: PATHS.slot, image: 'http://media.example/t/a.iso' }, { signal })
      expect(await failureOf(call)).toMatchObject({ kind: 'malformed' })
    },
  )
})

test('a collection whose pages go round in a circle ends', async () => {
  const page = { ...DOCUMENTS[PATHS.systems], 'Members@odata.nextLink': PATHS.systems }
  await withServer(
    treeHandler((request) => (request.path === PATHS.systems ? { body: page } : undefined)),
    async ({ bmc, server, signal }) => {
      await bmc.power({ signal })
      expect(server.requests.filter((request) => request.path === PATHS.systems)).toHaveLength(1)
    },
  )
})

test('a 401 with a broken body is still a 401', async () => {
  await withServer(
    treeHandler((request, response) => {
      if (request.path !== PATHS.sessions || request.method !== 'POST') return undefined
      response.writeHead(401, { 'transfer-encoding': 'chunked' })
      response.flushHeaders()
      response.socket?.end('zz\r\nnot a chunk')
      return null
    }),
    async ({ bmc, signal }) => {
      expect(await failureOf(bmc.power({ signal }))).toEqual({ kind: 'unauthorized', retry: false, status: 401 })
    },
  )
})

test('a session without a token is malformed', async () => {
  await withServer(
    treeHandler((request) =>
      request.method === 'POST' && request.path === PATHS.sessions ? { status: 201, body: {} } : undefined,
    ),
    async ({ bmc, signal }) => {
      expect(await failureOf(bmc.power({ signal }))).toMatchObject({ kind: 'malformed', path: PATHS.sessions })
    },
  )
})

test('the message of a BMC that repeats the image URL is shown without it', async () => {
  const image = 'http://10.0.0.1:8080/media/s3cr3t-t0ken-of-this-attempt/maintenance.iso'
  const message = `Unable to mount remote share ${image}, nor /media/s3cr3t-t0ken-of-this-attempt/maintenance.iso`
  const body = {
    error: { '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.2.5.RAC0999', Message: message, MessageArgs: [image] }] },
  }
  await withServer(
    treeHandler((request) => (request.path === PATHS.insert ? { status: 400, body } : undefined)),
    async ({ bmc, signal }) => {
      const error = await errorOf(bmc.insertMedia({ slot: PATHS.slot, image }, { signal }))
      expect(error.failure).toMatchObject({ message: 'Unable to mount remote share <image> nor <image>' })
      expect(JSON.stringify([error.message, error.failure])).not.toContain('s3cr3t')
    },
  )
})
