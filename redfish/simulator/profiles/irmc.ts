/** Fujitsu iRMC S5 (quirks.md 3, 5, 10, 12): a document to write and an action to connect, all of it ts_fujitsu. */
import type { Bmc } from '../bmc/bmc.ts'
import { refuse } from '../bmc/messages.ts'
import { type BmcRequest, isObject, type Json, type JsonObject, noContent, type Reply } from '../bmc/reply.ts'
import { checkIfMatch, etagOf, tagged } from '../resources/etag.ts'
import { ejectImage, insertImage } from '../resources/insertion.ts'
import { type Branch, branch, checkKnown, link, objectBody, quote } from '../resources/resource.ts'
import { generic } from './generic.ts'
import type { Profile } from './profile.ts'
import { part, withContext, without } from './shape.ts'

const base = 'Base.1.5'
const action = 'FTSVirtualMediaAction'
const kinds = ['CD', 'HD'] as const
const fields = ['Server', 'ShareName', 'ImageName', 'ShareType', 'UserName', 'Password', 'UserDomain']
/** The firmware needs a moment between disconnecting and connecting (quirks.md 6). */
const timing = { mediaAttachMs: 2_000, mediaDetachMs: 2_000 }

export const irmc: Profile<Bmc> = {
  ...generic,
  name: 'irmc',
  summary: "Fujitsu iRMC S5: images through Fujitsu's own document and action, which want If-Match",
  vendor: null,
  product: null,
  redfishVersion: '1.8.0',
  system: { id: '0', manufacturer: 'FUJITSU', model: 'PRIMERGY RX2540 M5', bios: 'V5.0.0.14 R1.30.0' },
  manager: { id: 'iRMC', model: 'iRMC S5', firmware: '9.69F' },
  chassis: { id: '0' },
  slots: [
    { name: 'CD', mediaTypes: ['CD', 'DVD'], operated: 'oem' },
    { name: 'HD', mediaTypes: ['USBStick'], boots: false, operated: 'oem' },
  ],
  mediaCollections: [{ under: 'manager', segment: 'VirtualMedia', slots: ['CD', 'HD'], linkedFrom: ['manager'] }],
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
  managerResetTypes: ['GracefulRestart'],
  boot: {
    enabledValues: ['Disabled', 'Once', 'Continuous'],
    targets: ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup'],
    modes: ['UEFI', 'Legacy'],
    lists: ['Target', 'Mode'],
  },
  sessions: { offered: true, max: 8, timeoutSeconds: 1_800, timeoutShown: 180 },
  messages: {
    base,
    body: ({ id, text, args }) => ({
      error: {
        code: id,
        message: text,
        '@Message.ExtendedInfo': [{ MessageId: id, ...(args.length === 0 ? {} : { MessageArgs: args }) }],
      },
    }),
    done: noContent,
  },
  etags: {
    format: (digest) => `"${digest.slice(0, 12)}"`,
    missing: () => refuse(412, { key: 'PreconditionFailed' }),
  },
  showsPowerTransitions: false,
  timing,
  documents: {
    root: withContext,
    collection: withContext,
    system: systemDocument,
    manager: (document) => ({ ...without(withContext(document), 'PowerState'), Oem: { ts_fujitsu: {} } }),
    chassis: withContext,
    sessionService: withContext,
    session: withContext,
    media: withContext,
  },
  behave: (bmc) => ({
    // The collection lists only connected media; a connection that failed leaves no trace (quirks.md 5).
    lists: (slot) => slot.inserted,
    resources: remoteMount(bmc),
  }),
}

function actionPath(bmc: Bmc): string {
  return `${bmc.paths.system}/Actions/Oem/FTSComputerSystem.VirtualMedia`
}

function configPath(bmc: Bmc): string {
  return `${bmc.paths.system}/Oem/ts_fujitsu/VirtualMedia`
}

/** A connected kind can be disconnected, any other connected; without a licence neither (quirks.md 12). */
function possibleActions(bmc: Bmc): readonly string[] {
  if (!bmc.licensed) return []
  return kinds.map((kind) => {
    const connected = bmc.slots.some((slot) => slot.profile.name === kind && slot.request !== null)
    return `${connected ? 'Disconnect' : 'Connect'}${kind}`
  })
}

function systemDocument(document: JsonObject, bmc: Bmc): JsonObject {
  const schema = 'http://ts.fujitsu.com/redfish-schemas/v1/FTSSchema.v1_0_0#FTSComputerSystem.VirtualMedia'
  return {
    ...without(withContext(document), 'LastResetTime', 'BootProgress'),
    Actions: {
      ...part(document, 'Actions'),
      Oem: {
        [schema]: { target: actionPath(bmc), [`${action}@Redfish.AllowableValues`]: possibleActions(bmc) },
      },
    },
    Oem: { ts_fujitsu: { VirtualMedia: link(configPath(bmc)) } },
  }
}

function remoteMount(bmc: Bmc): Branch {
  const path = configPath(bmc)
  const empty = Object.fromEntries(fields.map((field) => [field, '']))
  let written: Readonly<Record<string, JsonObject>> = { CD: empty, HD: empty }

  const document = (): JsonObject => ({
    '@odata.id': path,
    '@odata.type': '#FTSVirtualMedia.v1_0_0.FTSVirtualMedia',
    Id: 'VirtualMedia',
    Name: 'Virtual Media Settings',
    RemoteMountEnabled: true,
    UsbAttachMode: 'AutoAttach',
    ...Object.fromEntries(
      Object.entries(written).map(([kind, image]) => [kind, { ...image, Password: null, MaximumNumberOfDevices: 1 }]),
    ),
  })

  const configure = (request: BmcRequest): Reply => {
    const stale = checkIfMatch(bmc.profile.etags, request, written)
    if (stale !== null) return stale
    const read = objectBody(request)
    if ('refusal' in read) return read.refusal
    const unknown = checkKnown(read.body, kinds)
    if (unknown !== null) return unknown
    for (const [kind, image] of Object.entries(read.body)) {
      const wrong = checkImage(kind, image)
      if (wrong !== null) return wrong
      written = { ...written, [kind]: { ...written[kind], ...part(read.body, kind) } }
    }
    return bmc.profile.messages.done
  }

  const connect = async (request: BmcRequest): Promise<Reply> => {
    const read = objectBody(request)
    if ('refusal' in read) return read.refusal
    const wanted = read.body[action]
    // 9.69F and later reject the former name of the parameter.
    if (wanted === undefined) return refuse(400, { key: 'ActionParameterMissing', args: [request.path, action] })
    const args = [quote(wanted), action, request.path]
    if (typeof wanted !== 'string' || !possibleActions(bmc).includes(wanted))
      return refuse(400, { key: 'ActionParameterValueNotInList', args, related: [`/${action}`] })
    const slot = bmc.slots.find(({ profile }) => wanted.endsWith(profile.name))
    if (slot === undefined) throw new RangeError(`no slot for ${wanted}`)
    if (wanted.startsWith('Disconnect')) return ejectImage(bmc, slot)
    const reply = await insertImage(bmc, slot, { Image: addressOf(written[slot.profile.name] ?? {}) }, request.path)
    return reply.refusal?.key === 'ResourceInUse' ? reply : bmc.profile.messages.done
  }

  return branch({
    [path]: { methods: { GET: () => tagged(document(), etagOf(bmc.profile.etags, written)), PATCH: configure } },
    [actionPath(bmc)]: { methods: { POST: connect } },
  })
}

function checkImage(kind: string, image: Json): Reply | null {
  if (!isObject(image))
    return refuse(400, { key: 'PropertyValueTypeError', args: [quote(image), kind], related: [`/${kind}`] })
  const unknown = checkKnown(image, fields, `/${kind}`)
  if (unknown !== null) return unknown
  const type = image['ShareType']
  if (type === undefined || ['NFS', 'SMB', 'HTTPS'].some((known) => known === type)) return null
  const related = [`/${kind}/ShareType`]
  return refuse(400, { key: 'PropertyValueNotInList', args: [quote(type), 'ShareType'], related })
}

/** The address that the four properties stand for; shares over NFS and SMB do not exist in the simulated world. */
function addressOf({ Server: server, ShareName: share, ImageName: image, ShareType: type }: JsonObject): string {
  const path = [share, image].map((text) => String(text ?? '').replace(/^\/+|\/+$/g, '')).filter((text) => text !== '')
  return `${String(type).toLowerCase()}://${String(server)}/${path.join('/')}`
}
