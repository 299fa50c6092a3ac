/**
 * The client without hardware: it keeps the state that a BMC with two CD slots would have, reports each call to
 * `onCall`, and sends nothing. The default where nothing is configured, so that whole jobs run without a server.
 */
import type {
  Bmc,
  BmcDescription,
  BootOverride,
  BootOverrideResult,
  MediaSlot,
  OperationFacts,
  OperationOptions,
  PowerObservation,
  ResetIntent,
} from './bmc.ts'
import { BmcError, type BmcFailure } from './failure.ts'
import type { PowerState, ResetType } from './vocabulary.ts'

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

/** The BMC that is not there, with its host. */
type Stand = {
  readonly options: NoopBmcOptions
  readonly now: () => number
  readonly media: Map<string, string | null>
  override: BootOverride
  power: PowerObservation
  resets: number
  closed: boolean
}

/** A host that is on, with empty slots and no override. Every operation works at once; all state is in memory. */
export function createNoopBmc(options: NoopBmcOptions): Bmc {
  const now = options.now ?? Date.now
  const stand: Stand = {
    options,
    now,
    media: new Map(SLOTS.map((slot) => [slot, null])),
    override: NO_OVERRIDE,
    power: { powerState: 'On', lastResetTime: new Date(now()).toISOString(), bootProgress: 'OSRunning' },
    resets: 0,
    closed: false,
  }
  return {
    ...readsOf(stand),
    ...mediaOf(stand),
    ...bootOf(stand),
    ...powerOf(stand),
    async endLostSessions(operation) {
      begin(stand, 'endLostSessions', operation)
    },
    forgetRead() {
      // It reads nothing.
    },
    async close() {
      stand.closed = true
    },
  }
}

function readsOf(stand: Stand): Pick<Bmc, 'discover' | 'recognise' | 'readTree' | 'ping' | 'power'> {
  const { serial } = stand.options
  return {
    async discover(operation) {
      begin(stand, 'discover', operation)
      return description(stand)
    },
    async recognise(known, operation) {
      begin(stand, 'recognise', operation)
      const { power, session, tls } = description(stand)
      return known.serial === serial && known.slots.every(({ id }) => stand.media.has(id))
        ? { power, session, tls }
        : null
    },
    async readTree(operation) {
      begin(stand, 'readTree', operation)
      return { documents: [], missing: ['no BMC is spoken to: there is no tree to read'] }
    },
    async ping(operation) {
      begin(stand, 'ping', operation)
    },
    async power(operation) {
      begin(stand, 'power', operation)
      return stand.power
    },
  }
}

function mediaOf(stand: Stand): Pick<Bmc, 'insertMedia' | 'ejectMedia'> {
  const { media } = stand
  return {
    async insertMedia({ slot, image }, operation) {
      const facts = begin(stand, 'insertMedia', operation, `insert an image into ${slot}`)
      media.set(known(stand, 'insertMedia', slot), image)
      return { ...facts(), slot, confirmed: { inserted: true, image, connectedVia: 'URI' }, alsoEjected: [] }
    },
    async ejectMedia({ slot }, operation) {
      const facts = begin(stand, 'ejectMedia', operation, `eject ${slot}`)
      const alreadyEmpty = media.get(known(stand, 'ejectMedia', slot)) === null
      media.set(slot, null)
      return { ...facts(), slot, alreadyEmpty }
    },
  }
}

function bootOf(stand: Stand): Pick<Bmc, 'bootOverride' | 'setBootOnceFromCd' | 'clearBootOverride'> {
  const change = (override: BootOverride, facts: () => OperationFacts): BootOverrideResult => {
    const changed = stand.override !== override
    stand.override = override
    return { ...facts(), changed, override, warnings: [] }
  }
  return {
    async bootOverride(operation) {
      begin(stand, 'bootOverride', operation)
      return stand.override
    },
    async setBootOnceFromCd(operation) {
      return change(CD_ONCE, begin(stand, 'setBootOnceFromCd', operation, 'boot once from Cd'))
    },
    async clearBootOverride(operation) {
      return change(NO_OVERRIDE, begin(stand, 'clearBootOverride', operation, 'no boot override'))
    },
  }
}

function powerOf(stand: Stand): Pick<Bmc, 'restart' | 'resolveReset' | 'powerOff' | 'powerOn'> {
  const isIn = (state: PowerState) => stand.power.powerState === state
  const switched = async (sent: readonly ResetType[], facts: () => OperationFacts, reason: string) => {
    for (const type of sent) await reset(stand, type, noIntent, reason)
    return { ...facts(), sent, evidence: 'power-state', after: stand.power } as const
  }
  return {
    async restart({ signal, onIntent }) {
      const type = isIn('Off') ? 'On' : 'GracefulRestart'
      const facts = begin(stand, 'restart', { signal }, type)
      const evidence = type === 'On' ? 'power-state' : 'last-reset-time'
      await reset(stand, type, onIntent, type === 'On' ? 'the host is off' : 'a restart was asked for')
      return { ...facts(), sent: [type], evidence, after: stand.power }
    },
    async resolveReset(intent, operation) {
      begin(stand, 'resolveReset', operation, intent.resetType)
      const { powerState, lastResetTime } = intent.before
      const after = stand.power
      if (powerState !== after.powerState) return { happened: 'yes', evidence: 'power-state', after }
      if (lastResetTime !== after.lastResetTime) return { happened: 'yes', evidence: 'last-reset-time', after }
      return { happened: 'no', evidence: null, after }
    },
    async powerOff(operation) {
      const facts = begin(stand, 'powerOff', operation, 'GracefulShutdown')
      return switched(isIn('Off') ? [] : ['GracefulShutdown'], facts, 'power off was asked for')
    },
    async powerOn(operation) {
      const facts = begin(stand, 'powerOn', operation, 'On')
      return switched(isIn('On') ? [] : ['On'], facts, 'power on was asked for')
    },
  }
}

function begin(
  { options, now, closed }: Stand,
  operation: keyof Bmc,
  { signal }: OperationOptions,
  detail = '',
): () => OperationFacts {
  const fail = (failure: BmcFailure) => noopError(operation, failure)
  if (closed) throw fail({ kind: 'aborted', retry: false, detail: 'the client was closed' })
  if (signal.aborted) throw fail({ kind: 'aborted', retry: false, detail: 'the caller gave up' })
  options.onCall?.({ serial: options.serial, operation, detail })
  const startedMs = now()
  return () => ({ attempts: 1, elapsedMs: now() - startedMs, learned: {} })
}

/** The slot if it is one of this BMC; throws as a BMC answers that does not know it otherwise. */
function known({ media }: Stand, operation: keyof Bmc, slot: string): string {
  if (media.has(slot)) return slot
  const messageId = 'Base.1.16.ResourceMissingAtURI'
  const failure = { kind: 'refused', retry: false, status: 404, messageId, related: [] } as const
  throw noopError(operation, failure, slot)
}

/** Sends nothing: changes the host's power as the reset would. A start uses up the boot override. */
async function reset(
  stand: Stand,
  type: ResetType,
  onIntent: (intent: ResetIntent) => Promise<void>,
  reason: string,
): Promise<void> {
  await onIntent({ resetType: type, reason, before: stand.power, overrideBefore: stand.override })
  if (type === 'ForceOff' || type === 'GracefulShutdown') {
    stand.power = { ...stand.power, powerState: 'Off', bootProgress: 'None' }
    return
  }
  stand.resets++
  // The count makes each reset time a new one, even where the clock stands still.
  const lastResetTime = new Date(stand.now() + stand.resets).toISOString()
  stand.power = { powerState: 'On', lastResetTime, bootProgress: 'OSRunning' }
  stand.override = NO_OVERRIDE
}

function slotOf({ media }: Stand, id: string, index: number): MediaSlot {
  return {
    id,
    name: `Virtual CD ${index + 1}`,
    mediaTypes: ['CD', 'DVD'],
    takes: ['cd'],
    operation: 'action',
    inserted: media.get(id) !== null,
  }
}

function description(stand: Stand): BmcDescription {
  return {
    vendor: 'generic',
    model: 'Noop',
    serial: stand.options.serial,
    redfishVersion: null,
    system: { id: 'noop', name: 'Noop', biosVersion: null, why: 'it is the only one' },
    manager: { id: 'noop', model: null, firmware: null, why: 'it is the only one' },
    licence: null,
    slots: SLOTS.map((id, index) => slotOf(stand, id, index)),
    passedOver: [],
    layout: { kind: 'two-cds', maintenance: SLOTS[0], task: SLOTS[1] },
    boot: { targets: ['None', 'Cd'], cdTarget: 'Cd', modes: ['UEFI'], writtenTo: 'system', override: NO_OVERRIDE },
    resetTypes: RESET_TYPES,
    resetTypesFrom: 'action',
    etags: 'none',
    power: stand.power,
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

/** Switching to a state is safe to repeat, so that its intent need not be recorded. */
async function noIntent(): Promise<void> {}
