/** sushy-tools' emulator (quirks.md 2, 5, 6, 8, 11; fixtures/errors/sushy-tools): no sessions, forgiving, permanent. */
import type { Bmc } from '../bmc/bmc.ts'
import { type MessageStyle, refuse } from '../bmc/messages.ts'
import { type JsonObject, noContent, type Reply } from '../bmc/reply.ts'
import { generic } from './generic.ts'
import type { Profile } from './profile.ts'
import { without } from './shape.ts'

function body(text: string): JsonObject {
  const id = 'Base.1.0.GeneralError'
  const info = { '@odata.type': '/redfish/v1/$metadata#Message.1.0.0.Message', MessageId: id }
  return { error: { code: id, message: text, '@Message.ExtendedInfo': [info] } }
}

/** Every message is the GeneralError; only the text tells them apart. */
const messages: MessageStyle = { base: 'Base.1.0', body: ({ text }) => body(text), done: noContent }

export const sushyTools: Profile<Bmc> = {
  ...generic,
  name: 'sushy-tools',
  summary: "sushy-tools' emulator: Basic authentication only, one CD and a floppy, an override that stays",
  vendor: null,
  product: null,
  redfishVersion: '1.0.0',
  system: {
    id: '27946b59-9e44-4fa7-8e91-f3527a1ef094',
    manufacturer: 'Sushy Emulator',
    model: 'Sushy Emulator',
    bios: '1.0.0',
  },
  manager: { id: '27946b59-9e44-4fa7-8e91-f3527a1ef094', model: '', firmware: '1.00' },
  slots: [
    { name: 'Cd', mediaTypes: ['CD', 'DVD'] },
    { name: 'Floppy', mediaTypes: ['Floppy', 'USBStick'], boots: false },
  ],
  mediaCollections: [
    { under: 'system', segment: 'VirtualMedia', slots: ['Cd', 'Floppy'], linkedFrom: ['system', 'manager'] },
  ],
  // PowerCycle is listed nowhere and answered with 501.
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'ForceOn'],
  managerResetTypes: ['ForceRestart'],
  boot: {
    enabledValues: ['Once', 'Continuous', 'Disabled'],
    targets: ['Pxe', 'Cd', 'Hdd', 'None'],
    modes: ['UEFI', 'Legacy'],
    lists: ['Target', 'Mode'],
  },
  sessions: { ...generic.sessions, offered: false },
  messages,
  etags: { format: null, missing: null },
  showsPowerTransitions: false,
  // The emulator answers after it has attached the image, and it empties a slot at once.
  timing: { mediaAttachMs: 0, mediaDetachMs: 0 },
  documents: {
    system: (base) => without(base, 'LastResetTime', 'BootProgress', 'SystemType'),
    manager: (base) => without(base, 'Model', 'PowerState'),
    media: (base) => ({ ...base, ConnectedVia: 'URI', Image: base['Image'] ?? '', ImageName: base['ImageName'] ?? '' }),
  },
  behave: (bmc) => ({
    // The emulator has no sessions and says so without authentication.
    intercept: ({ path }) =>
      path.startsWith('/redfish/v1/SessionService')
        ? general(404, '404 Not Found: The requested URL was not found on the server.')
        : null,
    unusable: (_image, status) =>
      status === null
        ? general(500, 'Failed fetching image: connection refused')
        : general(400, `Cannot download virtual media: got error ${status} from the server`),
    insert: async (slot, parameters) => {
      if ('UserName' in parameters !== 'Password' in parameters)
        return general(400, 'UserName and Password must be passed together')
      slot.eject()
      while (slot.request !== null) await bmc.clock.sleep(1, bmc.world.background.closing)
      return null
    },
    reset: (type) =>
      // Switching on a host that is on, or off one that is off, succeeds and does nothing.
      (bmc.power.state === 'Off') === (type === 'On' || type === 'ForceOn') ? null : noContent,
    filter: ({ method, path, body: sent }) => {
      if (method !== 'POST' || !path.endsWith('ComputerSystem.Reset')) return null
      const type = /"ResetType"\s*:\s*"(\w+)"/.exec(sent.toString('utf8'))?.[1]
      const known = bmc.profile.resetTypes.some((candidate) => candidate === type)
      return type === undefined || known ? null : general(501, `Power state ${type} is not supported`)
    },
    changeBoot: ({ BootSourceOverrideTarget: target, BootSourceOverrideMode: mode }) => {
      if (target === undefined && mode === undefined)
        return {
          status: 400,
          headers: { 'content-type': 'application/json' },
          text: 'Missing the BootSourceOverrideTarget and/or BootSourceOverrideMode and/or HttpBootUri element',
        }
      // The boot device of the virtual machine is changed for good.
      if (typeof target === 'string')
        bmc.boot.change(target === 'None' ? { enabled: 'Disabled' } : { enabled: 'Continuous', target })
      return noContent
    },
  }),
}

function general(status: number, text: string): Reply {
  return refuse(status, { key: { id: 'Base.1.0.GeneralError', text, severity: 'Critical', resolution: '' } })
}
