/** OpenBMC of upstream and of NVIDIA (quirks.md 2, 3, 5, 8, 9): transitional power; NVIDIA has two Systems. */
import type { Bmc } from '../bmc/bmc.ts'
import { type MessageStyle, refuse } from '../bmc/messages.ts'
import type { VendorMessage } from '../bmc/refusal.ts'
import { noContent } from '../bmc/reply.ts'
import { generic } from './generic.ts'
import type { Profile } from './profile.ts'
import { without } from './shape.ts'

const base = 'Base.1.18.1'

function message(name: string, text: string, severity: 'Warning' | 'Critical', resolution: string): VendorMessage {
  return { id: `${base}.${name}`, text, severity, resolution }
}

const messages: MessageStyle = {
  base,
  own: {
    ActionParameterValueNotInList: message(
      'ActionParameterUnknown',
      'The action Reset was submitted with the invalid parameter %1.',
      'Warning',
      'Correct the invalid parameter and resubmit the request if the operation failed.',
    ),
    ResourceMissingAtURI: message(
      'ResourceNotFound',
      "The requested resource of type  named '%1' was not found.",
      'Critical',
      'Provide a valid resource identifier and resubmit the request.',
    ),
  },
  body: ({ id, text, severity, resolution, args }) => ({
    error: {
      '@Message.ExtendedInfo': [
        {
          '@odata.type': '#Message.v1_1_1.Message',
          Message: text,
          MessageArgs: args,
          MessageId: id,
          MessageSeverity: severity,
          Resolution: resolution,
        },
      ],
      code: id,
      message: text,
    },
  }),
  done: noContent,
}

const targets = ['None', 'Pxe', 'Hdd', 'Cd', 'Diags', 'BiosSetup', 'Usb']

type Build = {
  readonly name: string
  readonly summary: string
  readonly systemId: string
  readonly managerId: string
  readonly firmware: string
  readonly vendor: string | null
  readonly manufacturer: string
  readonly model: string
  /** The scheme has to be https (bmcweb, virtual_media.hpp). */
  readonly httpsOnly: boolean
  /** A board beside the host, with a System and a Manager of its own. */
  readonly board: boolean
}

function profileOf(build: Build): Profile<Bmc> {
  return {
    ...generic,
    name: build.name,
    summary: build.summary,
    vendor: build.vendor,
    product: build.vendor === null ? null : build.model,
    redfishVersion: '1.17.0',
    system: { id: build.systemId, manufacturer: build.manufacturer, model: build.model, bios: '' },
    manager: { id: build.managerId, model: 'OpenBmc', firmware: build.firmware },
    chassis: { id: build.board ? 'BMC_0' : 'chassis' },
    slots: [
      { name: 'USB1', mediaTypes: ['CD', 'USBStick'] },
      { name: 'USB2', mediaTypes: ['CD', 'USBStick'], boots: false },
      // For the KVM viewer (quirks.md 5, "proxy slots").
      { name: 'Slot_0', mediaTypes: ['CD', 'USBStick'], boots: false, operated: 'none' },
    ],
    mediaCollections: [
      { under: 'manager', segment: 'VirtualMedia', slots: ['USB2', 'USB1', 'Slot_0'], linkedFrom: ['manager'] },
    ],
    ...(build.board
      ? { others: { systems: { HGX_Baseboard_0: baseboard }, managers: { HGX_BMC_0: boardManager } } }
      : {}),
    resetTypes: [
      'ForceOff',
      'PowerCycle',
      'Nmi',
      'GracefulShutdown',
      'On',
      'ForceOn',
      'GracefulRestart',
      'ForceRestart',
    ],
    managerResetTypes: ['GracefulRestart', 'ForceRestart'],
    resetTypesIn: { system: 'action-info', manager: 'action-info' },
    boot: bootOf(build),
    sessions: { offered: true, max: 64, timeoutSeconds: 1_800, timeoutShown: 1_800 },
    messages,
    etags: { format: null, missing: null },
    documents: documentsOf(build),
    behave: () => ({
      insert: (_slot, parameters) => {
        const image = String(parameters['Image'])
        if (!build.httpsOnly || new URL(image).protocol === 'https:') return null
        return refuse(400, { key: 'ResourceAtUriInUnknownFormat', args: [image] })
      },
    }),
  }
}

function bootOf({ board }: Build): Profile<Bmc>['boot'] {
  return {
    enabledValues: ['Once', 'Continuous', 'Disabled'],
    targets,
    modes: board ? [] : ['UEFI', 'Legacy'],
    lists: board ? ['Enabled', 'Target'] : ['Target', 'Mode'],
    ...(board
      ? {
          settings: {
            id: 'Settings',
            properties: ['BootOrder', 'BootSourceOverrideEnabled', 'BootSourceOverrideTarget'],
          },
        }
      : {}),
  }
}

function documentsOf({ board }: Build): NonNullable<Profile<Bmc>['documents']> {
  return {
    root: (document) => ({ ...document, '@odata.id': '/redfish/v1' }),
    // The document has LastResetTime, but its value does not belong to this boot (quirks.md 9).
    system: (document) => ({
      ...without(document, 'BiosVersion', ...(board ? ['Manufacturer', 'Model'] : [])),
      LastResetTime: '1970-01-01T00:00:00+00:00',
    }),
    manager: (document, bmc) => ({
      ...document,
      LastResetTime: bmc.startedAt.toISOString(),
      Oem: { OpenBmc: {} },
    }),
    sessionService: (document) => without(document, 'Status'),
    media: (document) =>
      without(
        {
          ...document,
          Name: 'Virtual Removable Media',
          TransferMethod: 'Stream',
          WriteProtected: true,
          Oem: { OpenBMC: { '@odata.type': '#OpenBMCVirtualMedia.v1_0_0.VirtualMedia' } },
        },
        'UserName',
        'Password',
        ...(document['Image'] === null ? ['Image', 'ImageName', 'TransferProtocolType'] : []),
      ),
  }
}

const status = { State: 'Enabled', Health: 'OK' }

/** A System without reset and boot, so a controller cannot install it (fixtures/openbmc-nvidia-gb200). */
const baseboard = {
  '@odata.type': '#ComputerSystem.v1_22_0.ComputerSystem',
  Id: 'HGX_Baseboard_0',
  Name: 'HGX_Baseboard_0',
  SystemType: 'Physical',
  Manufacturer: 'NVIDIA',
  Model: 'GB200 NVL',
  SerialNumber: '1643024000315',
  PowerState: 'On',
  LastResetTime: '1970-01-01T00:00:00+00:00',
  Status: status,
  Links: { ManagedBy: [{ '@odata.id': '/redfish/v1/Managers/HGX_BMC_0' }] },
}

const boardManager = {
  '@odata.type': '#Manager.v1_14_0.Manager',
  Id: 'HGX_BMC_0',
  Name: 'OpenBmc Manager',
  ManagerType: 'BMC',
  Model: 'OpenBmc',
  FirmwareVersion: 'GB200Nvl-24.12-8',
  Status: status,
  Links: { ManagerForServers: [{ '@odata.id': '/redfish/v1/Systems/HGX_Baseboard_0' }] },
}

export const openbmc = profileOf({
  name: 'openbmc',
  summary: 'OpenBMC as upstream builds it: images over https only, PoweringOn and PoweringOff',
  systemId: 'system',
  managerId: 'bmc',
  firmware: '2.15.0-dev',
  vendor: null,
  manufacturer: 'OpenBMC',
  model: 'Reference',
  httpsOnly: true,
  board: false,
})

export const openbmcNvidia = profileOf({
  name: 'openbmc-nvidia',
  summary: 'OpenBMC of NVIDIA: images over http, two Systems and two Managers, boot override also in Settings',
  systemId: 'System_0',
  managerId: 'BMC_0',
  firmware: 'GB200Nvl-24.12-8',
  vendor: 'NVIDIA',
  manufacturer: 'NVIDIA',
  model: 'GB200 NVL',
  httpsOnly: false,
  board: true,
})
