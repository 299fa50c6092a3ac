/**
 * The evidence for a reset in a look at the host: requested and observed are two facts (spec/job.md), and a 2xx proves
 * nothing. Pure.
 */
import type { BootOverride, PowerObservation, ResetEvidence, ResetIntent, ResetVerdict } from '../../bmc.ts'
import type { PowerState } from '../../vocabulary.ts'
import type { Call } from '../call.ts'
import { type Doc, docAt, textAt } from '../documents/resource.ts'
import type { Profile } from '../quirks/profile.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'

/** The part of a look at the host that resets depend on. */
export type HostLook = { readonly power: PowerObservation; readonly override: BootOverride }

const POWER_STATES: readonly PowerState[] = ['On', 'Off', 'PoweringOn', 'PoweringOff', 'Paused']

/** ComputerSystem.BootProgress.LastState in the order in which a start goes through them (DSP2046). */
const BOOT_PROGRESS: readonly string[] = [
  'None',
  'PrimaryProcessorInitializationStarted',
  'BusInitializationStarted',
  'MemoryInitializationStarted',
  'SecondaryProcessorInitializationStarted',
  'PCIResourceConfigStarted',
  'SystemHardwareInitializationComplete',
  'SetupEntered',
  'OSBootStarted',
  'OSRunning',
]

/** Placeholders such as `1970-01-01T00:00:00Z` (OpenBMC) are older than any reset of a server that is alive. */
const OLDEST_RESET_MS = Date.UTC(2000, 0, 1)

/**
 * Reads a System's power. A `PowerState` that is null or unknown gives `Unknown` (BMCs say null right after their own
 * start); one that is no string gives null, because the document is malformed.
 */
export function powerObservation(system: Doc, profile: Pick<Profile, 'lastResetTimeStale'>): PowerObservation | null {
  const said = system['PowerState']
  if (said !== undefined && said !== null && typeof said !== 'string') return null
  const time = textAt(system, 'LastResetTime')
  const usable = time !== null && !profile.lastResetTimeStale && Date.parse(time) >= OLDEST_RESET_MS
  return {
    powerState: POWER_STATES.find((state) => state === said) ?? 'Unknown',
    lastResetTime: usable ? time : null,
    bootProgress: textAt(docAt(system, 'BootProgress'), 'LastState'),
  }
}

/** @throws BmcError `malformed` when the document has no readable power state, so that no decision can rest on it. */
export function requirePower(service: Service, call: Call, system: Answer, profile: Profile): PowerObservation {
  const power = powerObservation(system.doc, profile)
  if (power !== null) return power
  const failure = { kind: 'malformed', retry: false, path: system.path, detail: 'PowerState is not a string' } as const
  throw service.fail(call, failure, { method: 'GET', target: system.path })
}

export function isOn(power: PowerObservation): boolean {
  return power.powerState === 'On' || power.powerState === 'PoweringOn'
}

export function isOff(power: PowerObservation): boolean {
  return power.powerState === 'Off'
}

/**
 * The evidence that the host was reset between two looks, the strongest first: its power went off or on, its reset time
 * changed, its boot progress went back, or its one-time boot override was used up. Null when there is none.
 */
export function resetEvidence(before: HostLook, now: HostLook): ResetEvidence | null {
  if (powerChanged(before.power.powerState, now.power.powerState)) return 'power-state'
  const { lastResetTime } = before.power
  if (lastResetTime !== null && now.power.lastResetTime !== null && lastResetTime !== now.power.lastResetTime) {
    return 'last-reset-time'
  }
  const [was, is] = [rank(before.power.bootProgress), rank(now.power.bootProgress)]
  if (was !== null && is !== null && is < was) return 'boot-progress'
  return isArmed(before.override) && isSpent(now.override) ? 'override-consumed' : null
}

/**
 * The speed at which a reset of this host shows, besides a power state that a look happens to catch:
 * - `soon`: `LastResetTime` or `BootProgress` change with the reset.
 * - `late`: only the boot override changes, which firmware uses up in minutes.
 * - `never`: the client believes a restart that the BMC accepted, and tries no graceful one, because it could not see the
 *   effect.
 */
export type ResetShows = 'soon' | 'late' | 'never'

export function howResetShows(before: HostLook): ResetShows {
  if (before.power.lastResetTime !== null) return 'soon'
  // Progress before a boot may never change: X13 shows the same state with an OS running (quirks.md 9).
  if ((rank(before.power.bootProgress) ?? 0) >= BOOT_PROGRESS.indexOf('OSBootStarted')) return 'soon'
  return isArmed(before.override) ? 'late' : 'never'
}

/**
 * Judges an announced reset by a later look. `no` needs evidence that would have shown at once: for a switch on or off
 * the power state, for a restart a `LastResetTime` that this BMC keeps and that did not change.
 */
export function judgeReset(intent: ResetIntent, now: HostLook): ResetVerdict {
  const before: HostLook = { power: intent.before, override: intent.overrideBefore }
  const evidence = resetEvidence(before, now)
  const after = now.power
  if (evidence !== null) return { happened: 'yes', evidence, after }
  if (after.powerState !== intent.before.powerState) return { happened: 'unknown', evidence: null, after }
  switch (intent.resetType) {
    case 'On':
    case 'ForceOn':
      return { happened: isOff(after) ? 'no' : 'unknown', evidence: null, after }
    case 'ForceOff':
    case 'GracefulShutdown':
      return { happened: isOn(after) ? 'no' : 'unknown', evidence: null, after }
    default: {
      const kept = intent.before.lastResetTime !== null && intent.before.lastResetTime === after.lastResetTime
      return { happened: kept ? 'no' : 'unknown', evidence: null, after }
    }
  }
}

function powerChanged(before: PowerState, now: PowerState): boolean {
  if (before === 'On') return now === 'Off' || now === 'PoweringOff' || now === 'PoweringOn'
  if (before === 'Off') return now === 'On' || now === 'PoweringOn'
  if (before === 'PoweringOn') return now === 'Off' || now === 'PoweringOff'
  return before === 'PoweringOff' && (now === 'On' || now === 'PoweringOn')
}

function rank(progress: string | null): number | null {
  const index = progress === null ? -1 : BOOT_PROGRESS.indexOf(progress)
  return index < 0 ? null : index
}

/** The target decides: iDRAC8 shows `Once` with target `None` when idle (quirks.md 8). */
function isArmed(override: BootOverride): boolean {
  return override.enabled === 'Once' && override.target !== null && override.target !== 'None'
}

function isSpent(override: BootOverride): boolean {
  return override.enabled === 'Disabled' || override.target === 'None'
}
