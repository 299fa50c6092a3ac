/** The listening socket. The controller opens it first, to know its port; it answers 503 until the application is there. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import type { Config } from '../settings/config.ts'

type Fetch = (request: Request, bindings: object) => Response | Promise<Response>

export type HttpListener = {
  /** `http://host:port`, as bound. */
  readonly url: string
  /** From now on `fetch` answers all requests. */
  readonly open: (fetch: Fetch) => void
  /** Refuses new connections, waits `graceMs` for those under way, then cuts them. A second call waits for the first. */
  readonly close: (graceMs: number) => Promise<void>
}

const headersTimeoutMs = 30_000
const keepAliveTimeoutMs = 75_000

/**
 * The port of a killed controller can stay taken for a moment: the kernel closes sockets that pending I/O uses later.
 */
const takenForMs = 2000
const bindEveryMs = 100

/** @throws when the address is still taken after two seconds, or may not be bound. */
export async function listen({ httpAddr, tls }: Pick<Config, 'httpAddr' | 'tls'>): Promise<HttpListener> {
  let application: Fetch = () =>
    Response.json(
      { title: 'Starting', status: 503 },
      { status: 503, headers: { 'content-type': 'application/problem+json', 'retry-after': '1' } },
    )
  const fetch: Fetch = (request, bindings) => application(request, bindings)
  // No time-out for a whole request, since a BMC may read its media for an hour; only for its headers.
  const limits = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: 16 * 1024,
  }
  const server =
    tls === undefined
      ? createAdaptorServer({ fetch, createServer: createHttpServer, serverOptions: limits })
      : createAdaptorServer({
          fetch,
          createServer: createHttpsServer,
          serverOptions: {
            ...limits,
            cert: await readFile(tls.certFile),
            key: await readFile(tls.keyFile),
            minVersion: 'TLSv1.2',
          },
        })
  await bind(server, httpAddr)
  const { port } = server.address() as AddressInfo
  let closed: Promise<void> | null = null
  const host = httpAddr.host.includes(':') ? `[${httpAddr.host}]` : httpAddr.host
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    open: (next) => {
      application = next
    },
    close: (graceMs) => {
      closed ??= new Promise((resolve, reject) => {
        const cut = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs)
        server.close((error) => {
          clearTimeout(cut)
          if (error) reject(error)
          else resolve()
        })
        if ('closeIdleConnections' in server) server.closeIdleConnections()
      })
      return closed
    },
  }
}

async function bind(server: ReturnType<typeof createAdaptorServer>, { host, port }: Config['httpAddr']): Promise<void> {
  const giveUpAt = performance.now() + takenForMs
  for (;;) {
    server.listen(port, host)
    try {
      await once(server, 'listening')
      return
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!taken || performance.now() > giveUpAt) throw error
      await delay(bindEveryMs)
    }
  }
}
