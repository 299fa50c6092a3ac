/** The one ComputerSystem: its document, the boot override, the reset action. */
import type { Bmc } from '../bmc.ts'
import { overrideEnabledValues } from '../boot.ts'
import { refuse } from '../messages.ts'
import { type BmcRequest, isObject, type Json, type JsonObject, noContent, type Reply } from '../reply.ts'
import { checkIfMatch, etagOf } from './etag.ts'
import { type Branch, branch, checkKnown, collection, link, objectBody, ok, quote } from './resource.ts'
import { rootPath } from './service-root.ts'

const systemsPath = `${rootPath}/Systems`

export function systems(bmc: Bmc): Branch {
  const path = bmc.paths.system
  return branch({
    [systemsPath]: {
      methods: {
        GET: () => ok(collection(systemsPath, 'ComputerSystemCollection', 'Computer System Collection', [path])),
      },
    },
    [path]: {
      methods: {
        GET: () => ok({ ...document(bmc), '@odata.etag': etag(bmc) }, { etag: etag(bmc) }),
        PATCH: (request) => change(bmc, request),
      },
    },
    [resetPath(bmc)]: { methods: { POST: (request) => reset(bmc, request) } },
  })
}

function resetPath(bmc: Bmc): string {
  return `${bmc.paths.system}/Actions/ComputerSystem.Reset`
}

function bootDocument({ boot, profile }: Bmc): JsonObject {
  const { enabled, target, mode } = boot.override
  return {
    BootSourceOverrideEnabled: enabled,
    'BootSourceOverrideEnabled@Redfish.AllowableValues': overrideEnabledValues,
    BootSourceOverrideTarget: target,
    'BootSourceOverrideTarget@Redfish.AllowableValues': profile.bootTargets,
    BootSourceOverrideMode: mode,
    'BootSourceOverrideMode@Redfish.AllowableValues': profile.bootModes,
  }
}

function etag(bmc: Bmc): string {
  return etagOf(bootDocument(bmc))
}

function document(bmc: Bmc): JsonObject {
  const { profile, power, host, paths } = bmc
  return {
    '@odata.id': paths.system,
    '@odata.type': '#ComputerSystem.v1_20_0.ComputerSystem',
    Id: profile.system.id,
    Name: 'System',
    SystemType: 'Physical',
    Manufacturer: profile.system.manufacturer,
    Model: profile.system.model,
    SerialNumber: bmc.serial,
    UUID: bmc.uuid,
    BiosVersion: profile.system.bios,
    Status: { State: power.state === 'Off' ? 'StandbyOffline' : 'Enabled', Health: 'OK' },
    PowerState: power.state,
    LastResetTime: power.lastResetTime.toISOString(),
    BootProgress: { LastState: host.bootProgress.state, LastStateTime: host.bootProgress.at.toISOString() },
    Boot: bootDocument(bmc),
    VirtualMedia: link(paths.virtualMedia),
    Links: { Chassis: [link(paths.chassis)], ManagedBy: [link(paths.manager)] },
    Actions: {
      '#ComputerSystem.Reset': {
        target: resetPath(bmc),
        'ResetType@Redfish.AllowableValues': profile.resetTypes,
      },
    },
  }
}

function change(bmc: Bmc, request: BmcRequest): Reply {
  const stale = checkIfMatch(request, etag(bmc))
  if (stale !== null) return stale
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  if (Object.keys(read.body).length === 0) return refuse(400, { key: 'EmptyJSON' })
  const readOnly = Object.keys(read.body).find((name) => name !== 'Boot' && name in document(bmc))
  if (readOnly !== undefined)
    return refuse(400, { key: 'PropertyNotWritable', args: [readOnly], related: [`/${readOnly}`] })
  const unknown = checkKnown(read.body, ['Boot'])
  if (unknown !== null) return unknown
  return changeBoot(bmc, read.body['Boot'] ?? null)
}

function changeBoot({ boot, profile }: Bmc, wanted: Json): Reply {
  if (!isObject(wanted))
    return refuse(400, { key: 'PropertyValueTypeError', args: [quote(wanted), 'Boot'], related: ['/Boot'] })
  const allowed: Readonly<Record<string, readonly string[]>> = {
    BootSourceOverrideEnabled: overrideEnabledValues,
    BootSourceOverrideTarget: profile.bootTargets,
    BootSourceOverrideMode: profile.bootModes,
  }
  const unknown = checkKnown(wanted, Object.keys(allowed), '/Boot')
  if (unknown !== null) return unknown
  for (const [name, values] of Object.entries(allowed)) {
    const value = wanted[name]
    if (value === undefined) continue
    const about = { args: [quote(value), name], related: [`/Boot/${name}`] }
    if (typeof value !== 'string') return refuse(400, { key: 'PropertyValueTypeError', ...about })
    if (!values.includes(value)) return refuse(400, { key: 'PropertyValueNotInList', ...about })
  }
  const { BootSourceOverrideEnabled: enabled, BootSourceOverrideTarget: target, BootSourceOverrideMode: mode } = wanted
  const known = overrideEnabledValues.find((value) => value === enabled)
  boot.change({
    ...(known === undefined ? {} : { enabled: known }),
    ...(typeof target === 'string' ? { target } : {}),
    ...(typeof mode === 'string' ? { mode } : {}),
  })
  return noContent
}

function reset(bmc: Bmc, request: BmcRequest): Reply {
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  const unknown = checkKnown(read.body, ['ResetType'])
  if (unknown !== null) return unknown
  const wanted = read.body['ResetType']
  const related = ['/ResetType']
  const action = 'ComputerSystem.Reset'
  if (wanted === undefined) return refuse(400, { key: 'ActionParameterMissing', args: [action, 'ResetType'], related })
  const args = [quote(wanted), 'ResetType', action]
  if (typeof wanted !== 'string') return refuse(400, { key: 'ActionParameterValueTypeError', args, related })
  const type = bmc.profile.resetTypes.find((candidate) => candidate === wanted)
  if (type === undefined) return refuse(400, { key: 'ActionParameterValueNotInList', args, related })
  // 409 like iDRAC (quirks.md 9, "Already in state"); iDRAC10 uses this very message.
  return bmc.reset(type)
    ? noContent
    : refuse(409, { key: 'ActionParameterValueConflict', args: ['ResetType', type], related })
}
