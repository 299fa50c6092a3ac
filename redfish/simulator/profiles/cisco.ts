/** Cisco CIMC (quirks.md 2-5, 8, 9): a CD and a disk, prose for allowable values, adapters among the Managers. */
import type { Bmc } from '../bmc/bmc.ts'
import type { MessageStyle } from '../bmc/messages.ts'
import { type JsonObject, noContent } from '../bmc/reply.ts'
import { generic } from './generic.ts'
import type { Profile } from './profile.ts'
import { part, withContext, without } from './shape.ts'

const adapter = 'UCSC-MLOM-C25Q-04_FCH24157DE1'

const messages: MessageStyle = {
  base: 'Base.1.4.0',
  body: ({ id, text, severity, resolution, args, related }) => ({
    error: {
      '@Message.ExtendedInfo': [
        {
          '@odata.type': 'Message.v1_0_6.Message',
          MessageId: id,
          Message: text,
          MessageArgs: args,
          Severity: severity,
          Resolution: resolution,
          ...(related.length === 0 ? {} : { RelatedProperties: related.map((pointer) => `#${pointer}`) }),
        },
      ],
      code: 'Base.1.4.0.GeneralError',
      message: 'See ExtendedInfo for more information.',
    },
  }),
  done: noContent,
}

/** Cisco's allowable values: sentences in place of enumerations. */
const prose: JsonObject = {
  'Image@Redfish.AllowableValues': [
    'This parameter shall specify the string URI of the remote media to be attached to the virtual media. (Required)',
  ],
  'UserName@Redfish.AllowableValues': [
    'This parameter shall contain a string representing the username to be used when accessing the URI specified by the Image parameter.',
  ],
  'Password@Redfish.AllowableValues': [
    'This parameter shall contain a string representing the password to be used when accessing the URI specified by the Image parameter.',
  ],
  'Inserted@Redfish.AllowableValues': ['true'],
  'WriteProtected@Redfish.AllowableValues': ['true'],
  'TransferMethod@Redfish.AllowableValues': ['Stream'],
  'TransferProtocolType@Redfish.AllowableValues': ['CIFS', 'HTTP', 'HTTPS', 'NFS'],
}

export const ciscoCimc: Profile<Bmc> = {
  ...generic,
  name: 'cisco-cimc',
  summary: 'Cisco CIMC: one CD and one disk, adapters listed as Managers, no boot mode',
  vendor: null,
  product: null,
  redfishVersion: '1.6.0',
  system: { id: 'WZP23400AK4', manufacturer: 'Cisco Systems Inc', model: 'UCSC-C240-M5SN', bios: 'C240M5.4.1.3d' },
  manager: { id: 'CIMC', model: 'UCSC-C240-M5SN', firmware: '4.1(3d)' },
  others: {
    managers: {
      [adapter]: {
        '@odata.type': '#Manager.v1_5_0.Manager',
        Id: adapter,
        Name: 'Cisco VIC Adapter',
        ManagerType: 'AuxiliaryController',
        Model: 'UCSC-MLOM-C25Q-04',
        FirmwareVersion: '5.1(3a)',
        Status: { State: 'Enabled', Health: 'OK' },
      },
    },
  },
  slots: [
    { name: '0', mediaTypes: ['CD', 'DVD'] },
    { name: '1', mediaTypes: ['USBStick'], boots: false },
  ],
  mediaCollections: [{ under: 'manager', segment: 'VirtualMedia', slots: ['1', '0'], linkedFrom: ['manager'] }],
  resetTypes: [
    'On',
    'ForceOff',
    'GracefulShutdown',
    'GracefulRestart',
    'ForceRestart',
    'Nmi',
    'PushPowerButton',
    'PowerCycle',
  ],
  managerResetTypes: ['ForceRestart'],
  boot: {
    enabledValues: ['Once', 'Continuous', 'Disabled'],
    targets: ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup', 'Diags'],
    modes: [],
    lists: ['Enabled', 'Target'],
  },
  messages,
  etags: { format: null, missing: null },
  showsPowerTransitions: false,
  documents: {
    root: withContext,
    collection: withContext,
    system: (base, bmc) => ({
      ...without(withContext(base), 'LastResetTime', 'BootProgress'),
      Oem: {
        Cisco: {
          '@odata.type': '#CiscoUCSExtensions.v1_0_0.CiscoUCSExtensions',
          PostCompletionStatus: bmc.power.state === 'On' && bmc.host.status !== 'firmware',
        },
      },
    }),
    manager: (base) => ({
      ...without(withContext(base), 'PowerState'),
      Oem: { Cisco: { '@odata.type': '#CiscoUCSExtensions.v1_0_0.CiscoUCSExtensions' } },
    }),
    chassis: withContext,
    sessionService: withContext,
    session: withContext,
    media: (base, _bmc, slot) => {
      const actions = part(base, 'Actions')
      return {
        ...without(withContext(base), 'UserName', 'Password', 'TransferProtocolType'),
        Name: slot.profile.name === '0' ? 'Virtual CD' : 'Virtual Removable Disk',
        Description: 'Virtual Media Settings',
        ConnectedVia: 'URI',
        TransferMethod: 'Stream',
        WriteProtected: true,
        Status: { State: slot.request !== null && !slot.inserted ? 'Updating' : 'Enabled', Health: 'OK' },
        Actions: {
          ...actions,
          '#VirtualMedia.InsertMedia': { ...prose, ...part(actions, '#VirtualMedia.InsertMedia') },
        },
      }
    },
  },
}
