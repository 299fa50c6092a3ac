/** A TCP way to a server of a test, which can be cut, or swallow what is sent without either end noticing. */
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'

export type Line = {
  /** The server's url with the line's own address in it. */
  readonly url: string
  /** Resets the clients' side of every connection; the server's goes on. */
  readonly breakForClients: () => void
  /**
   * From now on nothing arrives, in both directions or in that of the clients. Connections of now never come back to life;
   * those that are opened meanwhile are swallowed, too.
   */
  readonly swallow: (what: 'everything' | 'answers') => void
  /** Connections that are opened from now on are carried through. */
  readonly restore: () => void
  readonly close: () => Promise<void>
}

type Swallowed = 'nothing' | 'everything' | 'answers'

export async function openLine(url: string): Promise<Line> {
  const target = new URL(url)
  const server = { port: Number(target.port), host: target.hostname }
  const clients = new Set<Socket>()
  const servers = new Set<Socket>()
  const carried = new Set<{ swallowed: Swallowed }>()
  let swallowed: Swallowed = 'nothing'
  const listener = createServer((client) => {
    const upstream = createConnection(server)
    const connection = { swallowed }
    carried.add(connection)
    clients.add(client)
    servers.add(upstream)
    client.on('data', (bytes) => connection.swallowed !== 'everything' && upstream.write(bytes))
    upstream.on('data', (bytes) => connection.swallowed === 'nothing' && client.write(bytes))
    upstream.on('close', () => connection.swallowed === 'nothing' && client.resetAndDestroy())
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  target.port = String(address.port)
  return {
    url: target.href,
    breakForClients: () => {
      for (const client of clients) client.resetAndDestroy()
      clients.clear()
    },
    swallow: (what) => {
      swallowed = what
      for (const connection of carried) connection.swallowed = what
    },
    restore: () => {
      swallowed = 'nothing'
    },
    close: async () => {
      for (const socket of [...clients, ...servers]) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
