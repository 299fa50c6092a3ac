/** What is mounted where a collection lists nothing else: its members come and go with the media (quirks.md 5). */
import type { Call } from './call.ts'
import { memberLinks } from './collection.ts'
import type { Located } from './locate.ts'
import { valueAt } from './pointer.ts'
import type { SlotWay } from './quirks/slot-ways.ts'
import type { Service } from './service.ts'
import { type MediaState, mediaState } from './slots.ts'

/** Filled while the collection has a member, which then says with what. */
export async function stateOfCollection(
  service: Service,
  call: Call,
  located: Located,
  way: SlotWay,
): Promise<MediaState> {
  const empty: MediaState = { inserted: false, image: null, connectedVia: null }
  for (const owner of [located.system, ...(await located.managers(call))]) {
    if (owner.doc['VirtualMedia'] === undefined) continue
    const collection = await service.readOptional(call, service.follow(call, owner.doc['VirtualMedia'], owner.path))
    if (collection === null) continue
    if (way.slot?.in === 'collection' && valueAt({ collection: collection.doc }, way.slot) === undefined) continue
    const [member] = memberLinks(service, call, collection)
    if (member === undefined) return empty
    const shown = await service.readOptional(call, member)
    return shown === null ? empty : mediaState({ Inserted: true, ...shown.doc }, located.profile)
  }
  return empty
}
