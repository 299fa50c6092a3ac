/**
 * Finds the virtual media slots: in the collections of the System and of its Managers, in the vendors' own places, and,
 * where none of them has a slot for a CD, at the other Managers (quirks.md 2, 3). Only reads.
 */
import type { MediaLayout, MediaSlot, PassedOverSlot } from '../../bmc.ts'
import { BmcError, type BmcFailure } from '../../failure.ts'
import type { Call } from '../call.ts'
import { type Documents, valueAt } from '../documents/pointer.ts'
import { lastSegment, linkOf } from '../documents/resource.ts'
import { SLOT_WAYS, type SlotWay } from '../quirks/slot-ways.ts'
import type { Answer } from '../service/answer.ts'
import { memberLinks, readMembers, samePathKey } from '../service/collection.ts'
import type { Service } from '../service/service.ts'
import { type Located, readAllManagers } from '../system/locate.ts'
import { stateOfCollection } from './mounted.ts'
import { bestCollection, chooseLayout, describeSlot, hasMediaAction, inOrder, mediaState } from './slots.ts'

/** One place that has slots: a VirtualMedia collection, or a resource of the vendor's own. */
export type SlotSource = {
  readonly owner: Answer
  readonly path: string
  /** Null when the BMC refused the read, by `failure`. */
  readonly document: Answer | null
  readonly failure: BmcFailure | null
  readonly slots: readonly MediaSlot[]
  readonly passedOver: readonly PassedOverSlot[]
  readonly layout: MediaLayout | null
}

export type SlotSearch = { readonly sources: readonly SlotSource[]; readonly best: SlotSource | null }

/**
 * Reads the places one after the other and stops at the first with two CD slots, the System's before the Managers':
 * iDRAC9 from 6.00 lists the same media under its Manager, where an insert fails (quirks.md 6). `ownOnly` leaves out the
 * Managers of other Systems.
 */
export async function searchSlots(
  service: Service,
  call: Call,
  located: Located,
  how: { readonly ownOnly: boolean } = { ownOnly: false },
): Promise<SlotSearch> {
  const sources: SlotSource[] = []
  const seen = new Set<string>()
  const visit = async (owners: readonly Answer[]): Promise<boolean> => {
    for (const owner of owners) {
      for (const place of placesOf(service, call, located, owner)) {
        const key = samePathKey(place.path)
        if (seen.has(key)) continue
        seen.add(key)
        const source = await readSource(service, call, located, owner, place)
        sources.push(source)
        if (source.layout?.kind === 'two-cds') return true
      }
    }
    return sources.some(({ layout }) => layout !== null)
  }
  const managers = await located.managers(call)
  if (!(await visit([located.system, ...managers])) && !how.ownOnly) {
    const known = new Set(managers.map(({ path }) => samePathKey(path)))
    const others = await readAllManagers(service, call, await located.root(call))
    await visit(others.filter(({ path }) => !known.has(samePathKey(path))))
  }
  return { sources, best: bestCollection(sources) }
}

type Place = { readonly path: string; readonly way: SlotWay | null }

function placesOf(service: Service, call: Call, located: Located, owner: Answer): readonly Place[] {
  const documents: Documents = { system: located.system.doc }
  const own = SLOT_WAYS.flatMap((way) => {
    const link = owner === located.system && way.slot?.in === 'system' ? valueAt(documents, way.slot) : undefined
    return linkOf(link) === null ? [] : [{ path: service.follow(call, link, owner.path), way }]
  })
  const link = owner.doc['VirtualMedia']
  const standard = linkOf(link) === null ? [] : [{ path: service.follow(call, link, owner.path), way: null }]
  return [...own, ...standard]
}

async function readSource(
  service: Service,
  call: Call,
  located: Located,
  owner: Answer,
  place: Place,
): Promise<SlotSource> {
  const { path } = place
  const document = await readOrRefused(service, call, path)
  if (!('doc' in document)) {
    return { owner, path, document: null, failure: document, slots: [], passedOver: [], layout: null }
  }
  const found =
    place.way === null
      ? await slotsOfCollection(service, call, located, document)
      : { failure: null, slots: [await linkedSlot(service, call, located, document, place.way)], passedOver: [] }
  return { owner, path, document, ...found, layout: chooseLayout(found.slots, located.profile) }
}

async function linkedSlot(service: Service, call: Call, located: Located, slot: Answer, way: SlotWay) {
  const state =
    way.shown === 'in-collection'
      ? await stateOfCollection(service, call, located, way)
      : mediaState(slot.doc, located.profile)
  return ownSlot(slot, way, state.inserted)
}

async function slotsOfCollection(
  service: Service,
  call: Call,
  located: Located,
  collection: Answer,
): Promise<Pick<SlotSource, 'slots' | 'passedOver' | 'failure'>> {
  const { profile, system } = located
  for (const way of SLOT_WAYS.filter(({ slot }) => slot?.in === 'collection')) {
    const link = way.slot === null ? undefined : valueAt({ collection: collection.doc }, way.slot)
    if (linkOf(link) === null) continue
    const slot = await readOrRefused(service, call, service.follow(call, link, collection.path))
    if (!('doc' in slot)) return { failure: slot, slots: [], passedOver: [] }
    // The members of such a collection are the mounted media, not the slots.
    const mounted = memberLinks(service, call, collection).length > 0
    return { failure: null, slots: [ownSlot(slot, way, mounted)], passedOver: [] }
  }
  const ignored = (path: string) => profile.slotsIgnored?.test(lastSegment(path)) === true
  const members = inOrder(await readMembers(service, call, collection, ignored))
  const ways = new Map(members.map((member) => [member, operationOf(member, system)]))
  const acting = members.some((member) => ways.get(member) !== 'patch')
  const usable = members.filter((member) => !acting || ways.get(member) !== 'patch')
  for (const member of usable) service.handover.leave(member)
  const passedOver = [
    ...inOrder(
      memberLinks(service, call, collection)
        .filter(ignored)
        .map((path) => ({ path, doc: {} })),
    ).map(({ path }) => ({
      id: path,
      reason: 'it is for uploads or the console only',
    })),
    ...members
      .filter((member) => !usable.includes(member))
      .map(({ path }) => ({ id: path, reason: 'it has no action to insert media: it is for the console only' })),
  ]
  const slots = usable.map((member) =>
    describeSlot(member, {
      operation: ways.get(member) ?? 'patch',
      inserted: mediaState(member.doc, profile).inserted,
      mediaTypes: [],
    }),
  )
  return { failure: null, slots, passedOver }
}

/** The operation that fills a member: the standard action, the vendor's own way that it shows, else a write (XCC). */
function operationOf(member: Answer, system: Answer): string {
  if (hasMediaAction(member)) return 'action'
  return wayOf(member, system)?.name ?? 'patch'
}

/** The vendor's own way that a slot shows, where it has no standard action; null when it shows none. */
export function wayOf(slot: Answer, system: Answer): SlotWay | null {
  const documents: Documents = { slot: slot.doc, system: system.doc }
  return (
    SLOT_WAYS.find(({ slot: own, insert }) => {
      if (own?.in === 'system' && samePathKey(linkOf(valueAt(documents, own)) ?? '') !== samePathKey(slot.path)) {
        return false
      }
      return insert.every((step) => step.kind === 'write' || valueAt(documents, step.action) !== undefined)
    }) ?? null
  )
}

function ownSlot(slot: Answer, way: SlotWay, inserted: boolean): MediaSlot {
  return describeSlot(slot, { operation: way.name, inserted, mediaTypes: way.mediaTypes })
}

/** The document, or the BMC's refusal to show it; other failures are thrown. */
async function readOrRefused(service: Service, call: Call, path: string): Promise<Answer | BmcFailure> {
  try {
    return await service.read(call, path)
  } catch (error) {
    if (error instanceof BmcError && error.failure.kind === 'refused') return error.failure
    throw error
  }
}
