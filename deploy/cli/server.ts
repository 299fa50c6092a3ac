/** `provisioner server ...`: add, list, show, probe, accept-certificate, power, rm; `record.ts` adds record. */
import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import type { DescriptionData } from '../../machines/server/description.ts'
import type { Server } from '../../machines/server/view.ts'
import { type Client, ClientError } from './client.ts'
import { bold, heading, output } from './output.ts'
import { showPreflight, standsInTheWay } from './preflight.ts'

type ProbeAnswer = { readonly description: DescriptionData }

type AddOptions = {
  readonly address: string
  readonly username: string
  readonly passwordFile?: string
  readonly vendor?: string
  readonly tls: 'system' | 'ca' | 'pinned' | 'insecure'
  readonly caFile?: string
  readonly fingerprint?: string
  readonly legacyTls?: true
  readonly label: readonly string[]
}

const collect = (value: string, all: readonly string[]) => [...all, value]

type AddCommand = (server: Command, client: () => Client, isJson: () => boolean) => Command

export function serverCommands(program: Command, client: () => Client, isJson: () => boolean): Command {
  const server = program.command('server').description('register servers and look at them')
  const commands = [addAdd, addList, addShow, addProbe, addAcceptCertificate, addPower, addRm]
  for (const add of commands) add(server, client, isJson)
  return server
}

const pathOf = (serial: string) => `/api/v1/servers/${encodeURIComponent(serial)}`

const addAdd: AddCommand = (server, client, isJson) =>
  server
    .command('add')
    .description('register a server, or replace its registration')
    .argument('<serial>')
    .requiredOption('--address <url>', 'URL of its BMC: https://host[:port]')
    .requiredOption('--username <name>', 'account on the BMC')
    .option(
      '--password-file <file>',
      'file with the password of that account, - for standard input; default: BMC_PASSWORD of the environment',
    )
    .option('--vendor <name>', 'the vendor, for a BMC that does not report it')
    .addOption(
      new Option('--tls <mode>', "how the controller checks the BMC's certificate")
        .choices(['system', 'ca', 'pinned', 'insecure'])
        .default('system'),
    )
    .option('--ca-file <file>', 'PEM file of the authority, for --tls ca')
    .option(
      '--fingerprint <sha256>',
      'for --tls pinned; without it the controller pins the first certificate that it sees',
    )
    .option('--legacy-tls', 'allow TLS 1.0 and weak ciphers, for a BMC that supports nothing else')
    .option('--label <key=value>', 'a label; may be repeated', collect, [])
    .action(async (serial: string, options: AddOptions) => {
      const body = {
        bmc_address: options.address,
        bmc_username: options.username,
        bmc_password: await passwordOf(options.passwordFile),
        tls: await tlsOf(options),
        labels: Object.fromEntries(options.label.map(splitLabel)),
        ...(options.vendor === undefined ? {} : { vendor: options.vendor }),
      }
      const answer = await client().request<Server>(pathOf(serial), { method: 'PUT', body })
      if (isJson()) return output.json(answer)
      output.line(`server ${bold(serial)} registered`)
    })

const addList: AddCommand = (server, client, isJson) =>
  server
    .command('list')
    .description('list all servers')
    .action(async () => {
      const answer = await client().request<{ servers: readonly Server[] }>('/api/v1/servers')
      if (isJson()) return output.json(answer)
      output.table([
        heading('SERIAL', 'STATUS', 'BMC', 'MODEL', 'JOB'),
        ...answer.servers.map((one) => [one.serial, one.status, one.bmc_address, modelOf(one), one.active_job ?? '']),
      ])
    })

const addShow: AddCommand = (server, client) =>
  server
    .command('show')
    .description('print one server')
    .argument('<serial>')
    .action(async (serial: string) => output.json(await client().request(pathOf(serial))))

const addProbe: AddCommand = (server, client, isJson) =>
  server
    .command('probe')
    .description('read the BMC; print what it can do, what would make a job fail, and what to do about it')
    .argument('<serial>')
    .addHelpText(
      'after',
      `\nExit status: 0 when nothing stands in the way of a job, ${probeStatus.obstructed} when an error does,\n` +
        `${probeStatus.failed} when the BMC could not be read.`,
    )
    .action(async (serial: string) => {
      const answer = await probe(client(), `${pathOf(serial)}/probe`)
      if (answer.description.findings.some(standsInTheWay)) process.exitCode = probeStatus.obstructed
      if (isJson()) return output.json(answer)
      showPreflight(serial, answer.description)
    })

const addAcceptCertificate: AddCommand = (server, client, isJson) =>
  server
    .command('accept-certificate')
    .description("pin the new certificate of a BMC; compare it with the BMC's own page first")
    .argument('<serial>')
    .argument('<sha256>', 'fingerprint of the new certificate, as the failure names it')
    .action(async (serial: string, sha256: string) => {
      const body = { fingerprint: fingerprintOf(sha256) }
      const answer = await client().request<Server>(`${pathOf(serial)}/certificate`, { method: 'POST', body })
      if (isJson()) return output.json(answer)
      output.line(`certificate of ${bold(serial)} pinned; it is probed again`)
    })

const addPower: AddCommand = (server, client) =>
  server
    .command('power')
    .description('switch the host on or off, or restart it; refused while a job has the server')
    .argument('<serial>')
    .argument('<action>', 'on, off or restart')
    .action(async (serial: string, action: string) => {
      output.json(
        await client().request(`${pathOf(serial)}/power`, { method: 'POST', body: { action }, timeoutMs: 180_000 }),
      )
    })

const addRm: AddCommand = (server, client) =>
  server
    .command('rm')
    .description('remove a server; its history stays')
    .argument('<serial>')
    .action(async (serial: string) => {
      await client().request(pathOf(serial), { method: 'DELETE' })
      output.line(`server ${serial} removed`)
    })

/** Exit statuses of a probe; 1 is that of every failed command. */
const probeStatus = { failed: 1, obstructed: 3 } as const

/** The controller answers 504 when a probe takes long; asking again joins the probe under way. */
const probeAsksMax = 5

async function probe(client: Client, path: string): Promise<ProbeAnswer> {
  for (let asks = 1; ; asks += 1) {
    try {
      return await client.request<ProbeAnswer>(path, { method: 'POST', body: {}, timeoutMs: 180_000 })
    } catch (error) {
      if (!(error instanceof ClientError) || error.status !== 504 || asks === probeAsksMax) throw error
    }
  }
}

/** A password is never an argument: every user of the machine can see arguments. */
async function passwordOf(file: string | undefined): Promise<string> {
  if (file !== undefined) return (await readFile(file === '-' ? '/dev/stdin' : file, 'utf8')).replace(/\r?\n$/, '')
  const password = process.env['BMC_PASSWORD']
  if (password === undefined)
    throw new Error('the password of the BMC is missing: give --password-file, or BMC_PASSWORD in the environment')
  return password
}

async function tlsOf({ tls, caFile, fingerprint, legacyTls }: AddOptions) {
  const legacy = legacyTls === undefined ? {} : { legacy: true }
  if (tls === 'ca') {
    if (caFile === undefined) throw new Error('--tls ca needs --ca-file')
    return { mode: tls, ca: await readFile(caFile, 'utf8'), ...legacy }
  }
  if (tls !== 'pinned') return { mode: tls, ...legacy }
  return { mode: tls, fingerprint: fingerprint === undefined ? null : fingerprintOf(fingerprint), ...legacy }
}

/** Accepts the notation of browsers and openssl, too: upper case, with colons. */
function fingerprintOf(text: string): string {
  return text.replaceAll(':', '').toLowerCase()
}

function splitLabel(label: string): [string, string] {
  const equals = label.indexOf('=')
  if (equals < 1) throw new Error(`--label ${label}: write key=value`)
  return [label.slice(0, equals), label.slice(equals + 1)]
}

/** The model that the last probe found, else the vendor of the registration. */
function modelOf({ description, vendor }: Server): string {
  return description === null ? (vendor ?? '') : `${description.vendor} ${description.model ?? ''}`.trim()
}
