// The controller's side as a simulated host sees it: a web server for images with ranges, and a webhook. It keeps what
// it was asked.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Report = {
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Record<string, unknown>
}
type Fetched = { readonly method: string; readonly path: string; readonly range: string | undefined }

export type Site = {
  readonly url: string
  readonly fetched: Fetched[]
  readonly reports: Report[]
  /** Reports that end a job, without the progress. */
  readonly outcomes: () => Report[]
  readonly images: Map<string, Buffer>
  /** Asked before each answer; a status is answered instead, a promise delays it. */
  intercept: (path: string, method: string) => number | undefined | Promise<number | undefined>
  close(): Promise<void>
}

/** On a free port, unless one is given. */
export async function startSite(wantedPort = 0): Promise<Site> {
  const server = createServer(async (request, response) => {
    const path = request.url ?? '/'
    const method = request.method ?? ''
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    if (method !== 'POST') site.fetched.push({ method, path, range: request.headers.range })
    const status = await site.intercept(path, method)
    if (method === 'POST') {
      const headers = {
        authorization: request.headers.authorization,
        secret: [request.headers['x-webhook-secret']].flat()[0],
      }
      site.reports.push({ headers, body: JSON.parse(Buffer.concat(parts).toString('utf8')) })
      response.writeHead(status ?? 200, { 'content-type': 'application/json' }).end('{"ok":true}')
      return
    }
    const image = site.images.get(path)
    if (status !== undefined || image === undefined) {
      response.writeHead(status ?? 404).end()
      return
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (from === undefined || to === undefined) {
      response.writeHead(200, { 'content-length': image.length, 'accept-ranges': 'bytes' })
      response.end(method === 'HEAD' ? undefined : image)
      return
    }
    const bytes = image.subarray(Number(from), Number(to) + 1)
    const last = Number(from) + bytes.length - 1
    response.writeHead(206, {
      'content-length': bytes.length,
      'content-range': `bytes ${from}-${last}/${image.length}`,
    })
    response.end(bytes)
  })
  server.listen(wantedPort, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const site: Site = {
    url: `http://127.0.0.1:${port}`,
    fetched: [],
    reports: [],
    outcomes: () => site.reports.filter(({ body }) => body['status'] !== 'progress'),
    images: new Map(),
    intercept: () => undefined,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return site
}
