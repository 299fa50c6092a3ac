/** The virtual media collections with their slots, and the standard ways to insert and eject. */
import type { Bmc } from '../bmc/bmc.ts'
import type { Slot } from '../bmc/media.ts'
import { refuse } from '../bmc/messages.ts'
import type { BmcRequest, JsonObject, Reply } from '../bmc/reply.ts'
import type { MediaCollection } from '../bmc/traits.ts'
import { checkIfMatch, etagOf, tagged } from './etag.ts'
import { checkInsert, ejectImage, insertImage } from './insertion.ts'
import { type Branch, checkKnown, collection, objectBody, ok, type Resource } from './resource.ts'

type Action = 'InsertMedia' | 'EjectMedia'

export function virtualMedia(bmc: Bmc): Branch {
  const found = new Map<string, { resource: Resource; slot: Slot | null }>()
  for (const media of bmc.profile.mediaCollections) {
    const root = bmc.mediaPath(media)
    found.set(root, { resource: { methods: { GET: () => ok(listDocument(bmc, media)) } }, slot: null })
    for (const slot of slotsOf(bmc, media)) {
      const path = `${root}/${slot.profile.name}`
      const { operated = 'actions' } = slot.profile
      const patched = operated === 'patch' || operated === 'both'
      const get = () => tagged(document(bmc, slot, path), etagOf(bmc.profile.etags, changeable(slot)))
      const write = { PATCH: (request: BmcRequest) => change(bmc, slot, request) }
      found.set(path, { slot, resource: { methods: { GET: get, ...(patched ? write : {}) } } })
      if (!hasActions(slot)) continue
      const insert = { POST: (request: BmcRequest) => insertMedia(bmc, slot, request) }
      const eject = { POST: (request: BmcRequest) => ejectMedia(bmc, slot, request) }
      found.set(actionPath(path, 'InsertMedia'), { slot, resource: { methods: insert } })
      found.set(actionPath(path, 'EjectMedia'), { slot, resource: { methods: eject } })
    }
  }
  return (path) => {
    const entry = found.get(path)
    if (entry === undefined || (entry.slot !== null && !isListed(bmc, entry.slot))) return null
    return entry.resource
  }
}

function slotsOf(bmc: Bmc, { slots }: MediaCollection): readonly Slot[] {
  return slots.flatMap((name) => bmc.slots.find((slot) => slot.profile.name === name) ?? [])
}

function isListed(bmc: Bmc, slot: Slot): boolean {
  return bmc.behaviour.lists?.(slot) ?? true
}

function hasActions({ profile }: Slot): boolean {
  return profile.operated === undefined || profile.operated === 'actions' || profile.operated === 'both'
}

function actionPath(path: string, action: Action): string {
  return `${path}/Actions/VirtualMedia.${action}`
}

function listDocument(bmc: Bmc, media: MediaCollection): JsonObject {
  const root = bmc.mediaPath(media)
  const members = slotsOf(bmc, media)
    .filter((slot) => isListed(bmc, slot))
    .map((slot) => `${root}/${slot.profile.name}`)
  const base = collection(root, 'VirtualMediaCollection', 'Virtual Media Collection', members)
  return bmc.profile.documents?.collection?.(base, bmc) ?? base
}

function changeable({ request, inserted }: Slot): JsonObject {
  return { Image: request?.image ?? null, Inserted: inserted }
}

function document(bmc: Bmc, slot: Slot, path: string): JsonObject {
  const { request, inserted, profile } = slot
  const action = (name: Action) => ({ [`#VirtualMedia.${name}`]: { target: actionPath(path, name) } })
  const base: JsonObject = {
    '@odata.id': path,
    '@odata.type': '#VirtualMedia.v1_6_0.VirtualMedia',
    Id: profile.name,
    Name: profile.mediaTypes.includes('USBStick') && !profile.mediaTypes.includes('CD') ? 'Virtual Disk' : 'Virtual CD',
    ...(profile.mediaTypes.length === 0 ? {} : { MediaTypes: profile.mediaTypes }),
    Image: request?.image ?? null,
    ImageName: request === null ? null : imageName(request.image),
    Inserted: inserted,
    ConnectedVia: inserted ? 'URI' : 'NotConnected',
    WriteProtected: request?.writeProtected ?? null,
    TransferMethod: request?.transferMethod ?? null,
    TransferProtocolType: request?.transferProtocolType ?? null,
    UserName: request?.userName ?? null,
    Password: null,
    ...(hasActions(slot) ? { Actions: { ...action('InsertMedia'), ...action('EjectMedia') } } : {}),
  }
  return bmc.profile.documents?.media?.(base, bmc, slot) ?? base
}

/** The file name at the end of an image's address. */
export function imageName(image: string): string {
  return new URL(image).pathname.split('/').at(-1) ?? ''
}

async function insertMedia(bmc: Bmc, slot: Slot, request: BmcRequest): Promise<Reply> {
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  const { body } = read
  const refusal = checkKnown(body, bmc.profile.insertParameters) ?? checkInsert(bmc, body, request.path)
  return refusal ?? (await insertImage(bmc, slot, body, request.path))
}

/** The body may be absent: the action has no required parameter (DSP0266, "POST (action)"), and sushy sends none. */
function ejectMedia(bmc: Bmc, slot: Slot, request: BmcRequest): Reply {
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  return checkKnown(read.body, []) ?? ejectImage(bmc, slot)
}

/** A PATCH of the slot itself: an `Image` inserts, `Image: null` ejects (quirks.md 5, XCC and iLO 4). */
async function change(bmc: Bmc, slot: Slot, request: BmcRequest): Promise<Reply> {
  const stale = checkIfMatch(bmc.profile.etags, request, changeable(slot))
  if (stale !== null) return stale
  const read = objectBody(request)
  if ('refusal' in read) return read.refusal
  const { body } = read
  const own = bmc.behaviour.changeSlot?.(slot, body) ?? null
  if (own !== null) return own
  const unknown = checkKnown(body, bmc.profile.insertParameters)
  if (unknown !== null) return unknown
  if (body['Image'] === undefined) return refuse(400, { key: 'EmptyJSON' })
  if (body['Image'] === null) return ejectImage(bmc, slot)
  const missing = bmc.profile.insertRequires.find((name) => body[name] === undefined)
  if (missing !== undefined) return refuse(400, { key: 'PropertyMissing', args: [missing], related: [`/${missing}`] })
  return checkInsert(bmc, body, request.path) ?? (await insertImage(bmc, slot, body, request.path))
}
