/** The Manager, which is the BMC itself, the Chassis that it belongs to, and other Managers beside it. */
import type { Bmc } from '../bmc/bmc.ts'
import { refuse } from '../bmc/messages.ts'
import type { BmcRequest, JsonObject, Reply } from '../bmc/reply.ts'
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

const managersPath = `${rootPath}/Managers`
const chassisPath = `${rootPath}/Chassis`

export function managers(bmc: Bmc): Branch {
  const { manager, chassis } = bmc.paths
  const { documents, others } = bmc.profile
  const other = Object.entries(others?.managers ?? {})
  const members = [manager, ...other.map(([id]) => `${managersPath}/${id}`)]
  const list = (path: string, schema: string, name: string, paths: readonly string[]) => {
    const base = collection(path, schema, name, paths)
    return ok(documents?.collection?.(base, bmc) ?? base)
  }
  return branch({
    [managersPath]: {
      methods: { GET: () => list(managersPath, 'ManagerCollection', 'Manager Collection', members) },
    },
    [manager]: {
      methods: {
        GET: () => {
          const base = managerDocument(bmc)
          return ok(documents?.manager?.(base, bmc) ?? base)
        },
      },
    },
    ...Object.fromEntries(
      other.map(([id, document]): [string, Resource] => {
        const path = `${managersPath}/${id}`
        return [path, { methods: { GET: () => ok({ '@odata.id': path, ...document }) } }]
      }),
    ),
    ...resetInfo(manager, bmc.profile.managerResetTypes, bmc.profile.resetTypesIn.manager),
    [resetPath(bmc)]: { methods: { POST: (request) => reset(bmc, request) } },
    [chassisPath]: {
      methods: { GET: () => list(chassisPath, 'ChassisCollection', 'Chassis Collection', [chassis]) },
    },
    [chassis]: {
      methods: {
        GET: () => {
          const base = chassisDocument(bmc)
          return ok(documents?.chassis?.(base, bmc) ?? base)
        },
      },
    },
  })
}

function resetPath(bmc: Bmc): string {
  return `${bmc.paths.manager}/Actions/Manager.Reset`
}

function managerDocument(bmc: Bmc): JsonObject {
  const { profile, paths } = bmc
  return {
    '@odata.id': paths.manager,
    '@odata.type': '#Manager.v1_17_0.Manager',
    Id: profile.manager.id,
    Name: 'Manager',
    ManagerType: 'BMC',
    Model: profile.manager.model,
    FirmwareVersion: profile.manager.firmware,
    UUID: bmc.uuid,
    DateTime: bmc.clock.now().toISOString(),
    Status: { State: 'Enabled', Health: 'OK' },
    PowerState: 'On',
    ...mediaLinkOf(bmc, 'manager'),
    Links: { ManagerForServers: [link(paths.system)], ManagerForChassis: [link(paths.chassis)] },
    Actions: {
      '#Manager.Reset': {
        target: resetPath(bmc),
        ...resetTypesShown(paths.manager, profile.managerResetTypes, profile.resetTypesIn.manager),
      },
    },
  }
}

function chassisDocument(bmc: Bmc): JsonObject {
  const { profile, paths } = bmc
  return {
    '@odata.id': paths.chassis,
    '@odata.type': '#Chassis.v1_21_0.Chassis',
    Id: profile.chassis.id,
    Name: 'Chassis',
    ChassisType: 'RackMount',
    Manufacturer: profile.system.manufacturer,
    Model: profile.system.model,
    SerialNumber: bmc.serial,
    Status: { State: 'Enabled', Health: 'OK' },
    PowerState: bmc.power.state,
    Links: { ComputerSystems: [link(paths.system)], ManagedBy: [link(paths.manager)] },
  }
}

/** ResetType is optional here (Manager schema); without it the service chooses. */
function reset(bmc: Bmc, request: BmcRequest): Reply {
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  const unknown = checkKnown(read.body, ['ResetType'])
  if (unknown !== null) return unknown
  const type = read.body['ResetType'] ?? bmc.profile.managerResetTypes[0] ?? null
  if (typeof type !== 'string' || !bmc.profile.managerResetTypes.includes(type))
    return refuse(400, {
      key: 'ActionParameterValueNotInList',
      args: [quote(type), 'ResetType', 'Manager.Reset'],
      related: ['/ResetType'],
    })
  bmc.restartManager()
  return bmc.profile.messages.done
}
