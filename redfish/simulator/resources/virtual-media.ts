/** The virtual media slots under the Manager, with the insert and eject actions. */
import type { Bmc } from '../bmc.ts'
import type { Slot } from '../media.ts'
import { refuse } from '../messages.ts'
import { type BmcRequest, type Json, type JsonObject, noContent, type Reply } from '../reply.ts'
import { type Branch, branch, checkKnown, collection, objectBody, ok, quote, type Resource } from './resource.ts'

export function virtualMedia(bmc: Bmc): Branch {
  const root = bmc.paths.virtualMedia
  const members = bmc.slots.map((slot) => slotPath(bmc, slot))
  const resources: Record<string, Resource> = {
    [root]: {
      methods: { GET: () => ok(collection(root, 'VirtualMediaCollection', 'Virtual Media Collection', members)) },
    },
  }
  for (const slot of bmc.slots) {
    const path = slotPath(bmc, slot)
    resources[path] = { methods: { GET: () => ok(document(bmc, slot)) } }
    resources[actionPath(path, 'InsertMedia')] = { methods: { POST: (request) => insert(bmc, slot, request) } }
    resources[actionPath(path, 'EjectMedia')] = { methods: { POST: (request) => eject(slot, request) } }
  }
  return branch(resources)
}

function slotPath(bmc: Bmc, slot: Slot): string {
  return `${bmc.paths.virtualMedia}/${slot.profile.name}`
}

function actionPath(path: string, action: 'InsertMedia' | 'EjectMedia'): string {
  return `${path}/Actions/VirtualMedia.${action}`
}

function document(bmc: Bmc, slot: Slot): JsonObject {
  const path = slotPath(bmc, slot)
  const { request, inserted } = slot
  return {
    '@odata.id': path,
    '@odata.type': '#VirtualMedia.v1_6_0.VirtualMedia',
    Id: slot.profile.name,
    Name: 'Virtual CD',
    MediaTypes: slot.profile.mediaTypes,
    Image: request?.image ?? null,
    ImageName: request === null ? null : imageName(request.image),
    Inserted: inserted,
    ConnectedVia: inserted ? 'URI' : 'NotConnected',
    WriteProtected: request?.writeProtected ?? null,
    TransferMethod: request?.transferMethod ?? null,
    TransferProtocolType: request?.transferProtocolType ?? null,
    UserName: request?.userName ?? null,
    Password: null,
    Actions: {
      '#VirtualMedia.InsertMedia': { target: actionPath(path, 'InsertMedia') },
      '#VirtualMedia.EjectMedia': { target: actionPath(path, 'EjectMedia') },
    },
  }
}

function imageName(image: string): string {
  return new URL(image).pathname.split('/').at(-1) ?? ''
}

const types: Readonly<Record<string, 'string' | 'boolean'>> = { Inserted: 'boolean', WriteProtected: 'boolean' }
const values: Readonly<Record<string, readonly Json[]>> = {
  // Nothing but inserting is possible while this action runs, as bmcweb has it.
  Inserted: [true],
  TransferMethod: ['Stream'],
  TransferProtocolType: ['HTTP', 'HTTPS'],
}

async function insert(bmc: Bmc, slot: Slot, request: BmcRequest): Promise<Reply> {
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  const { body } = read
  const refusal = checkKnown(body, bmc.profile.insertParameters) ?? checkParameters(body)
  if (refusal !== null) return refusal

  const image = body['Image']
  if (typeof image !== 'string' || !isWebAddress(image))
    return refuse(400, {
      key: 'ActionParameterValueFormatError',
      args: [quote(image ?? null), 'Image', 'InsertMedia'],
      related: ['/Image'],
    })
  const unusable = await bmc.checkImage(image)
  if (unusable !== null) return refuse(400, { ...unusable, related: ['/Image'] })

  const text = (name: string): string | null => {
    const value = body[name]
    return typeof value === 'string' ? value : null
  }
  const taken = slot.insert({
    image,
    writeProtected: body['WriteProtected'] !== false,
    transferMethod: text('TransferMethod') ?? 'Stream',
    transferProtocolType: text('TransferProtocolType') ?? new URL(image).protocol.slice(0, -1).toUpperCase(),
    userName: text('UserName'),
  })
  return taken ? noContent : refuse(409, { key: 'ResourceInUse' })
}

function checkParameters(body: JsonObject): Reply | null {
  if (body['Image'] === undefined)
    return refuse(400, { key: 'ActionParameterMissing', args: ['InsertMedia', 'Image'], related: ['/Image'] })
  for (const [name, value] of Object.entries(body)) {
    const secret = name === 'Password' || name === 'UserName'
    const about = { args: [secret ? '' : quote(value), name, 'InsertMedia'], related: [`/${name}`] }
    if (typeof value !== (types[name] ?? 'string'))
      return refuse(400, { key: 'ActionParameterValueTypeError', ...about })
    if (values[name] !== undefined && !values[name].includes(value))
      return refuse(400, { key: 'ActionParameterValueNotInList', ...about })
  }
  return null
}

function isWebAddress(image: string): boolean {
  return URL.canParse(image) && /^https?:$/.test(new URL(image).protocol)
}

/** The body may be absent: the action has no required parameter (DSP0266, "POST (action)"), and sushy sends none. */
function eject(slot: Slot, request: BmcRequest): Reply {
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  const unknown = checkKnown(read.body, [])
  if (unknown !== null) return unknown
  slot.eject()
  return noContent
}
