/**
 * The computer behind a simulated BMC: firmware that chooses a boot device, a disk, and operating systems. From a CD it
 * boots the maintenance OS, whose HTTP is real: it fetches both media with range requests, and reports. Read
 * `bmc/power.ts` first, which decides when the host runs.
 */
import { EventEmitter } from 'node:events'
import type { Slot } from '../bmc/media.ts'
import type { PoweredHost } from '../bmc/power.ts'
import { BoundedLog } from '../world/bounded-log.ts'
import type { Clock, Timing } from '../world/timing.ts'
import { loadBootMedium } from './boot-medium.ts'
import { readVolume } from './iso9660.ts'
import { isUnreadable, type Medium, openMedium } from './medium.ts'
import type { Outbound } from './outbound.ts'
import { runWorkflow, units, type WorkflowResult } from './workflow.ts'

/** Deviations from the host's normal behaviour. */
export type HostOptions = {
  /** The systemd unit that fails, such as `image-linux.service` or `provision-dispatcher.service`. */
  readonly failAt?: string
  /** The maintenance OS reports neither progress nor the outcome. */
  readonly silent?: boolean
  /** The number of repetitions of the accepted report, with the same `delivery_id`. */
  readonly duplicateReports?: number
  /** No operating system reacts to graceful requests. */
  readonly ignoresAcpi?: boolean
  /** In place of `Timing.stepMs`; also divided by `speed`. */
  readonly stepDurationMs?: number
  /** The maintenance OS reports with `X-Webhook-Secret` instead of the job's token. */
  readonly webhookSecret?: string
  /** The firmware boots a mounted CD before the disk, also without an override: the reinstall loop. */
  readonly bootsMountedMedia?: boolean
  /** The host reads the whole boot medium, instead of its first MiB and samples. */
  readonly readWhole?: boolean
}

/**
 * `loading` reads the boot medium, `maintenance` is at work, `crashed` lost the boot medium before it was loaded.
 * `previous` and `installed` are operating systems on the disk, from before and from a successful run.
 */
export type HostStatus =
  | 'off'
  | 'firmware'
  | 'loading'
  | 'maintenance'
  | 'reporting'
  | WorkflowResult['end']
  | 'crashed'
  | 'previous'
  | 'installed'
  | 'no-bootable-device'
  | 'shutting-down'

export type HostBoot = { readonly at: Date; readonly from: 'cd' | 'disk' }

export type HostEvents = {
  status: [status: HostStatus]
  boot: [boot: HostBoot]
  step: [step: { readonly step: string; readonly percent: number }]
  end: [result: WorkflowResult]
}

/** ComputerSystem.BootProgress. */
export type BootProgress = { readonly state: string; readonly at: Date }

/** The BMC's side of a boot. */
interface Firmware {
  /** The target of the override, null without one. The call uses up a one-time override. */
  takeOverride(): 'cd' | 'other' | null
}

const bootsMax = 1_000
const acpiStatuses: readonly HostStatus[] = [
  'maintenance',
  'reporting',
  'reported',
  'unheard',
  'silent',
  'stuck',
  'previous',
  'installed',
]

export class SimulatedHost extends EventEmitter<HostEvents> implements PoweredHost {
  readonly #serial: string
  readonly #options: HostOptions
  readonly #world: HostWorld
  readonly #boots = new BoundedLog<HostBoot>(bootsMax)
  #status: HostStatus = 'off'
  #disk: 'previous' | 'broken' | 'installed' = 'previous'
  #progress: BootProgress
  #bootMediumBytes = 0

  /** @throws RangeError when `failAt` names no unit. */
  constructor(host: { readonly serial: string; readonly options: HostOptions }, world: HostWorld) {
    super()
    const { failAt, duplicateReports = 0 } = host.options
    if (failAt !== undefined && !units.includes(failAt))
      throw new RangeError(`failAt must be one of ${units.join(', ')}, not ${failAt}`)
    if (!(Number.isInteger(duplicateReports) && duplicateReports >= 0 && duplicateReports <= 100))
      throw new RangeError('duplicateReports must be an integer from 0 to 100')
    this.#serial = host.serial
    this.#options = host.options
    this.#world = world
    this.#progress = { state: 'None', at: world.clock.now() }
  }

  get status(): HostStatus {
    return this.#status
  }

  get boots(): readonly HostBoot[] {
    return this.#boots.entries
  }

  get bootProgress(): BootProgress {
    return this.#progress
  }

  /** Bytes of the boot medium that the last CD boot fetched. */
  get bootMediumBytes(): number {
    return this.#bootMediumBytes
  }

  /** Resolves when the host has this status, at once if it has it already. Rejects with the signal's reason. */
  async reached(status: HostStatus, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#status === status) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onStatus = (now: HostStatus) => {
      if (now === status) resolve()
    }
    const onAbort = () => reject(signal.reason)
    this.on('status', onStatus)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      this.off('status', onStatus)
      signal.removeEventListener('abort', onAbort)
    }
  }

  get heedsAcpi(): boolean {
    return this.#options.ignoresAcpi !== true && acpiStatuses.includes(this.#status)
  }

  async resume(): Promise<void> {
    this.#moveOn('OSRunning')
    this.#become('previous')
  }

  shutDown(): void {
    this.#become('shutting-down')
  }

  stop(): void {
    this.#moveOn('None')
    this.#become('off')
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, timing, firmware } = this.#world
    this.#become('firmware')
    this.#moveOn('PrimaryProcessorInitializationStarted')
    await clock.sleep(timing.postMs / 2, signal)
    this.#moveOn('SystemHardwareInitializationComplete')
    await clock.sleep(timing.postMs / 2, signal)

    const override = firmware.takeOverride()
    const triesCd = override === 'cd' || (override === null && this.#options.bootsMountedMedia === true)
    const medium = triesCd ? await this.#findBootMedium(signal) : null
    if (medium === null) return await this.#bootFromDisk(signal)
    await this.#bootFromCd(medium, signal)
  }

  /** The medium of the first bootable drive that holds an ISO. */
  async #findBootMedium(signal: AbortSignal): Promise<Medium | null> {
    for (const { profile, medium: present } of this.#world.slots) {
      if (profile.boots === false || present === null) continue
      const medium = await this.#findLoader(present, signal)
      if (medium !== null) return medium
    }
    return null
  }

  /** The medium, or null when no ISO can be read from it: firmware skips such a drive. */
  async #findLoader(present: { image: string; gone: AbortSignal }, signal: AbortSignal): Promise<Medium | null> {
    try {
      const medium = await openMedium(present.image, {
        outbound: this.#world.outbound,
        signal: AbortSignal.any([signal, present.gone]),
      })
      await readVolume(medium.readAt)
      return medium
    } catch (error) {
      signal.throwIfAborted()
      if (isUnreadable(error)) return null
      throw error
    }
  }

  async #bootFromDisk(signal: AbortSignal): Promise<void> {
    this.#booted('disk')
    if (this.#disk === 'broken') return this.#become('no-bootable-device')
    await this.#world.clock.sleep(this.#world.timing.osBootMs, signal)
    this.#moveOn('OSRunning')
    this.#become(this.#disk)
  }

  async #bootFromCd(medium: Medium, signal: AbortSignal): Promise<void> {
    this.#booted('cd')
    this.#become('loading')
    try {
      await loadBootMedium(medium, { whole: this.#options.readWhole ?? false })
      this.#bootMediumBytes = medium.bytesRead()
    } catch (error) {
      signal.throwIfAborted()
      if (!isUnreadable(error)) throw error
      return this.#become('crashed')
    }
    await this.#world.clock.sleep(this.#world.timing.osBootMs, signal)
    this.#moveOn('OSRunning')
    this.#become('maintenance')
    const result = await runWorkflow(
      {
        failAt: this.#options.failAt ?? null,
        silent: this.#options.silent ?? false,
        duplicateReports: this.#options.duplicateReports ?? 0,
        stepMs: this.#options.stepDurationMs ?? this.#world.timing.stepMs,
        webhookSecret: this.#options.webhookSecret ?? null,
      },
      {
        ...this.#world,
        serial: this.#serial,
        onStep: (step) => this.emit('step', step),
        onDisk: (disk) => {
          this.#disk = disk
        },
        onReporting: () => this.#become('reporting'),
      },
      signal,
    )
    this.#become(result.end)
    this.emit('end', result)
  }

  #booted(from: 'cd' | 'disk'): void {
    const boot = { at: this.#world.clock.now(), from }
    this.#boots.add(boot)
    this.#moveOn('OSBootStarted')
    this.emit('boot', boot)
  }

  #moveOn(state: string): void {
    this.#progress = { state, at: this.#world.clock.now() }
  }

  #become(status: HostStatus): void {
    if (status === this.#status) return
    this.#status = status
    this.emit('status', status)
  }
}

export type HostWorld = {
  readonly firmware: Firmware
  readonly slots: readonly Slot[]
  readonly outbound: Outbound
  readonly clock: Clock
  readonly timing: Timing
  readonly newId: () => string
}
