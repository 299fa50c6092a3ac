/** `provisioner simulate`: runs simulated BMCs with hosts, to try the product without hardware. */
import { once } from 'node:events'
import type { Command } from 'commander'
import { isProfileName, profiles } from '../../redfish/simulator/profiles/catalogue.ts'
import { type SlotLayout, slotLayouts } from '../../redfish/simulator/profiles/slot-layouts.ts'
import { readRecordingFile } from '../../redfish/simulator/recorded/file.ts'
import { serveRecording } from '../../redfish/simulator/recorded/server.ts'
import { startSimulator } from '../../redfish/simulator/server.ts'
import { heading, output, warn } from './output.ts'

type SimulateOptions = {
  readonly count: string
  readonly profile: string
  readonly host: string
  readonly port: string
  readonly tls?: boolean
  readonly username: string
  readonly speed: string
  readonly layout?: string
  readonly failAt?: string
  readonly silent?: boolean
  readonly control?: boolean
  readonly from?: string
}

/** Not a secret: simulated BMCs have nothing to protect. */
const simulatedPassword = 'simulated'
const countMax = 1000
const layouts = Object.keys(slotLayouts) as SlotLayout[]

export function simulateCommand(program: Command, isJson: () => boolean): void {
  program
    .command('simulate')
    .description('run simulated BMCs, each with a host that boots from its virtual media')
    .option('--count <n>', 'number of BMCs', '1')
    .option('--profile <name>', 'kind of BMC; "list" prints all kinds', 'generic')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port of the first BMC; the others have the ports after it', '8443')
    .option('--tls', 'serve HTTPS with self-signed certificates')
    .option('--username <name>', `account on every BMC; its password is "${simulatedPassword}"`, 'admin')
    .option('--speed <factor>', 'how many times faster than real hardware', '10')
    .option('--layout <kind>', `media slots instead of those of the profile: ${layouts.join(', ')}`)
    .option('--fail-at <unit>', 'every installation fails in this unit, e.g. image-linux.service')
    .option('--silent', 'no host ever reports')
    .option('--control', 'serve /simulator/faults and /simulator/state, without authentication')
    .option('--from <file>', 'serve a recording of `server record` instead, with the account that it prints')
    .action(async (options: SimulateOptions) => {
      if (options.from !== undefined) return await serveFile(options.from, options, isJson())
      if (options.profile === 'list') return listProfiles(isJson())
      const { profile } = options
      if (!isProfileName(profile))
        throw new Error(`--profile ${profile}: write one of ${Object.keys(profiles).join(', ')}`)
      const count = Number(options.count)
      if (!Number.isInteger(count) || count < 1 || count > countMax)
        throw new Error(`--count ${options.count}: write a number from 1 to ${countMax}`)
      const layout = layouts.find((kind) => kind === options.layout)
      if (options.layout !== undefined && layout === undefined)
        throw new Error(`--layout ${options.layout}: write one of ${layouts.join(', ')}`)
      const host = {
        ...(options.failAt === undefined ? {} : { failAt: options.failAt }),
        ...(options.silent === undefined ? {} : { silent: options.silent }),
      }
      const simulator = await startSimulator({
        host: options.host,
        port: Number(options.port),
        tls: options.tls ?? false,
        control: options.control ?? false,
        speed: Number(options.speed),
        bmcs: Array.from({ length: count }, (_, index) => ({
          serial: `SIM-${String(index + 1).padStart(4, '0')}`,
          username: options.username,
          password: simulatedPassword,
          profile,
          ...(layout === undefined ? {} : { slots: slotLayouts[layout] }),
          host,
        })),
      })
      if (isJson()) output.json(simulator.bmcs.map(({ serial, url, username }) => ({ serial, url, username })))
      else
        output.table([
          heading('SERIAL', 'BMC', 'USER'),
          ...simulator.bmcs.map(({ serial, url, username }) => [serial, url, username]),
        ])
      await untilInterrupted()
      await simulator.close()
    })
}

/** Serves one recorded BMC; a request that the recording lacks gets an answer that names it. */
async function serveFile(file: string, options: SimulateOptions, json: boolean): Promise<void> {
  const recording = await readRecordingFile(file)
  const { host, port, speed } = options
  const served = await serveRecording({
    file: recording,
    password: simulatedPassword,
    host,
    port: Number(port),
    speed: Number(speed),
  })
  const { serial, url, username } = served
  if (json) output.json([{ serial, url, username }])
  else {
    output.table([heading('SERIAL', 'BMC', 'USER'), [serial, url, username]])
    for (const missing of recording.header.missing) output.line(`${warn('missing')}: ${missing}`)
  }
  await untilInterrupted()
  await served.close()
}

async function untilInterrupted(): Promise<void> {
  const ended = new AbortController()
  await Promise.race([
    once(process, 'SIGINT', { signal: ended.signal }),
    once(process, 'SIGTERM', { signal: ended.signal }),
  ])
  ended.abort()
}

function listProfiles(json: boolean): void {
  const known = Object.entries(profiles).map(([name, { summary }]) => ({ name, summary }))
  if (json) output.json(known)
  else output.table([heading('PROFILE', 'WHAT IT IS'), ...known.map(({ name, summary }) => [name, summary])])
}
