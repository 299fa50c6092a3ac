/**
 * HPE iLO 4 (quirks.md 2, 5, 9): no standard media action, `Image` can be written, no boot mode; and the shape from
 * before Redfish for clients that do not send `OData-Version: 4.0`.
 */
import type { Bmc } from '../../bmc/bmc.ts'
import { refuse } from '../../bmc/messages.ts'
import { isObject, type Json, type JsonObject, type Reply } from '../../bmc/reply.ts'
import type { WireRequest } from '../../bmc/wire.ts'
import { generic } from '../generic.ts'
import type { Profile } from '../profile.ts'
import { part, withContext, without } from '../shape.ts'
import { behaviour } from './behaviour.ts'
import { licence, mediaDocument, rootDocument, systemDocument } from './documents.ts'
import { iloMessage, iloStyle, weakTag } from './messages.ts'

const base = 'Base.0.10'
const registry = 'iLO.0.10'
const targets = ['None', 'Cd', 'Hdd', 'Usb', 'Utilities', 'Diags', 'BiosSetup', 'Pxe', 'UefiShell', 'UefiTarget']

export const ilo4: Profile<Bmc> = {
  ...generic,
  name: 'ilo4',
  summary: "HPE iLO 4: HP's own media actions or a PATCH of the image, no boot mode, old shape without OData-Version",
  vendor: null,
  product: null,
  redfishVersion: '1.0.0',
  system: { id: '1', manufacturer: 'HPE', model: 'ProLiant BL460c Gen9', bios: 'I36 v2.40 (02/17/2017)' },
  manager: { id: '1', model: 'iLO 4', firmware: 'iLO 4 v2.54' },
  slots: [
    { name: '1', mediaTypes: ['Floppy', 'USBStick'], boots: false, operated: 'patch' },
    { name: '2', mediaTypes: ['CD', 'DVD'], operated: 'patch' },
  ],
  mediaCollections: [{ under: 'manager', segment: 'VirtualMedia', slots: ['1', '2'], linkedFrom: ['manager'] }],
  insertParameters: ['Image'],
  resetTypes: ['On', 'ForceOff', 'ForceRestart', 'Nmi', 'PushPowerButton'],
  managerResetTypes: ['GracefulRestart'],
  boot: { enabledValues: ['Disabled', 'Once', 'Continuous'], targets, modes: [], lists: [] },
  sessions: { offered: true, max: 8, timeoutSeconds: 1_800, timeoutShown: null },
  unlicensed: refuse(400, { key: iloMessage(registry, 'LicenseKeyRequired') }),
  messages: iloStyle({ base, registry }),
  etags: { format: weakTag, missing: null },
  showsPowerTransitions: false,
  timing: { postMs: 3_000 },
  documents: {
    root: (document) =>
      rootDocument(without(document, 'UUID', 'ProtocolFeaturesSupported'), {
        key: 'Hp',
        type: 'iLO 4',
        version: '2.54',
      }),
    system: (document, bmc) => ({
      ...systemDocument(withContext(document), bmc, 'Hp', false),
      Boot: { ...part(document, 'Boot'), BootSourceOverrideSupported: targets, UefiTargetBootSourceOverride: 'None' },
    }),
    manager: (document, bmc) => ({
      ...without(withContext(document), 'Model', 'PowerState'),
      Actions: { '#Manager.Reset': { target: '/redfish/v1/Managers/1/Actions/Manager.Reset' } },
      Oem: {
        Hp: {
          '@odata.type': '#HpiLO.1.1.0.HpiLO',
          License: licence(bmc),
        },
      },
    }),
    media: (document, bmc, slot) => mediaDocument(withContext(document), bmc, slot, 'Hp'),
  },
  behave: (bmc) => ({ ...behaviour(bmc, { key: 'Hp', registry, base }), rewrite }),
}

function rewrite({ header }: WireRequest, reply: Reply): Reply {
  if (!isObject(reply.body)) return reply
  const written = slashed(reply.body)
  if (!isObject(written)) return reply
  return { ...reply, body: header('odata-version') === null ? oldShape(written) : written }
}

/** Every path ends with a slash. */
function slashed(value: Json): Json {
  if (Array.isArray(value)) return value.map(slashed)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]): [string, Json] => {
      const isPath = (name === '@odata.id' || name === 'target') && typeof member === 'string' && !member.endsWith('/')
      return [name, isPath ? `${member}/` : slashed(member)]
    }),
  )
}

/** `links` with `href` instead of `Links`, `Power` beside `PowerState`, `MessageID` in errors (fixtures/ilo4). */
function oldShape(document: JsonObject): JsonObject {
  if (isObject(document['error'])) return oldError(document['error'])
  const { Links: links, ...rest } = document
  return {
    ...rest,
    ...('PowerState' in rest ? { Power: rest['PowerState'] ?? null } : {}),
    ...(isObject(links)
      ? { links: { ...part({ links: hrefs(links) }, 'links'), self: { href: document['@odata.id'] ?? null } } }
      : {}),
  }
}

function oldError(error: JsonObject): JsonObject {
  const infos = error['@Message.ExtendedInfo']
  const renamed = (Array.isArray(infos) ? infos : []).map((info) => {
    const { MessageId: id, ...rest } = part({ info }, 'info')
    return { ...rest, MessageID: id ?? null }
  })
  return {
    Messages: renamed,
    Type: 'ExtendedError.1.0.0',
    error: { ...error, '@Message.ExtendedInfo': renamed },
  }
}

function hrefs(value: Json): Json {
  if (Array.isArray(value)) return value.map(hrefs)
  if (!isObject(value)) return value
  if ('@odata.id' in value) return { href: value['@odata.id'] ?? null }
  return Object.fromEntries(Object.entries(value).map(([name, member]): [string, Json] => [name, hrefs(member)]))
}
