/** ComputerSystem.Boot: what the System and its settings object show of the override, and how it is written. */
import type { Bmc } from '../bmc/bmc.ts'
import { type OverrideEnabled, overrideEnabledValues } from '../bmc/boot.ts'
import { refuse } from '../bmc/messages.ts'
import { isObject, type Json, type JsonObject, type Reply } from '../bmc/reply.ts'
import { checkKnown, quote } from './resource.ts'

/** The Boot object of the System. */
export function bootDocument({ boot, profile }: Bmc): JsonObject {
  const { enabledValues, targets, modes, lists } = profile.boot
  const { enabled, target, mode } = boot.override
  const allowed = (name: 'Enabled' | 'Target' | 'Mode', values: readonly string[]): JsonObject =>
    lists.includes(name) ? { [`BootSourceOverride${name}@Redfish.AllowableValues`]: values } : {}
  return {
    BootSourceOverrideEnabled: enabled,
    ...allowed('Enabled', enabledValues),
    BootSourceOverrideTarget: target,
    ...allowed('Target', targets),
    ...(modes.length === 0 ? {} : { BootSourceOverrideMode: mode, ...allowed('Mode', modes) }),
  }
}

/** The properties of Boot that the settings object has, with their annotations. */
export function settingsBootDocument(bmc: Bmc, properties: readonly string[]): JsonObject {
  const full: JsonObject = { ...bootDocument(bmc), BootOrder: ['Boot0001'], UefiTargetBootSourceOverride: null }
  const { targets } = bmc.profile.boot
  const named = Object.entries(full).filter(([name]) => properties.includes(name.split('@')[0] ?? name))
  const allowable = 'BootSourceOverrideTarget@Redfish.AllowableValues'
  return {
    ...Object.fromEntries(named),
    ...(properties.includes('BootSourceOverrideTarget') ? { [allowable]: targets } : {}),
  }
}

/** Takes over a PATCH of Boot, or says why not. `properties` are those that this document lets be written. */
export function changeBoot(bmc: Bmc, wanted: Json, properties: readonly string[]): Reply {
  const { boot, profile } = bmc
  if (!isObject(wanted))
    return refuse(400, { key: 'PropertyValueTypeError', args: [quote(wanted), 'Boot'], related: ['/Boot'] })
  const refusal =
    checkKnown(wanted, properties, '/Boot') ?? checkValues(bmc, wanted) ?? bmc.behaviour.changeBoot?.(wanted) ?? null
  if (refusal !== null) return refusal
  const { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: target, BootSourceOverrideMode: mode } = wanted
  const implied = typeof target === 'string' && target !== 'None' ? profile.boot.impliedEnabled : undefined
  const known = overrideEnabledValues.find((value): value is OverrideEnabled => value === enabled) ?? implied
  boot.change({
    ...(known === undefined ? {} : { enabled: known }),
    ...(typeof target === 'string' ? { target } : {}),
    ...(typeof mode === 'string' ? { mode } : {}),
  })
  return profile.messages.done
}

/** The properties of Boot that exist on this BMC. */
export function bootProperties({ profile }: Bmc): readonly string[] {
  const { modes, refusesMode } = profile.boot
  return [
    'BootSourceOverrideEnabled',
    'BootSourceOverrideTarget',
    ...(modes.length > 0 || refusesMode ? ['BootSourceOverrideMode'] : []),
  ]
}

function checkValues({ profile }: Bmc, wanted: JsonObject): Reply | null {
  const allowed: Readonly<Record<string, readonly string[]>> = {
    BootSourceOverrideEnabled: profile.boot.enabledValues,
    BootSourceOverrideTarget: profile.boot.targets,
    BootSourceOverrideMode: profile.boot.modes,
  }
  for (const [name, values] of Object.entries(allowed)) {
    const value = wanted[name]
    if (value === undefined) continue
    const about = { args: [quote(value), name], related: [`/Boot/${name}`] }
    if (typeof value !== 'string') return refuse(400, { key: 'PropertyValueTypeError', ...about })
    if (!values.includes(value)) return refuse(400, { key: 'PropertyValueNotInList', ...about })
  }
  return null
}
