/**
 * A BMC that is hostile from a moment on: until then it passes every request on to a simulated one. Nothing of the client
 * is used here.
 */
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request as passOn,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SimulatedBmc } from '../../../redfish/simulator/server.ts'
import { selfSignedCertificate } from '../../../redfish/simulator/socket/certificate.ts'

/** Answers a request. `honest` gives what the simulated BMC says to it. */
export type Hostility = (
  response: ServerResponse,
  about: { readonly path: string; readonly elsewhere: string; readonly honest: () => Promise<Honest> },
) => void | Promise<void>

type Honest = { readonly status: number; readonly headers: IncomingMessage['headers']; readonly text: string }

/** When it turns. */
type Moment = 'at once' | 'after the first insert'

export type HostileBmc = {
  readonly url: string
  readonly turn: () => void
  readonly close: () => Promise<void>
}

export type HostileOptions = {
  readonly bmc: SimulatedBmc
  /** Null: it speaks TLS, and what is hostile is its certificate, which changes. */
  readonly hostility: Hostility | null
  readonly turns: Moment
  readonly elsewhere: string
}

export async function startHostileBmc({ bmc, hostility, turns: when, elsewhere }: HostileOptions): Promise<HostileBmc> {
  let hostile = when === 'at once' && hostility !== null
  const turn = () => {
    hostile = true
    if (hostility === null) renew(server as TlsServer)
  }
  const answer: RequestListener = async (request, response) => {
    const path = request.url ?? '/'
    const honest = () => honestAnswer(bmc.url, request)
    // A connection that the client cuts is what most of these end with.
    response.on('error', () => response.destroy())
    // Sessions work, so that what is hostile is what the job asks for.
    const session = path.includes('/SessionService/Sessions')
    if (hostile && hostility !== null && !session) return void (await hostility(response, { path, elsewhere, honest }))
    const { status, headers, text } = await honest()
    const turns = when === 'after the first insert' && path.endsWith('InsertMedia') && status < 300
    if (turns) turn()
    response.writeHead(status, { ...headers, connection: turns ? 'close' : 'keep-alive' }).end(text)
  }
  const server = hostility === null ? createTlsServer(answer) : createServer(answer)
  if (hostility === null) renew(server as TlsServer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `${hostility === null ? 'https' : 'http'}://127.0.0.1:${port}`,
    turn,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** Another key and certificate, from the next connection on. */
function renew(server: TlsServer): void {
  const { keyPem, certificatePem } = selfSignedCertificate({ commonName: 'bmc', host: '127.0.0.1', now: new Date() })
  server.setSecureContext({ key: keyPem, cert: certificatePem })
  server.closeIdleConnections()
}

async function honestAnswer(origin: string, request: IncomingMessage): Promise<Honest> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { method, headers } = request
  const asked = passOn(new URL(request.url ?? '/', origin), { method: method ?? 'GET', headers }, resolve)
  asked.once('error', reject)
  request.pipe(asked)
  const answer = await promise
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk)
  const { 'transfer-encoding': _chunked, ...kept } = answer.headers
  return { status: answer.statusCode ?? 500, headers: kept, text: Buffer.concat(chunks).toString('utf8') }
}

const json = { 'content-type': 'application/json' }

/** Writes as fast as it is read, until the other side has had enough. */
function pour(response: ServerResponse, chunks: Iterator<string>): void {
  const more = (): void => {
    while (!response.destroyed) {
      const { value, done } = chunks.next()
      if (done === true) return void response.end()
      if (!response.write(value)) return void response.once('drain', more)
    }
  }
  more()
}

function* repeat(text: string, times = Number.POSITIVE_INFINITY): Generator<string> {
  for (let count = 0; count < times; count++) yield text
}

export const endlessBody: Hostility = (response) => {
  response.writeHead(200, json)
  pour(response, repeat(' '.repeat(65_536)))
}

/** Well-formed to its last byte, and announced as what it is. */
export const hugeJson: Hostility = (response) => {
  const [head, item, times, tail] = ['{"Members":[{}', ',{"a":"b"}'.repeat(10_000), 1_000, ']}'] as const
  const length = head.length + item.length * times + tail.length
  response.writeHead(200, { ...json, 'content-length': length })
  pour(
    response,
    (function* () {
      yield head
      yield* repeat(item, times)
      yield tail
    })(),
  )
}

export const deepNesting: Hostility = (response) => {
  response.writeHead(200, json).end(`{"Systems":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)
}

/** Every document is root, collection and member at once, and has another page. */
export const cyclicLinks: Hostility = (response, { path }) => {
  const link = { '@odata.id': path }
  const document = {
    Systems: link,
    Managers: link,
    VirtualMedia: link,
    Links: { ManagedBy: [link], ManagerForServers: [link] },
    Members: [link, { '@odata.id': `${path}/` }],
    'Members@odata.nextLink': `${path.split('?')[0]}?page=${Math.random()}`,
  }
  response.writeHead(200, json).end(JSON.stringify(document))
}

export const slowBytes: Hostility = (response) => {
  response.writeHead(200, json)
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => clearInterval(timer))
}

export const silence: Hostility = () => {}

export const endlessHeaders: Hostility = (response) => {
  const { socket } = response
  if (socket === null) return
  socket.write('HTTP/1.1 200 OK\r\n')
  const more = (): void => {
    while (!socket.destroyed && socket.write(`x-${'y'.repeat(1000)}: z\r\n`)) {}
    if (!socket.destroyed) socket.once('drain', more)
  }
  socket.on('error', () => socket.destroy())
  more()
}

export const redirectElsewhere: Hostility = (response, { path, elsewhere }) => {
  response.writeHead(307, { location: `${elsewhere}${path}` }).end()
}

/** What the simulated BMC says, with every link absolute and leading to another host. */
export const linksElsewhere: Hostility = async (response, { elsewhere, honest }) => {
  const { status, headers, text } = await honest()
  const body = text.replaceAll('"/redfish/', `"${elsewhere}/redfish/`)
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

/** What the simulated BMC says, with another type for every value. */
export const wrongTypes: Hostility = async (response, { honest }) => {
  const { status, headers, text } = await honest()
  const body = text === '' ? '7' : JSON.stringify(mistyped(JSON.parse(text)))
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

function mistyped(value: unknown): unknown {
  if (typeof value === 'string') return 7
  if (typeof value === 'number') return [String(value)]
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (value === null) return {}
  if (Array.isArray(value)) return { 0: value.map(mistyped) }
  return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, mistyped(inner)]))
}
