/**
 * One simulated BMC without its socket: state, the resource tree over it, authentication. `answer` is what a request
 * goes through. Start at `server.ts` for the way here.
 */
import type { Background } from './background.ts'
import { Boot } from './boot.ts'
import { BoundedLog } from './bounded-log.ts'
import { type HostOptions, SimulatedHost } from './host.ts'
import { Slot } from './media.ts'
import { type Refusal, refuse } from './messages.ts'
import { type Outbound, OutboundError } from './outbound.ts'
import { Power } from './power.ts'
import type { Profile, ResetType } from './profiles/profile.ts'
import { type BmcRequest, type Json, parseJson, type Reply } from './reply.ts'
import { managers } from './resources/manager.ts'
import type { Branch, Method, Resource } from './resources/resource.ts'
import { rootPath, serviceRoot } from './resources/service-root.ts'
import { sessionService } from './resources/session-service.ts'
import { systems } from './resources/system.ts'
import { virtualMedia } from './resources/virtual-media.ts'
import { Sessions } from './sessions.ts'
import type { Clock, Timing } from './timing.ts'

const resetsMax = 1_000
const imageCheckDeadlineMs = 10_000

export type BmcOptions = {
  readonly serial: string
  readonly username: string
  readonly password: string
  readonly powerState: 'On' | 'Off'
  readonly checksImages: boolean
  readonly host: HostOptions
}

export type World = {
  readonly background: Background
  readonly outbound: Outbound
  readonly clock: Clock
  readonly timing: Timing
  readonly newId: () => string
}

/** A request off the wire. */
export type WireRequest = {
  readonly method: string
  readonly path: string
  readonly header: (name: string) => string | null
  readonly body: Buffer
}

export class Bmc {
  readonly serial: string
  readonly username: string
  readonly password: string
  readonly profile: Profile
  readonly uuid: string
  readonly clock: Clock
  readonly boot: Boot
  readonly slots: readonly Slot[]
  readonly power: Power
  readonly host: SimulatedHost
  readonly sessions: Sessions
  readonly paths: {
    readonly system: string
    readonly manager: string
    readonly chassis: string
    readonly virtualMedia: string
  }
  readonly #world: World
  readonly #checksImages: boolean
  readonly #branches: readonly Branch[]
  readonly #resets = new BoundedLog<{ readonly at: Date; readonly resetType: ResetType }>(resetsMax)
  #restarting = false

  constructor(options: BmcOptions, profile: Profile, world: World) {
    this.serial = options.serial
    this.username = options.username
    this.password = options.password
    this.profile = profile
    this.uuid = world.newId()
    this.clock = world.clock
    this.#world = world
    this.#checksImages = options.checksImages
    const manager = `${rootPath}/Managers/${profile.manager.id}`
    this.paths = {
      system: `${rootPath}/Systems/${profile.system.id}`,
      manager,
      chassis: `${rootPath}/Chassis/${profile.chassis.id}`,
      virtualMedia: `${manager}/VirtualMedia`,
    }
    this.boot = new Boot(profile.bootModes[0] ?? 'UEFI')
    this.slots = profile.slots.map((slot) => new Slot(slot, world))
    this.sessions = new Sessions({
      clock: world.clock,
      newToken: world.newId,
      sessionsMax: profile.sessionsMax,
      timeoutMs: profile.sessionTimeoutSeconds * 1_000,
    })
    this.host = new SimulatedHost(
      { serial: options.serial, options: options.host },
      { ...world, slots: this.slots, firmware: { takeOverride: () => this.#takeOverride() } },
    )
    this.power = new Power(this.host, { ...world, initially: options.powerState })
    this.#branches = [serviceRoot, sessionService, systems, managers, virtualMedia].map((make) => make(this))
  }

  /** Every reset that was accepted. */
  get resets(): readonly { readonly at: Date; readonly resetType: ResetType }[] {
    return this.#resets.entries
  }

  /** False when the power state rules it out. */
  reset(resetType: ResetType): boolean {
    const accepted = this.power.reset(resetType)
    if (accepted) this.#resets.add({ at: this.clock.now(), resetType })
    return accepted
  }

  /** All tokens are void, and for a while there is only 503. The host and its media do not notice. */
  restartManager(): void {
    this.sessions.endAll()
    this.#restarting = true
    this.#world.background.start(async (signal) => {
      await this.clock.sleep(this.#world.timing.managerResetMs, signal)
      this.#restarting = false
    })
  }

  /** Why this image cannot be used, or null. BMCs look at it with a HEAD request first (quirks.md 7). */
  async checkImage(image: string): Promise<Refusal | null> {
    if (!this.#checksImages) return null
    try {
      const { status } = await this.#world.outbound.send({
        method: 'HEAD',
        url: image,
        signal: this.#world.background.closing,
        deadlineMs: imageCheckDeadlineMs,
        bodyBytesMax: 0,
      })
      if (status === 200) return null
      if (status === 401 || status === 403) return { key: 'ResourceAtUriUnauthorized', args: [image, `${status}`] }
      return { key: 'ResourceMissingAtURI', args: [image] }
    } catch (error) {
      if (error instanceof OutboundError) return { key: 'CouldNotEstablishConnection', args: [image] }
      throw error
    }
  }

  /** Authentication, then the resource, then its method; every refusal in the form of DSP0266. */
  async answer(wire: WireRequest): Promise<Reply> {
    await this.clock.sleep(this.#world.timing.responseMs, this.#world.background.closing)
    if (this.#restarting)
      return refuse(503, { key: 'ServiceTemporarilyUnavailable', args: ['5'], headers: { 'retry-after': '5' } })
    const path = wire.path.length > 1 ? wire.path.replace(/\/$/, '') : wire.path
    const resource = this.#find(path)
    // HEAD is GET without the body, which the socket leaves out.
    const method = wire.method === 'HEAD' ? 'GET' : wire.method
    const open: readonly string[] = resource?.open ?? []
    if (!open.includes(method)) {
      const refusal = this.#authenticate(wire, path)
      if (refusal !== null) return refusal
    }
    if (resource === null) return refuse(404, { key: 'ResourceMissingAtURI', args: [path] })
    const handler = isMethod(method) ? resource.methods[method] : undefined
    const allow = allowed(resource)
    if (handler === undefined) return refuse(405, { key: 'OperationNotAllowed', headers: { allow } })
    const parsed = parseBody(wire)
    if ('refusal' in parsed) return parsed.refusal
    const request: BmcRequest = { method, path, ifMatch: wire.header('if-match'), body: parsed.body }
    const reply = await handler(request)
    return method === 'GET' ? { ...reply, headers: { allow, ...reply.headers } } : reply
  }

  #find(path: string): Resource | null {
    for (const branch of this.#branches) {
      const resource = branch(path)
      if (resource !== null) return resource
    }
    return null
  }

  /** A token wins over Basic credentials when both are sent. */
  #authenticate(wire: WireRequest, path: string): Reply | null {
    const token = wire.header('x-auth-token')
    if (token !== null) return this.sessions.use(token) === null ? refuse(401, { key: 'NoValidSession' }) : null
    const headers = { 'www-authenticate': 'Basic realm="Redfish"' }
    const authorization = wire.header('authorization')
    if (authorization === null) return refuse(401, { key: 'NoValidSession', headers })
    const basic = Buffer.from(`${this.username}:${this.password}`).toString('base64')
    if (authorization === `Basic ${basic}`) return null
    const args = [path, 'Invalid username or password']
    return refuse(401, { key: 'ResourceAtUriUnauthorized', args, headers })
  }

  #takeOverride(): 'cd' | 'other' | null {
    const target = this.boot.takeTarget()
    if (target === null) return null
    return this.profile.cdTargets.includes(target) ? 'cd' : 'other'
  }
}

function parseBody(wire: WireRequest): { readonly body: Json } | { readonly refusal: Reply } {
  if (wire.body.length === 0) return { body: null }
  if (!/^application\/json\b/i.test(wire.header('content-type') ?? ''))
    return { refusal: refuse(415, { key: 'HeaderInvalid', args: ['Content-Type'] }) }
  try {
    return { body: parseJson(wire.body.toString('utf8')) }
  } catch (error) {
    if (error instanceof SyntaxError) return { refusal: refuse(400, { key: 'MalformedJSON' }) }
    throw error
  }
}

function isMethod(method: string): method is Method {
  return method === 'GET' || method === 'POST' || method === 'PATCH' || method === 'DELETE'
}

function allowed(resource: Resource): string {
  return Object.keys(resource.methods)
    .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    .join(', ')
}
