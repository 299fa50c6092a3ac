/** Simulated BMCs in a process of their own, so that the controller's CPU time and memory are its own. See `simulators.ts`. */
import { startSimulator } from '../../../redfish/simulator/server.ts'

/** The BMCs of one process: `count` of them, from the one with this index on. */
export type Orders = { readonly first: number; readonly count: number }
export type Reachable = {
  readonly serial: string
  readonly url: string
  readonly username: string
  readonly password: string
}
export type Message = { readonly bmcs: readonly Reachable[] } | { readonly requests: number }

const orders = JSON.parse(process.argv[2] ?? '') as Orders
let requests = 0
const simulator = await startSimulator({
  // Answers take the 20 ms of the default timing; a server restarts in 4 s and reports 2 s later.
  bmcs: Array.from({ length: orders.count }, (_, offset) => {
    const index = orders.first + offset
    const serial = `F${String(index + 1).padStart(4, '0')}`
    // An address for each server, as it has in a real network: the controller limits requests per address.
    const sendsFrom = `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`
    return { serial, username: 'admin', password: `password-${serial}`, sendsFrom }
  }),
  log: (line) => {
    if ('event' in line && line.event === 'request') requests += 1
  },
})
const tell = (message: Message) => void process.send?.(message)
tell({ bmcs: simulator.bmcs.map(({ serial, url, username, password }) => ({ serial, url, username, password })) })
process.on('message', () => tell({ requests }))
process.once('disconnect', () => void simulator.close())
