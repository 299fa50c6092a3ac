/** A BMC made of a few answers: for what a well-behaved simulator never sends. Nothing of the client is used here. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export type RawRequest = {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}

export type RawAnswer = {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Instead of `body`: sent as it is. */
  readonly text?: string
}

/** Answers a request, or takes the response into its own hands by returning null. */
export type RawHandler = (request: RawRequest, response: ServerResponse) => RawAnswer | null

export type RawServer = { readonly url: string; readonly requests: readonly RawRequest[]; close(): Promise<void> }

export async function startRawServer(handler: RawHandler): Promise<RawServer> {
  const requests: RawRequest[] = []
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString('utf8')
    const request: RawRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
    requests.push(request)
    const answer = handler(request, response)
    if (answer === null) return
    const body = answer.text ?? (answer.body === undefined ? '' : JSON.stringify(answer.body))
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers }).end(body)
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    async close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      await closed.promise
    },
  }
}

/** A minimal tree: root, one System, one Manager, one slot. Paths can be replaced one by one. */
export const PATHS = {
  root: '/redfish/v1/',
  sessions: '/redfish/v1/SessionService/Sessions',
  systems: '/redfish/v1/Systems',
  system: '/redfish/v1/Systems/1',
  reset: '/redfish/v1/Systems/1/Actions/ComputerSystem.Reset',
  manager: '/redfish/v1/Managers/1',
  media: '/redfish/v1/Managers/1/VirtualMedia',
  slot: '/redfish/v1/Managers/1/VirtualMedia/CD1',
  insert: '/redfish/v1/Managers/1/VirtualMedia/CD1/Actions/VirtualMedia.InsertMedia',
  eject: '/redfish/v1/Managers/1/VirtualMedia/CD1/Actions/VirtualMedia.EjectMedia',
} as const

const link = (path: string) => ({ '@odata.id': path })

export const DOCUMENTS: Readonly<Record<string, Record<string, unknown>>> = {
  [PATHS.root]: {
    RedfishVersion: '1.15.0',
    Systems: link(PATHS.systems),
    Links: { Sessions: link(PATHS.sessions) },
  },
  [PATHS.systems]: { Members: [link(PATHS.system)] },
  [PATHS.system]: {
    Id: '1',
    PowerState: 'On',
    Boot: { BootSourceOverrideEnabled: 'Disabled', BootSourceOverrideTarget: 'None', BootSourceOverrideMode: 'UEFI' },
    Links: { ManagedBy: [link(PATHS.manager)] },
    Actions: {
      '#ComputerSystem.Reset': {
        target: PATHS.reset,
        'ResetType@Redfish.AllowableValues': ['On', 'ForceOff', 'ForceRestart'],
      },
    },
  },
  [PATHS.manager]: { Id: '1', VirtualMedia: link(PATHS.media) },
  [PATHS.media]: { Members: [link(PATHS.slot)] },
  [PATHS.slot]: {
    Id: 'CD1',
    MediaTypes: ['CD'],
    Inserted: false,
    Image: null,
    Actions: {
      '#VirtualMedia.InsertMedia': { target: PATHS.insert },
      '#VirtualMedia.EjectMedia': { target: PATHS.eject },
    },
  },
}

export const SESSION_TOKEN = 'session-token-of-the-raw-server'

/** Accepts every login and serves the documents; `own` may answer first. */
export function treeHandler(
  own: (request: RawRequest, response: ServerResponse) => RawAnswer | null | undefined,
): RawHandler {
  return (request, response) => {
    const first = own(request, response)
    if (first !== undefined) return first
    if (request.method === 'POST' && request.path === PATHS.sessions) {
      return { status: 201, headers: { 'X-Auth-Token': SESSION_TOKEN, Location: `${PATHS.sessions}/1` } }
    }
    if (request.method === 'DELETE') return { status: 204 }
    const document = DOCUMENTS[request.path]
    return document === undefined ? { status: 404, body: {} } : { body: document }
  }
}
