/** The boot override: reading it, the wanted change, and the document that takes each part of it. Pure. */
import type { BootOverride } from '../../bmc.ts'
import { mindsTheRequest, namesProperty, type Refusal } from '../answers/refusal.ts'
import { type Doc, docAt, isDoc, textAt, textsAt } from '../documents/resource.ts'
import type { Profile } from '../quirks/profile.ts'

const ENABLED = 'BootSourceOverrideEnabled'
const TARGET = 'BootSourceOverrideTarget'
const MODE = 'BootSourceOverrideMode'

/** Every name that a CD has as a boot target (quirks.md 8). */
const CD_TARGETS: ReadonlySet<string> = new Set(['Cd', 'CD/DVD', 'UsbCd', 'UefiCd', 'UefiUsbCd'])

/** The `Boot` of the System and that of its settings object, where it has one (`@Redfish.Settings`). */
export type BootDocuments = { readonly system: Doc; readonly settings: Doc | null }

/** The values to write; a null part is left out. */
export type BootChange = {
  readonly enabled: 'Once' | 'Disabled'
  readonly target: string | null
  readonly mode: 'UEFI' | null
}

/** The override of the next boot: a property of the settings object wins over the System's. */
export function readOverride(boot: BootDocuments): BootOverride {
  const at = (property: string) =>
    textAt(placeOf(boot, property) === 'settings' ? (boot.settings ?? {}) : boot.system, property)
  return { enabled: at(ENABLED), target: at(TARGET), mode: at(MODE) }
}

/** True when there is a settings object, and it holds no property of the override. */
export function holdsNothing({ settings }: BootDocuments): boolean {
  return settings !== null && [ENABLED, TARGET, MODE].every((property) => !(property in settings))
}

/** The document that takes the override's target. */
export function targetPlace(boot: BootDocuments): 'system' | 'settings' {
  return placeOf(boot, TARGET)
}

/** Allowable targets, from `AllowableValues` or iLO 4's `BootSourceOverrideSupported`; empty when none are listed. */
export function bootTargets(boot: BootDocuments): readonly string[] {
  const lists = [boot.system, boot.settings ?? {}].flatMap((doc) => [
    textsAt(doc, `${TARGET}@Redfish.AllowableValues`),
    textsAt(doc, 'BootSourceOverrideSupported'),
  ])
  return lists.find((list) => list.length > 0) ?? []
}

/** Allowable modes, else the one that is set; empty where the BMC has no mode (Cisco, X10, GB200; quirks.md 8). */
export function bootModes(boot: BootDocuments): readonly string[] {
  const listed = [boot.system, boot.settings ?? {}].map((doc) => textsAt(doc, `${MODE}@Redfish.AllowableValues`))
  const modes = listed.find((list) => list.length > 0)
  if (modes !== undefined) return modes
  const { mode } = readOverride(boot)
  return mode === null ? [] : [mode]
}

/** The target that means the virtual CD on this BMC; `Cd` where the BMC lists no targets, null where its list has none. */
export function cdTarget(targets: readonly string[], profile: Pick<Profile, 'cdTargets'>): string | null {
  if (targets.length === 0) return 'Cd'
  return profile.cdTargets.find((target) => targets.includes(target)) ?? null
}

/**
 * The change that boots once from `target`. It has the mode only where the property exists and the profile allows it:
 * Dell makes a BIOS job of a changed mode, X11 refuses it (quirks.md 8).
 */
export function bootOnce(boot: BootDocuments, target: string, profile: Pick<Profile, 'bootMode'>): BootChange {
  const { mode } = readOverride(boot)
  const wanted = profile.bootMode === 'uefi' ? bootModes(boot).includes('UEFI') || mode !== null : mode === 'UEFI'
  return { enabled: 'Once', target, mode: wanted ? 'UEFI' : null }
}

/** True when the host boots in legacy BIOS mode and the client must not write another mode. */
export function bootsLegacy(boot: BootDocuments, profile: Pick<Profile, 'bootMode'>): boolean {
  return readOverride(boot).mode === 'Legacy' && bootOnce(boot, 'Cd', profile).mode === null
}

/** True when the BMC takes an override for one boot, or does not list the values that it takes. */
export function takesOnce(boot: BootDocuments): boolean {
  const lists = [boot.system, boot.settings ?? {}].map((doc) => textsAt(doc, `${ENABLED}@Redfish.AllowableValues`))
  const listed = lists.find((list) => list.length > 0)
  return listed === undefined || listed.includes('Once')
}

export const CLEARED: BootChange = { enabled: 'Disabled', target: 'None', mode: null }

/**
 * True when the change is in force. The target decides: iDRAC8 shows `Once` with target `None` when idle, and `Disabled`
 * with a leftover target is disabled (quirks.md 8).
 */
export function isInForce(override: BootOverride, change: BootChange): boolean {
  if (change.enabled === 'Disabled') return isOff(override)
  return (
    !isOff(override) &&
    override.enabled === change.enabled &&
    override.target === change.target &&
    (change.mode === null || override.mode === null || override.mode === change.mode)
  )
}

export type ReadBack =
  /** The change may still show: read again. */
  | { readonly kind: 'not-yet'; readonly instead: string | null }
  | { readonly kind: 'in-force'; readonly warnings: readonly string[] }

/**
 * Judges the override that reads back after a write. The target matters: the CD is booted next, or no longer. Some BMCs
 * show another `Enabled` than was written, and their profile lists it; on other BMCs the client reads on, and `instead`
 * describes the deviation that it accepts when the time is over.
 */
export function judgeReadBack(
  override: BootOverride,
  change: BootChange,
  profile: Pick<Profile, 'onceReadsBack'>,
): ReadBack {
  const { enabled, target, mode } = override
  const modeDiffers =
    change.mode !== null && mode !== null && mode !== change.mode
      ? [`the boot mode reads ${mode}, not ${change.mode}`]
      : []
  if (isInForce(override, { ...change, mode: null })) return { kind: 'in-force', warnings: modeDiffers }
  const shows = `the boot override reads ${enabled} ${target} after ${change.enabled} ${change.target} was written`
  const known = enabled !== null && profile.onceReadsBack.includes(enabled)
  const reached =
    change.enabled === 'Once' ? !isOff(override) && target === change.target : !CD_TARGETS.has(target ?? '')
  if (!reached) return { kind: 'not-yet', instead: null }
  return known ? { kind: 'in-force', warnings: [shows, ...modeDiffers] } : { kind: 'not-yet', instead: shows }
}

function isOff({ enabled, target }: BootOverride): boolean {
  return enabled === null || enabled === 'Disabled' || target === 'None' || target === null
}

/**
 * True when no write is needed. The System's own values must agree with the pending ones: settings that were applied at
 * the last boot may still read `Once`.
 */
export function isAlreadySet(boot: BootDocuments, change: BootChange): boolean {
  const pending = isInForce(readOverride(boot), change)
  if (boot.settings === null || textAt(boot.system, TARGET) === null) return pending
  return pending && isInForce(readOverride({ system: boot.system, settings: null }), change)
}

/**
 * Splits a change over the documents that hold its properties: the settings object takes those that it contains, the
 * System the rest (iDRAC9 7.10's settings have no target, DGX's have everything; quirks.md 8). Settings that would only
 * get the mode which they have already are not written: the write makes a job on Dell.
 */
export function splitChange(
  boot: BootDocuments,
  change: BootChange,
  forced: 'settings' | null,
): { readonly settings: Doc | null; readonly system: Doc | null } {
  const properties: readonly (readonly [string, string | null])[] = [
    [ENABLED, change.enabled],
    [TARGET, change.target],
    [MODE, change.mode],
  ]
  const part = (place: 'settings' | 'system') => {
    const own = properties.filter(([name, value]) => value !== null && (forced ?? placeOf(boot, name)) === place)
    const isThere = ([name, value]: readonly [string, string | null]) =>
      name === MODE && place === 'settings' && textAt(boot.settings ?? {}, MODE) === value
    return own.every(isThere) ? null : Object.fromEntries(own)
  }
  return { settings: part('settings'), system: part('system') }
}

/**
 * The next change after a refusal that objects to the request: all of it to the settings object, then without the mode,
 * then, for a clearing, without the target. Null when none of these is left.
 */
export function relaxChange(
  refusal: Refusal,
  tried: { readonly change: BootChange; readonly forced: 'settings' | null; readonly hasSettings: boolean },
): { readonly change: BootChange; readonly forced: 'settings' | null } | null {
  const { change, forced } = tried
  if (!mindsTheRequest(refusal)) return null
  if (refusal.problem === 'read-only' && tried.hasSettings && forced === null) return { change, forced: 'settings' }
  if (change.mode !== null && (namesProperty(refusal, MODE) || !namesProperty(refusal, TARGET))) {
    return { change: { ...change, mode: null }, forced }
  }
  if (change.enabled === 'Disabled' && change.target !== null) return { change: { ...change, target: null }, forced }
  return null
}

/** The `Boot` of a System, and of its settings object where the client read that. */
export function bootDocuments(system: Doc, settings: Doc | null): BootDocuments {
  return {
    system: docAt(system, 'Boot'),
    settings: settings !== null && isDoc(settings['Boot']) ? settings['Boot'] : null,
  }
}

function placeOf(boot: BootDocuments, property: string): 'settings' | 'system' {
  return boot.settings !== null && property in boot.settings ? 'settings' : 'system'
}
