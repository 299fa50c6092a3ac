/** AMI MegaRAC (quirks.md 2-6, 9, 10): demands a protocol and If-Match, works in tasks, and remote media is off. */
import type { Bmc } from '../../bmc/bmc.ts'
import { type MessageStyle, refuse } from '../../bmc/messages.ts'
import { noContent, type Reply } from '../../bmc/reply.ts'
import { link } from '../../resources/resource.ts'
import { generic } from '../generic.ts'
import type { Profile } from '../profile.ts'
import { part, withContext, withCounts, without } from '../shape.ts'
import { remoteMedia } from './media.ts'

const base = 'Base.1.5'

const messages: MessageStyle = {
  base,
  body: ({ id, text, severity, resolution, args, related }) => ({
    error: {
      '@Message.ExtendedInfo': [
        {
          '@odata.type': '#Message.v1_0_8.Message',
          Message: text,
          MessageArgs: args,
          MessageId: id,
          ...(related.length === 0 ? {} : { RelatedProperties: related.map((pointer) => `#${pointer}`) }),
          Resolution: resolution,
          Severity: severity,
        },
      ],
      code: id,
      message: text,
    },
  }),
  done: noContent,
}

function preconditionMissing(): Reply {
  return refuse(428, {
    key: {
      id: 'Ami.1.0.PreconditionHeaderMissing',
      text: 'The request did not provide the required precondition, such as an If-Match or If-None-Match header.',
      severity: 'Critical',
      resolution: 'Include the required precondition header in the request',
    },
  })
}

const slots = ['CD1', 'CD2', 'CD3', 'CD4']

export const ami: Profile<Bmc> = {
  ...generic,
  name: 'ami',
  summary: 'AMI MegaRAC: remote media is off, TransferProtocolType and If-Match are demanded, inserts are tasks',
  vendor: 'AMI',
  product: 'AMI Redfish Server',
  redfishVersion: '1.7.0',
  system: { id: 'Self', manufacturer: 'GIGABYTE', model: 'H262-Z63-00', bios: 'C27' },
  manager: { id: 'Self', model: '410810600', firmware: '12.84.13' },
  chassis: { id: 'Self' },
  slots: slots.map((name, index) => ({ name, mediaTypes: [], boots: index === 0 })),
  mediaCollections: [{ under: 'manager', segment: 'VirtualMedia', slots, linkedFrom: ['manager'] }],
  insertRequires: ['TransferProtocolType'],
  resetTypes: ['GracefulShutdown', 'ForceRestart', 'ForceOff', 'On'],
  managerResetTypes: ['ForceRestart'],
  resetTypesIn: { system: 'action-info', manager: 'action-info' },
  boot: {
    enabledValues: ['Disabled', 'Once', 'Continuous'],
    targets: [
      'None',
      'Pxe',
      'Floppy',
      'Cd',
      'Usb',
      'Hdd',
      'BiosSetup',
      'Utilities',
      'UefiShell',
      'UefiTarget',
      'SDCard',
      'UefiHttp',
      'RemoteDrive',
      'UefiBootNext',
    ],
    modes: ['Legacy', 'UEFI'],
    lists: ['Enabled', 'Target', 'Mode'],
  },
  // The schema says seconds; AMI writes its minutes (quirks.md 11).
  sessions: { offered: true, max: 8, timeoutSeconds: 1_800, timeoutShown: 30 },
  messages,
  etags: {
    format: (digest) => `W/"${Number.parseInt(digest.slice(0, 8), 16)}"`,
    missing: preconditionMissing,
    everywhere: true,
  },
  showsPowerTransitions: false,
  timing: { mediaAttachMs: 2_000 },
  documents: {
    root: (document) => ({
      ...withContext(document),
      '@odata.id': '/redfish/v1',
      Tasks: link('/redfish/v1/TaskService'),
      Oem: { Ami: { '@odata.type': '#AMIServiceRoot.v1_0_0.AMIServiceRoot', RtpVersion: '1.7.0' } },
    }),
    collection: withContext,
    system: (document) => ({
      ...without(withContext(document), 'LastResetTime', 'BootProgress'),
      Boot: { BootNext: '', ...part(document, 'Boot') },
      Links: withCounts(part(document, 'Links')),
    }),
    chassis: withContext,
    sessionService: withContext,
    session: withContext,
    media: (document, _bmc: Bmc, slot) => ({
      ...without(withContext(document), 'UserName', 'Password', 'TransferMethod', 'TransferProtocolType'),
      Name: `virtual ${slot.profile.name}`,
      Image: document['Image'] ?? 'None',
      ImageName: document['ImageName'] ?? 'None',
      WriteProtected: document['WriteProtected'] ?? false,
    }),
  },
  behave: remoteMedia,
}
