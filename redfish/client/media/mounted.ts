/** The media of a collection whose members come and go with the media (quirks.md 5). */
import type { Call } from '../call.ts'
import { valueAt } from '../documents/pointer.ts'
import type { SlotWay } from '../quirks/slot-ways.ts'
import { memberLinks } from '../service/collection.ts'
import type { Service } from '../service/service.ts'
import type { Located } from '../system/locate.ts'
import { type MediaState, mediaState } from './slots.ts'

const EMPTY: MediaState = { inserted: false, image: null, connectedVia: null }

/** Inserted if the collection has any member; the client does not read the image. */
export async function fillOfCollection(
  service: Service,
  call: Call,
  located: Located,
  way: SlotWay,
): Promise<MediaState> {
  return (await memberOf(service, call, located, way)) === null ? EMPTY : { ...EMPTY, inserted: true }
}

/** The same, with the image that the member names. */
export async function stateOfCollection(
  service: Service,
  call: Call,
  located: Located,
  way: SlotWay,
): Promise<MediaState> {
  const member = await memberOf(service, call, located, way)
  const shown = member === null ? null : await service.readOptional(call, member)
  return shown === null ? EMPTY : mediaState({ Inserted: true, ...shown.doc }, located.profile)
}

/** The link to the first member of the first collection that belongs to this way. */
async function memberOf(service: Service, call: Call, located: Located, way: SlotWay): Promise<string | null> {
  for (const owner of [located.system, ...(await located.managers(call))]) {
    if (owner.doc['VirtualMedia'] === undefined) continue
    const collection = await service.readOptional(call, service.follow(call, owner.doc['VirtualMedia'], owner.path))
    if (collection === null) continue
    if (way.slot?.in === 'collection' && valueAt({ collection: collection.doc }, way.slot) === undefined) continue
    return memberLinks(service, call, collection)[0] ?? null
  }
  return null
}
