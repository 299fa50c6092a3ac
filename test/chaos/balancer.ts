/** What stands before several controllers in a site: one address for BMCs, hosts and clients, and whoever is up answers. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type Balancer = { readonly url: string; readonly close: () => Promise<void> }

/** Forwards each connection to one of the ports that are up now, taking turns; refuses it when there is none. */
export async function startBalancer(portsUp: () => readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>()
  let turn = 0
  const server = createServer((inbound) => {
    const ports = portsUp()
    const port = ports[turn++ % Math.max(1, ports.length)]
    if (port === undefined) return void inbound.destroy()
    const outbound = connect(port, '127.0.0.1')
    for (const [socket, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(socket)
      // A controller that dies takes its connections with it; whoever was connected tries again.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    inbound.pipe(outbound)
    outbound.pipe(inbound)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the balancer has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
