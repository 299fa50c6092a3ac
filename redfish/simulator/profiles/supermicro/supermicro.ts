/** Supermicro X11 with its own CD configuration, and X13 with three standard slots (quirks.md 2-6, 8, 11). */
import type { Bmc } from '../../bmc/bmc.ts'
import type { Slot } from '../../bmc/media.ts'
import { type MessageStyle, refuse } from '../../bmc/messages.ts'
import { type JsonObject, noContent, type Reply } from '../../bmc/reply.ts'
import { actionInfo, type Branch, branch, link, ok, type Resource } from '../../resources/resource.ts'
import { imageName } from '../../resources/virtual-media.ts'
import { generic } from '../generic.ts'
import type { Profile } from '../profile.ts'
import { part, withContext, without } from '../shape.ts'
import { cdConfig } from './cd-config.ts'

/** `Message` with a capital, and related properties without a pointer (fixtures/errors/supermicro). */
function style(base: string): MessageStyle {
  return {
    base,
    own: {
      NoValidSession: {
        id: `${base}.ResourceAtUriUnauthorized`,
        text: 'While accessing the resource at %1, the service received an authorization error %2.',
        severity: 'Critical',
        resolution: 'Ensure that the appropriate access is provided for the service in order for it to access the URI.',
      },
    },
    body: ({ id, text, severity, resolution, args, related }) => ({
      error: {
        code: `${base}.GeneralError`,
        Message: 'A general error has occurred. See ExtendedInfo for more information.',
        '@Message.ExtendedInfo': [
          {
            MessageId: id,
            Severity: severity,
            Resolution: resolution,
            Message: text,
            MessageArgs: args,
            RelatedProperties: related.map((pointer) => pointer.split('/').at(-1) ?? pointer),
          },
        ],
      },
    }),
    done: noContent,
  }
}

/** fixtures/errors/supermicro/403-license-dcms.json; X11 sends it with the Base registry and another key. */
function unlicensed(registry: string, key: string): Reply {
  return refuse(403, {
    key: {
      id: `${registry}.OemLicenseNotPassed`,
      text: 'Not licensed to perform this request. The following licenses %1 were needed',
      severity: 'Warning',
      resolution: 'Please activate at least one license in the above message.',
    },
    args: [key],
  })
}

const family = {
  ...generic,
  vendor: null,
  product: null,
  manager: { id: '1', model: 'ASPEED', firmware: '' },
  managerResetTypes: ['GracefulRestart'],
  sessions: { offered: true, max: 16, timeoutSeconds: 300, timeoutShown: 300 },
  showsPowerTransitions: false,
} satisfies Profile<Bmc>

export const supermicroX11: Profile<Bmc> = {
  ...family,
  name: 'supermicro-x11',
  summary: 'Supermicro X11: one image through CfgCD and IsoConfig.Mount, no boot mode, no Basic authentication',
  redfishVersion: '1.0.1',
  system: { id: '1', manufacturer: 'Supermicro', model: 'Super Server', bios: '3.4' },
  manager: { ...family.manager, firmware: '1.74.06' },
  slots: [{ name: 'CD1', mediaTypes: ['CD', 'DVD'] }],
  mediaCollections: [{ under: 'manager', segment: 'VM1', slots: ['CD1'], linkedFrom: ['manager'] }],
  insertParameters: ['Image', 'UserName', 'Password', 'TransferMethod', 'TransferProtocolType'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'ForceOn'],
  boot: {
    enabledValues: ['Disabled', 'Once', 'Continuous'],
    targets: [
      'None',
      'Pxe',
      'Hdd',
      'Diags',
      'CD/DVD',
      'BiosSetup',
      'UsbKey',
      'UsbHdd',
      'UsbFloppy',
      'UsbCd',
      'UefiUsbCd',
    ],
    modes: [],
    refusesMode: true,
    lists: ['Target'],
    impliedEnabled: 'Once',
  },
  // `CD/DVD` is the drive in the chassis.
  cdTargets: ['UsbCd', 'UefiUsbCd'],
  acceptsBasic: false,
  unlicensed: unlicensed('Base.1.0.0', 'SFT-OOB-LIC'),
  messages: style('Base.1.0.0'),
  etags: { format: null, missing: null },
  documents: {
    root: (base) => ({ ...without(withContext(base), 'ProtocolFeaturesSupported'), Oem: {} }),
    collection: (base) => collectionOfX11(withContext(base)),
    system: (base) => ({
      ...without(withContext(base), 'LastResetTime', 'BootProgress'),
      Oem: { Supermicro: { '@odata.type': '#SmcSystemExtensions.v1_0_0.System' } },
    }),
    manager: (base) => ({
      ...without(withContext(base), 'PowerState'),
      Actions: { Oem: {}, '#Manager.Reset': { target: `${String(base['@odata.id'])}/Actions/Manager.Reset` } },
      Oem: { Supermicro: { '@odata.type': '#SmcManagerExtensions.v1_0_0.Manager' } },
    }),
    chassis: withContext,
    sessionService: withContext,
    session: withContext,
    media: withContext,
  },
  behave: (bmc) => ({
    // Without a licence even the root is closed (quirks.md 12).
    intercept: () => (bmc.licensed ? null : (bmc.profile.unlicensed ?? null)),
    lists: (slot) => slot.request !== null,
    resources: cdConfig(bmc),
  }),
}

/** An empty media collection has a count but no Members; it also links the CD configuration (fixtures/x10sdv). */
function collectionOfX11(base: JsonObject): JsonObject {
  if (!String(base['@odata.type']).startsWith('#VirtualMediaCollection')) return base
  const config = `${String(base['@odata.id'])}/CfgCD`
  return {
    ...(base['Members@odata.count'] === 0 ? without(base, 'Members') : base),
    Oem: {
      Supermicro: {
        '@odata.type': '#SmcVirtualMediaExtensions.v1_0_0.VirtualMediaCollection',
        VirtualMediaConfig: link(config),
      },
    },
  }
}

const slotsOfX13 = ['VirtualMedia1', 'VirtualMedia2', 'VirtualMedia3']

export const supermicroX13: Profile<Bmc> = {
  ...family,
  name: 'supermicro-x13',
  summary: 'Supermicro X13: three slots, the image stays named after the eject, an empty slot has no EjectMedia',
  redfishVersion: '1.11.0',
  system: { id: '1', manufacturer: 'Supermicro', model: 'SYS-821GE-TNHR', bios: '1.4' },
  manager: { ...family.manager, firmware: '11.01.01' },
  slots: slotsOfX13.map((name, index) => ({
    name,
    mediaTypes: ['CD', 'DVD', 'Floppy', 'USBStick'],
    boots: index === 0,
  })),
  mediaCollections: [
    { under: 'manager', segment: 'VirtualMedia', slots: slotsOfX13, linkedFrom: ['system', 'manager'] },
  ],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'ForceOn', 'PowerCycle'],
  resetTypesIn: { system: 'action-info', manager: 'action' },
  boot: {
    enabledValues: ['Disabled', 'Once', 'Continuous'],
    targets: ['None', 'Pxe', 'Floppy', 'Cd', 'Usb', 'Hdd', 'BiosSetup', 'UsbCd', 'UefiBootNext', 'UefiHttp'],
    modes: ['UEFI', 'Legacy'],
    lists: ['Target'],
    impliedEnabled: 'Once',
  },
  cdTargets: ['Cd', 'UsbCd'],
  unlicensed: unlicensed('SMC.1.0', 'DCMS'),
  messages: style('Base.v1_10_3'),
  etags: { format: (digest) => `"${digest.slice(0, 32)}"`, missing: null, everywhere: true },
  documents: {
    root: (base) => ({
      ...base,
      '@odata.id': '/redfish/v1',
      Oem: { Supermicro: {} },
    }),
    // BootProgress stands still, whatever the host does (quirks.md 9).
    system: (base) => ({
      ...without(base, 'LastResetTime'),
      BootProgress: { LastState: 'SystemHardwareInitializationComplete' },
      Actions: { Oem: {}, ...part(base, 'Actions') },
      Oem: { Supermicro: { '@odata.type': '#SmcSystemExtensions.v1_0_0.System' } },
    }),
    manager: (base, bmc) => ({
      ...without(base, 'PowerState'),
      LastResetTime: bmc.startedAt.toISOString(),
      Oem: { Supermicro: { '@odata.type': '#SmcManagerExtensions.v1_0_0.Manager' } },
    }),
    media: mediaOfX13,
  },
  behave: (bmc) => ({ resources: insertInfos(bmc) }),
}

function mediaOfX13(base: JsonObject, bmc: Bmc, slot: Slot): JsonObject {
  const last = bmc.lastImages.get(slot.profile.name)
  const { '#VirtualMedia.InsertMedia': insert = {}, '#VirtualMedia.EjectMedia': eject = {} } = part(base, 'Actions')
  return {
    ...base,
    Name: 'Virtual Removable Media',
    Image: last ?? null,
    ImageName: last === undefined ? null : imageName(last),
    VerifyCertificate: null,
    Oem: {
      Supermicro: { AcceptSelfSigned: null, '@odata.type': '#VirtualMediaConfig.v1_0_0.VirtualMediaConfig' },
    },
    Actions: {
      Oem: {},
      '#VirtualMedia.InsertMedia': {
        ...part({ insert }, 'insert'),
        '@Redfish.ActionInfo': `${String(base['@odata.id'])}/InsertMediaActionInfo`,
      },
      ...(slot.request === null ? {} : { '#VirtualMedia.EjectMedia': eject }),
    },
  }
}

/** The parameters of InsertMedia; the BMC requires only the image. */
function insertInfos(bmc: Bmc): Branch {
  return branch(
    Object.fromEntries(
      slotsOfX13.map((name): [string, Resource] => {
        const path = `${bmc.paths.manager}/VirtualMedia/${name}/InsertMediaActionInfo`
        const parameters = bmc.profile.insertParameters.map((parameter) => ({
          Name: parameter,
          Required: parameter === 'Image',
          DataType: parameter === 'Inserted' || parameter === 'WriteProtected' ? 'Boolean' : 'String',
        }))
        return [path, { methods: { GET: () => ok({ ...actionInfo(path, '', []), Parameters: parameters }) } }]
      }),
    ),
  )
}
