/**
 * Simulated BMCs that speak Redfish over HTTP or HTTPS, each with a simulated host behind it: an independent
 * implementation that shares no code with the client. Reading order: this file, `socket/`, `bmc/` (state),
 * `resources/` (documents and actions), `host/` (firmware and operating system).
 */
import { randomUUID } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { Bmc, type World } from './bmc/bmc.ts'
import type { ResetType, SlotProfile } from './bmc/traits.ts'
import { type BmcState, stateOf } from './bmc/view.ts'
import type { HostBoot, HostOptions, SimulatedHost } from './host/host.ts'
import { Outbound } from './host/outbound.ts'
import { type ProfileName, profiles } from './profiles/catalogue.ts'
import { withSlots } from './profiles/slot-layouts.ts'
import { managers } from './resources/manager.ts'
import { serviceRoot } from './resources/service-root.ts'
import { sessionService } from './resources/session-service.ts'
import { systems } from './resources/system.ts'
import { virtualMedia } from './resources/virtual-media.ts'
import { type Certificate, selfSignedCertificate } from './socket/certificate.ts'
import { type Fault, Faults } from './socket/faults.ts'
import { Listener, type LoggedRequest, type RequestUnderWay } from './socket/listener.ts'
import { Background } from './world/background.ts'
import { type Clock, defaultTiming, realClock, type Timing } from './world/timing.ts'

const bmcsMax = 1_000

export type BmcConfig = {
  /** The serial number of the host, which its task medium must name. */
  readonly serial: string
  readonly username: string
  readonly password: string
  readonly profile?: ProfileName
  /** Slots instead of the profile's, in the same order: the first one is the boot medium. */
  readonly slots?: readonly SlotProfile[]
  /** `On` by default, with the disk's previous operating system running. */
  readonly powerState?: 'On' | 'Off'
  /** InsertMedia sends a HEAD request first and refuses an image that is not there. True by default. */
  readonly checksImages?: boolean
  /** False: the BMC refuses inserts for a missing licence, if the vendor sells one. */
  readonly licensed?: boolean
  readonly host?: HostOptions
  /**
   * The source address of this BMC and its host. In a real network each has its own, and servers limit requests per
   * address. Linux allows any of 127.0.0.0/8. By default the system chooses it.
   */
  readonly sendsFrom?: string
}

export type SimulatorOptions = {
  /** 127.0.0.1 by default. */
  readonly host?: string
  /** The port of the first BMC; each next BMC has the next port. 0, the default, gives every BMC a free port. */
  readonly port?: number
  /** HTTPS with a certificate of its own for each BMC. */
  readonly tls?: boolean
  readonly bmcs: readonly BmcConfig[]
  /** PEM of the CA that BMCs and hosts trust when they fetch images and report, in place of Node's CAs. */
  readonly trusted?: string
  /** Delays that differ from the default ones. */
  readonly timing?: Partial<Timing>
  /** Divides every delay of `timing`: 1 by default, 100 for tests. */
  readonly speed?: number
  /** A clock in place of the real one; `speed` then has no effect. */
  readonly clock?: Clock
  /** For faults with a probability and for the moods of a profile's firmware; `Math.random` by default. */
  readonly random?: () => number
  /** Offers `/simulator/faults` and `/simulator/state` beside Redfish, without authentication. */
  readonly control?: boolean
  /** Receives one object for each request and each change of a host. It holds no secrets. */
  readonly log?: (line: object) => void
}

export type SimulatedBmc = {
  readonly serial: string
  /** The origin, such as `http://127.0.0.1:40123`. */
  readonly url: string
  readonly username: string
  readonly password: string
  /** PEM of the certificate that it shows, null over HTTP. */
  readonly certificate: string | null
  /** A snapshot of the state. */
  readonly state: BmcState
  /** The latest 5 000 Redfish requests. */
  readonly requests: readonly LoggedRequest[]
  /** Requests that were received and are not answered yet. */
  readonly underWay: readonly RequestUnderWay[]
  /** Accepted resets, the latest 1 000. */
  readonly resets: readonly { readonly at: Date; readonly resetType: ResetType }[]
  readonly hostBoots: readonly HostBoot[]
  readonly faults: { add(fault: Fault): void; clear(): void }
  readonly host: SimulatedHost
}

export type Simulator = {
  readonly bmcs: readonly SimulatedBmc[]
  /** @throws RangeError when no BMC has this serial. */
  bmc(serial: string): SimulatedBmc
  /** Closes every connection and stops every host. */
  close(): Promise<void>
}

/**
 * Starts one listener per BMC and resolves when all of them listen.
 *
 * @throws RangeError for contradictory options; the error of a port that cannot be bound.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const serials = new Set(options.bmcs.map(({ serial }) => serial))
  if (serials.size !== options.bmcs.length) throw new RangeError('two BMCs have the same serial')
  if (options.bmcs.length === 0 || options.bmcs.length > bmcsMax)
    throw new RangeError(`a simulator has 1 to ${bmcsMax} BMCs`)
  const { host = '127.0.0.1', port = 0 } = options
  const background = new Background()
  const outbound = new Outbound({ trusted: options.trusted })
  const world = {
    background,
    outbound,
    clock: options.clock ?? realClock(options.speed),
    newId: randomUUID,
    random: options.random ?? Math.random,
  }
  const started: Started[] = []
  const close = async (): Promise<void> => {
    await background.close()
    for (const { listener } of started) await listener.close()
    const outbounds = new Set([outbound, ...started.map((one) => one.outbound)])
    await Promise.all([...outbounds].map((one) => one.close()))
  }
  try {
    for (const [index, config] of options.bmcs.entries()) {
      const address = { host, port: port === 0 ? 0 : port + index }
      started.push(await startBmc({ config, address, options, world }))
    }
  } catch (error) {
    await close()
    throw error
  }
  const bmcs = started.map(({ simulated }) => simulated)
  return {
    bmcs,
    bmc(serial) {
      const found = bmcs.find((candidate) => candidate.serial === serial)
      if (found === undefined) throw new RangeError(`no simulated BMC has the serial ${serial}`)
      return found
    },
    close,
  }
}

type Started = { readonly simulated: SimulatedBmc; readonly listener: Listener; readonly outbound: Outbound }

async function startBmc(start: {
  readonly config: BmcConfig
  readonly address: { readonly host: string; readonly port: number }
  readonly options: SimulatorOptions
  readonly world: Omit<World, 'timing'>
}): Promise<Started> {
  const { config, address, options } = start
  const outbound =
    config.sendsFrom === undefined
      ? start.world.outbound
      : new Outbound({ localAddress: config.sendsFrom, trusted: options.trusted })
  const world = { ...start.world, outbound }
  const { serial, username, password } = config
  const profile = profiles[config.profile ?? 'generic']
  const bmc = new Bmc(
    {
      serial,
      username,
      password,
      powerState: config.powerState ?? 'On',
      checksImages: config.checksImages ?? true,
      licensed: config.licensed ?? true,
      host: config.host ?? {},
    },
    config.slots === undefined ? profile : withSlots(profile, config.slots),
    { ...world, timing: { ...defaultTiming, ...profile.timing, ...options.timing } },
    [serviceRoot, sessionService, systems, managers, virtualMedia],
  )
  const certificate: Certificate | null = options.tls
    ? selfSignedCertificate({ commonName: `BMC ${serial}`, host: address.host, now: world.clock.now() })
    : null
  const faults = new Faults(options.random ?? Math.random)
  const log = options.log ?? (() => {})
  const listener = new Listener({
    bmc,
    faults,
    closing: world.background.closing,
    certificate,
    control: options.control ? { faults, state: () => controlState(bmc) } : null,
    onRequest: (request) => log({ event: 'request', serial, ...request }),
  })
  bmc.host.on('status', (status) => log({ event: 'host.status', serial, status }))
  bmc.host.on('step', (step) => log({ event: 'host.step', serial, ...step }))
  bmc.host.on('end', (result) => log({ event: 'host.end', serial, ...result }))
  const port = await listener.listen(address)
  const name = isIPv6(address.host) ? `[${address.host}]` : address.host
  return {
    listener,
    outbound,
    simulated: {
      serial,
      url: `${options.tls ? 'https' : 'http'}://${name}:${port}`,
      username,
      password,
      certificate: certificate?.certificatePem ?? null,
      get state() {
        return stateOf(bmc)
      },
      get underWay() {
        return listener.underWay
      },
      get requests() {
        return listener.requests
      },
      get resets() {
        return bmc.resets
      },
      get hostBoots() {
        return bmc.host.boots
      },
      faults: { add: (fault) => faults.add(fault), clear: () => faults.clear() },
      host: bmc.host,
    },
  }
}

function controlState(bmc: Bmc) {
  const { lastResetTime, ...state } = stateOf(bmc)
  return {
    serial: bmc.serial,
    ...state,
    lastResetTime: lastResetTime.toISOString(),
    resets: bmc.resets.map(({ at, resetType }) => ({ at: at.toISOString(), resetType })),
    hostBoots: bmc.host.boots.map(({ at, from }) => ({ at: at.toISOString(), from })),
  }
}
