/**
 * One simulated BMC without its socket: state, the resource tree over it, authentication. Every request goes through
 * `answer`. Read `server.ts` first.
 */

import { type HostOptions, SimulatedHost } from '../host/host.ts'
import type { Outbound } from '../host/outbound.ts'
import type { Behaviour, Profile } from '../profiles/profile.ts'
import { withTag } from '../resources/etag.ts'
import { allowedMethods, type Branch, type Resource, rootPath } from '../resources/resource.ts'
import type { Background } from '../world/background.ts'
import { BoundedLog } from '../world/bounded-log.ts'
import type { Clock, Timing } from '../world/timing.ts'
import { Boot } from './boot.ts'
import { Slot } from './media.ts'
import { refuse, styled } from './messages.ts'
import { Power } from './power.ts'
import type { BmcRequest, Reply } from './reply.ts'
import { Sessions } from './sessions.ts'
import type { MediaCollection, ResetType } from './traits.ts'
import { isMethod, parseBody, resourcePath, type WireRequest } from './wire.ts'

const resetsMax = 1_000

export type BmcOptions = {
  readonly serial: string
  readonly username: string
  readonly password: string
  readonly powerState: 'On' | 'Off'
  readonly checksImages: boolean
  readonly licensed: boolean
  readonly host: HostOptions
}

export type World = {
  readonly background: Background
  readonly outbound: Outbound
  readonly clock: Clock
  readonly timing: Timing
  readonly newId: () => string
  readonly random: () => number
}

export class Bmc {
  readonly serial: string
  readonly username: string
  readonly password: string
  readonly profile: Profile<Bmc>
  readonly uuid: string
  readonly clock: Clock
  readonly world: World
  readonly boot: Boot
  readonly slots: readonly Slot[]
  readonly power: Power
  readonly host: SimulatedHost
  readonly sessions: Sessions
  readonly behaviour: Behaviour
  readonly paths: { readonly system: string; readonly manager: string; readonly chassis: string }
  /** The BMC sends a HEAD request for an image before it accepts it. */
  readonly checksImages: boolean
  /** The licence for virtual media is installed; BMCs that need none ignore this. */
  readonly licensed: boolean
  /** Slots from which the next reset boots, regardless of the override (iLO's BootOnNextServerReset). */
  readonly bootsOnNextReset = new Set<Slot>()
  /** The latest image of each slot, which some firmware still shows after the eject. */
  readonly lastImages = new Map<string, string>()
  readonly #branches: readonly Branch[]
  readonly #resets = new BoundedLog<{ readonly at: Date; readonly resetType: ResetType }>(resetsMax)
  #startedAt: Date
  #restarting: 'down' | 'starting' | null = null

  /** `tree` makes the branches of the resource tree that every BMC has; those of the profile go before them. */
  constructor(options: BmcOptions, profile: Profile<Bmc>, world: World, tree: readonly ((bmc: Bmc) => Branch)[]) {
    this.serial = options.serial
    this.username = options.username
    this.password = options.password
    this.profile = profile
    this.uuid = world.newId()
    this.clock = world.clock
    this.world = world
    this.checksImages = options.checksImages
    this.licensed = options.licensed
    this.#startedAt = world.clock.now()
    this.paths = {
      system: `${rootPath}/Systems/${profile.system.id}`,
      manager: `${rootPath}/Managers/${profile.manager.id}`,
      chassis: `${rootPath}/Chassis/${profile.chassis.id}`,
    }
    this.boot = new Boot(profile.boot.modes[0] ?? 'UEFI')
    this.slots = profile.slots.map((slot) => new Slot(slot, world))
    this.sessions = new Sessions({
      clock: world.clock,
      newToken: world.newId,
      sessionsMax: profile.sessions.max,
      timeoutMs: profile.sessions.timeoutSeconds * 1_000,
    })
    this.host = new SimulatedHost(
      { serial: options.serial, options: options.host },
      { ...world, slots: this.slots, firmware: { takeOverride: () => this.#takeOverride() } },
    )
    this.power = new Power(this.host, {
      ...world,
      initially: options.powerState,
      onState: (state) => this.behaviour.powerBecame?.(state),
    })
    this.behaviour = profile.behave?.(this) ?? {}
    this.#branches = [
      ...(this.behaviour.resources === undefined ? [] : [this.behaviour.resources]),
      ...tree.map((make) => make(this)),
    ]
  }

  /** Accepted resets, the latest 1 000. */
  get resets(): readonly { readonly at: Date; readonly resetType: ResetType }[] {
    return this.#resets.entries
  }

  /** The instant at which the BMC itself last started. */
  get startedAt(): Date {
    return this.#startedAt
  }

  /** The path of a VirtualMedia collection. */
  mediaPath({ under, segment }: MediaCollection): string {
    return `${this.paths[under]}/${segment}`
  }

  /** Resets the host. False when the power state rules the reset out. */
  reset(resetType: ResetType): boolean {
    const accepted = this.power.reset(resetType)
    if (accepted) this.#resets.add({ at: this.clock.now(), resetType })
    return accepted
  }

  /** Calls `act` after `ms` of simulated time, unless the simulator closes first. */
  later(ms: number, act: () => void): void {
    this.world.background.start(async (signal) => {
      await this.clock.sleep(ms, signal)
      act()
    })
  }

  /**
   * Restarts the BMC itself: all sessions end, for a while it does not answer, then it answers 503 only. The host and its
   * media are not affected.
   */
  restartManager(): void {
    const { managerDownMs, managerResetMs } = this.world.timing
    this.sessions.endAll()
    this.#restarting = 'down'
    this.later(managerDownMs, () => {
      this.#restarting = 'starting'
      this.#startedAt = this.clock.now()
      this.later(managerResetMs, () => {
        this.#restarting = null
      })
    })
  }

  /** Null when the BMC itself restarts and does not answer. Refusals have the style of the profile. */
  async answer(wire: WireRequest): Promise<Reply | null> {
    await this.clock.sleep(this.world.timing.responseMs, this.world.background.closing)
    if (this.#restarting === 'down') return null
    const written = withTag(this.profile.etags, this.inStyle(await this.#decide(wire)), wire.method)
    const { rewrite } = this.behaviour
    return rewrite === undefined ? written : rewrite(wire, written)
  }

  /** The reply with a refusal in the words of this vendor. */
  inStyle(reply: Reply): Reply {
    return styled(reply, this.profile.messages)
  }

  /** Authentication, then the resource, then its method. */
  async #decide(wire: WireRequest): Promise<Reply> {
    if (this.#restarting === 'starting')
      return refuse(503, { key: 'ServiceTemporarilyUnavailable', args: ['5'], headers: { 'retry-after': '5' } })
    const intercepted = this.behaviour.intercept?.(wire) ?? null
    if (intercepted !== null) return intercepted
    const path = resourcePath(wire)
    const resource = this.#find(path)
    // HEAD is GET without the body, which the socket leaves out.
    const method = wire.method === 'HEAD' ? 'GET' : wire.method
    const open: readonly string[] = resource?.open ?? []
    if (!open.includes(method)) {
      const refusal = this.#authenticate(wire, path)
      if (refusal !== null) return refusal
    }
    const filtered = this.behaviour.filter?.(wire) ?? null
    if (filtered !== null) return filtered
    if (resource === null) return refuse(404, { key: 'ResourceMissingAtURI', args: [path] })
    const handler = isMethod(method) ? resource.methods[method] : undefined
    const allow = allowedMethods(resource)
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
    const nobody = { key: 'NoValidSession', args: [path, 'unauthorized'] } as const
    if (token !== null) return this.sessions.use(token) === null ? refuse(401, nobody) : null
    const headers = this.profile.acceptsBasic ? { 'www-authenticate': 'Basic realm="Redfish"' } : {}
    const authorization = wire.header('authorization')
    if (authorization === null) return refuse(401, { ...nobody, headers })
    const basic = Buffer.from(`${this.username}:${this.password}`).toString('base64')
    if (this.profile.acceptsBasic && authorization === `Basic ${basic}`) return null
    const args = [path, 'Invalid username or password']
    return refuse(401, { key: 'ResourceAtUriUnauthorized', args, headers })
  }

  #takeOverride(): 'cd' | 'other' | null {
    if (this.behaviour.bootsFromCd?.()) return 'cd'
    const target = this.boot.takeTarget()
    if (target === null) return null
    return this.profile.cdTargets.includes(target) ? 'cd' : 'other'
  }
}
