/**
 * The client without hardware: keeps the state that a BMC with two CD slots would have, records what it would have
 * sent, and sends nothing. The default where nothing is configured, so that whole jobs run without a server.
 */
import type {
  Bmc,
  BmcDescription,
  BootOverride,
  EjectResult,
  MediaSlot,
  OperationFacts,
  OperationOptions,
  PowerObservation,
  ResetIntent,
  ResetResult,
} from './bmc.ts'
import { BmcError, type BmcFailure } from './failure.ts'
import type { ResetType } from './vocabulary.ts'

/** One call, as it would have changed the BMC. `detail` never holds the path of an image: that is a token. */
export type NoopCall = { readonly serial: string; readonly operation: keyof Bmc; readonly detail: string }

export type NoopBmcOptions = {
  readonly serial: string
  readonly onCall?: (call: NoopCall) => void
  /** Milliseconds since the epoch, for `lastResetTime` and elapsed times. */
  readonly now?: () => number
}

const SLOTS = ['/redfish/v1/Managers/noop/VirtualMedia/CD1', '/redfish/v1/Managers/noop/VirtualMedia/CD2'] as const
const RESET_TYPES: readonly ResetType[] = ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart']
const NO_OVERRIDE: BootOverride = { enabled: 'Disabled', target: 'None', mode: 'UEFI' }
const CD_ONCE: BootOverride = { enabled: 'Once', target: 'Cd', mode: 'UEFI' }

/** A host that is on, with empty slots and no override. Every operation works at once; all state is in memory. */
export function createNoopBmc(options: NoopBmcOptions): Bmc {
  const now = options.now ?? Date.now
  const media = new Map<string, string | null>(SLOTS.map((slot) => [slot, null]))
  let override = NO_OVERRIDE
  let power: PowerObservation = {
    powerState: 'On',
    lastResetTime: new Date(now()).toISOString(),
    bootProgress: 'OSRunning',
  }
  let resets = 0
  let closed = false

  function begin(operation: keyof Bmc, { signal }: OperationOptions, detail = ''): () => OperationFacts {
    const fail = (failure: BmcFailure) => noopError(operation, failure)
    if (closed) throw fail({ kind: 'aborted', retry: false, detail: 'the client was closed' })
    if (signal.aborted) throw fail({ kind: 'aborted', retry: false, detail: 'the caller gave up' })
    options.onCall?.({ serial: options.serial, operation, detail })
    const startedMs = now()
    return () => ({ attempts: 1, elapsedMs: now() - startedMs, learned: {} })
  }

  function known(operation: keyof Bmc, slot: string): string {
    if (media.has(slot)) return slot
    const failure = {
      kind: 'refused',
      retry: false,
      status: 404,
      messageId: 'Base.1.16.ResourceMissingAtURI',
      related: [],
    } as const
    throw noopError(operation, failure, slot)
  }

  function slotOf(id: string, index: number): MediaSlot {
    return {
      id,
      name: `Virtual CD ${index + 1}`,
      mediaTypes: ['CD', 'DVD'],
      takes: ['cd'],
      operation: 'action',
      inserted: media.get(id) !== null,
    }
  }

  /** Starts the host: firmware uses the override up. The time moves on even where the clock stands still. */
  function startHost(): void {
    resets++
    power = { powerState: 'On', lastResetTime: new Date(now() + resets).toISOString(), bootProgress: 'OSRunning' }
    override = NO_OVERRIDE
  }

  async function reset(
    type: ResetType,
    onIntent: (intent: ResetIntent) => Promise<void>,
    reason: string,
  ): Promise<void> {
    await onIntent({ resetType: type, reason, before: power, overrideBefore: override })
    if (type === 'ForceOff' || type === 'GracefulShutdown')
      power = { ...power, powerState: 'Off', bootProgress: 'None' }
    else startHost()
  }

  return {
    async discover(operation) {
      begin('discover', operation)
      return description(options.serial, SLOTS.map(slotOf), power)
    },
    async recognise({ serial, slots }, operation) {
      begin('recognise', operation)
      const { session, tls } = description(options.serial, SLOTS.map(slotOf), power)
      return serial === options.serial && slots.every(({ id }) => media.has(id)) ? { power, session, tls } : null
    },
    async ping(operation) {
      begin('ping', operation)
    },
    async power(operation) {
      begin('power', operation)
      return power
    },
    async insertMedia({ slot, image }, operation) {
      const facts = begin('insertMedia', operation, `insert an image into ${slot}`)
      media.set(known('insertMedia', slot), image)
      return { ...facts(), slot, confirmed: { inserted: true, image, connectedVia: 'URI' }, alsoEjected: [] }
    },
    async ejectMedia({ slot }, operation): Promise<EjectResult> {
      const facts = begin('ejectMedia', operation, `eject ${slot}`)
      const alreadyEmpty = media.get(known('ejectMedia', slot)) === null
      media.set(slot, null)
      return { ...facts(), slot, alreadyEmpty }
    },
    async bootOverride(operation) {
      begin('bootOverride', operation)
      return override
    },
    async setBootOnceFromCd(operation) {
      const facts = begin('setBootOnceFromCd', operation, 'boot once from Cd')
      const changed = override !== CD_ONCE
      override = CD_ONCE
      return { ...facts(), changed, override, warnings: [] }
    },
    async clearBootOverride(operation) {
      const facts = begin('clearBootOverride', operation, 'no boot override')
      const changed = override !== NO_OVERRIDE
      override = NO_OVERRIDE
      return { ...facts(), changed, override, warnings: [] }
    },
    async restart({ signal, onIntent }): Promise<ResetResult> {
      const type = power.powerState === 'Off' ? 'On' : 'GracefulRestart'
      const facts = begin('restart', { signal }, type)
      const evidence = type === 'On' ? 'power-state' : 'last-reset-time'
      await reset(type, onIntent, type === 'On' ? 'the host is off' : 'a restart was asked for')
      return { ...facts(), sent: [type], evidence, after: power }
    },
    async resolveReset(intent, operation) {
      begin('resolveReset', operation, intent.resetType)
      const { powerState, lastResetTime } = intent.before
      if (powerState !== power.powerState) return { happened: 'yes', evidence: 'power-state', after: power }
      if (lastResetTime !== power.lastResetTime) return { happened: 'yes', evidence: 'last-reset-time', after: power }
      return { happened: 'no', evidence: null, after: power }
    },
    async powerOff(operation): Promise<ResetResult> {
      const facts = begin('powerOff', operation, 'GracefulShutdown')
      const sent: ResetType[] = power.powerState === 'Off' ? [] : ['GracefulShutdown']
      for (const type of sent) await reset(type, noIntent, 'power off was asked for')
      return { ...facts(), sent, evidence: 'power-state', after: power }
    },
    async powerOn(operation): Promise<ResetResult> {
      const facts = begin('powerOn', operation, 'On')
      const sent: ResetType[] = power.powerState === 'On' ? [] : ['On']
      for (const type of sent) await reset(type, noIntent, 'power on was asked for')
      return { ...facts(), sent, evidence: 'power-state', after: power }
    },
    async readTree(operation) {
      begin('readTree', operation)
      return { documents: [], missing: ['no BMC is spoken to: there is no tree to read'] }
    },
    async endLostSessions(operation) {
      begin('endLostSessions', operation)
    },
    forgetRead() {
      // It reads nothing.
    },
    async close() {
      closed = true
    },
  }
}

function description(serial: string, slots: readonly MediaSlot[], power: PowerObservation): BmcDescription {
  return {
    vendor: 'generic',
    model: 'Noop',
    serial,
    redfishVersion: null,
    system: { id: 'noop', name: 'Noop', biosVersion: null, why: 'it is the only one' },
    manager: { id: 'noop', model: null, firmware: null, why: 'it is the only one' },
    licence: null,
    slots,
    passedOver: [],
    layout: { kind: 'two-cds', maintenance: SLOTS[0], task: SLOTS[1] },
    boot: { targets: ['None', 'Cd'], cdTarget: 'Cd', modes: ['UEFI'], writtenTo: 'system', override: NO_OVERRIDE },
    resetTypes: RESET_TYPES,
    resetTypesFrom: 'action',
    etags: 'none',
    power,
    session: 'session',
    tls: 'none',
    findings: [
      {
        code: 'noop',
        severity: 'warning',
        message: 'No BMC is spoken to: this server is simulated without hardware.',
        advice: 'Set REDFISH_MODE=http, or the mode of this server, to work on real hardware.',
      },
    ],
  }
}

function noopError(operation: keyof Bmc, failure: BmcFailure, target = '/redfish/v1/'): BmcError {
  return new BmcError(failure, { request: { operation, method: 'NOOP', target }, attempts: 1 })
}

/** Switching to a state is safe to repeat, so that nobody has to be told before. */
async function noIntent(): Promise<void> {}
