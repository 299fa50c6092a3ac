/** The host as a ComputerSystem: its document, its settings object, the reset action; and other members beside it. */
import type { Bmc } from '../bmc/bmc.ts'
import { refuse } from '../bmc/messages.ts'
import type { BmcRequest, JsonObject, Reply } from '../bmc/reply.ts'
import { bootDocument, bootProperties, changeBoot, settingsBootDocument } from './boot.ts'
import { checkIfMatch, etagOf, tagged } from './etag.ts'
import { mediaLinkOf } from './media-links.ts'
import {
  type Branch,
  branch,
  checkKnown,
  collection,
  link,
  objectBody,
  ok,
  quote,
  type Resource,
  resetInfo,
  resetTypesShown,
  rootPath,
} from './resource.ts'

const systemsPath = `${rootPath}/Systems`

export function systems(bmc: Bmc): Branch {
  const path = bmc.paths.system
  const { profile } = bmc
  const others = Object.entries(profile.others?.systems ?? {})
  const members = [path, ...others.map(([id]) => `${systemsPath}/${id}`)]
  const document = () => shapedDocument(bmc)
  return branch({
    [systemsPath]: {
      methods: {
        GET: () => ok(shaped(bmc, collection(systemsPath, 'ComputerSystemCollection', 'Systems Collection', members))),
      },
    },
    [path]: {
      methods: {
        GET: () => tagged(document(), etagOf(bmc.profile.etags, bootDocument(bmc))),
        PATCH: (request) => change(bmc, request),
      },
    },
    [resetPath(bmc)]: { methods: { POST: (request) => reset(bmc, request) } },
    ...resetInfo(path, profile.resetTypes, profile.resetTypesIn.system),
    ...settings(bmc),
    ...Object.fromEntries(
      others.map(([id, other]): [string, Resource] => {
        const otherPath = `${systemsPath}/${id}`
        return [otherPath, { methods: { GET: () => ok({ '@odata.id': otherPath, ...other }) } }]
      }),
    ),
  })
}

function shaped(bmc: Bmc, document: JsonObject): JsonObject {
  return bmc.profile.documents?.collection?.(document, bmc) ?? document
}

function resetPath(bmc: Bmc): string {
  return `${bmc.paths.system}/Actions/ComputerSystem.Reset`
}

function settings(bmc: Bmc): Readonly<Record<string, Resource>> {
  const { settings } = bmc.profile.boot
  if (settings === undefined) return {}
  const path = `${bmc.paths.system}/${settings.id}`
  const boot = () => settingsBootDocument(bmc, settings.properties)
  const document = (): JsonObject => ({
    '@odata.id': path,
    '@odata.type': '#ComputerSystem.v1_17_0.ComputerSystem',
    Id: settings.id,
    Name: `${bmc.profile.system.id} Pending Settings`,
    Boot: boot(),
  })
  const write = (request: BmcRequest): Reply => {
    const stale = checkIfMatch(bmc.profile.etags, request, boot())
    if (stale !== null) return stale
    const read = objectBody(request)
    if ('refusal' in read) return read.refusal
    return checkKnown(read.body, ['Boot']) ?? changeBoot(bmc, read.body['Boot'] ?? null, settings.properties)
  }
  return { [path]: { methods: { GET: () => tagged(document(), etagOf(bmc.profile.etags, boot())), PATCH: write } } }
}

function shownPower({ power, profile }: Bmc): string {
  const { state } = power
  if (profile.showsPowerTransitions) return state
  return state === 'PoweringOn' ? 'Off' : state === 'PoweringOff' ? 'On' : state
}

function shapedDocument(bmc: Bmc): JsonObject {
  const base = document(bmc)
  return bmc.profile.documents?.system?.(base, bmc) ?? base
}

function document(bmc: Bmc): JsonObject {
  const { profile, power, host, paths } = bmc
  const settingsId = profile.boot.settings?.id
  return {
    '@odata.id': paths.system,
    '@odata.type': '#ComputerSystem.v1_20_0.ComputerSystem',
    ...(settingsId === undefined
      ? {}
      : {
          '@Redfish.Settings': {
            '@odata.type': '#Settings.v1_3_0.Settings',
            SettingsObject: link(`${paths.system}/${settingsId}`),
          },
        }),
    Id: profile.system.id,
    Name: 'System',
    SystemType: 'Physical',
    Manufacturer: profile.system.manufacturer,
    Model: profile.system.model,
    SerialNumber: bmc.serial,
    UUID: bmc.uuid,
    BiosVersion: profile.system.bios,
    Status: { State: power.state === 'Off' ? 'StandbyOffline' : 'Enabled', Health: 'OK' },
    PowerState: shownPower(bmc),
    LastResetTime: power.lastResetTime.toISOString(),
    BootProgress: { LastState: host.bootProgress.state, LastStateTime: host.bootProgress.at.toISOString() },
    Boot: bootDocument(bmc),
    ...mediaLinkOf(bmc, 'system'),
    Links: { Chassis: [link(paths.chassis)], ManagedBy: [link(paths.manager)] },
    Actions: {
      '#ComputerSystem.Reset': {
        target: resetPath(bmc),
        ...resetTypesShown(paths.system, profile.resetTypes, profile.resetTypesIn.system),
      },
    },
  }
}

function change(bmc: Bmc, request: BmcRequest): Reply {
  const stale = checkIfMatch(bmc.profile.etags, request, bootDocument(bmc))
  if (stale !== null) return stale
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  if (Object.keys(read.body).length === 0) return refuse(400, { key: 'EmptyJSON' })
  const writable = bmc.profile.boot.readOnly ? [] : ['Boot']
  const readOnly = Object.keys(read.body).find((name) => !writable.includes(name) && name in document(bmc))
  if (readOnly !== undefined)
    return refuse(400, { key: 'PropertyNotWritable', args: [readOnly], related: [`/${readOnly}`] })
  const unknown = checkKnown(read.body, ['Boot'])
  if (unknown !== null) return unknown
  return changeBoot(bmc, read.body['Boot'] ?? null, bootProperties(bmc))
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
  const refusal = bmc.behaviour.reset?.(type) ?? null
  if (refusal !== null) return refusal
  // 409 like iDRAC (quirks.md 9, "Already in state"); iDRAC10 uses this very message.
  return bmc.reset(type)
    ? bmc.profile.messages.done
    : refuse(409, { key: 'ActionParameterValueConflict', args: ['ResetType', type], related })
}
