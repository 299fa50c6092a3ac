/**
 * Virtual media: insert and eject. The client ejects whatever a slot holds before an insert, and both resolve only when
 * the slot was read back in the wanted state (spec/redfish.md "Operations", quirks.md 6). Reading order of the folder:
 * this file, `empty.ts`, `slot-driver.ts` with the ways to fill a slot (`insert-ladder.ts`, `insert-body.ts`), then
 * `slot-search.ts` and `slots.ts`, which find the slots.
 */
import type { Bmc, EjectResult, InsertResult } from '../../bmc.ts'
import { mayStillHappen, type Refusal, refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import type { Service } from '../service/service.ts'
import type { LocateFor } from '../system/locate.ts'
import { eject, empty, emptyAsLearned, notConfirmed, untilShown } from './empty.ts'
import { createInsertLadder, type InsertLadder } from './insert-ladder.ts'
import { driveSlot, type SlotDriver } from './slot-driver.ts'
import { searchSlots } from './slot-search.ts'
import { type MediaState, showsImage } from './slots.ts'

type Media = Pick<Bmc, 'insertMedia' | 'ejectMedia'>

/** The slots of one BMC as this client has used them. */
type Slots = {
  readonly service: Service
  readonly locateFor: LocateFor
  readonly ladder: InsertLadder
  /** Slots that this client has filled: the job uses what is in them, so that it stays. */
  readonly filled: Set<string>
  /** Slots that this client has emptied since. */
  readonly emptied: Set<string>
}

type Inserted = { readonly state: MediaState; readonly alsoEjected: readonly string[] }

export function createMedia(service: Service, locateFor: LocateFor): Media {
  const ladder = createInsertLadder(service)
  const slots: Slots = { service, locateFor, ladder, filled: new Set(), emptied: new Set() }
  const { filled, emptied } = slots

  return {
    async insertMedia({ slot, image }, options): Promise<InsertResult> {
      const call = service.begin('insertMedia', { ...options, image })
      const path = service.follow(call, slot, slot)
      emptied.delete(path)
      const { state, alsoEjected } = await insert(slots, call, path, image)
      filled.add(path)
      return { ...call.facts(), slot, confirmed: state, alsoEjected }
    },
    async ejectMedia({ slot }, options): Promise<EjectResult> {
      const call = service.begin('ejectMedia', options)
      const path = service.follow(call, slot, slot)
      const alreadyEmpty = await ejectAny(slots, call, path)
      filled.delete(path)
      emptied.add(path)
      return { ...call.facts(), slot, alreadyEmpty }
    },
  }
}

/** Resolves with true when nothing was seen in the slot before. */
async function ejectAny(slots: Slots, call: Call, path: string): Promise<boolean> {
  const { service, locateFor, emptied } = slots
  const learned = emptied.has(path) ? undefined : service.memory.known().ejects?.[path]
  const { profile } = await locateFor(call)
  if (learned !== undefined && (await emptyAsLearned(service, call, { path, learned, profile }))) return false
  return empty(service, call, await drive(slots, call, path), profile)
}

async function insert(slots: Slots, call: Call, path: string, image: string): Promise<Inserted> {
  const { service, locateFor } = slots
  const driver = await drive(slots, call, path)
  await empty(service, call, driver, (await locateFor(call)).profile)
  try {
    await driver.insert(image)
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal === null) throw error
    const recovered = await recover(slots, call, driver, image, refusal)
    if (recovered === null) throw error
    return recovered
  }
  const state = await shown(slots, call, driver, image)
  if (state !== null) return { state, alsoEjected: [] }
  const detail = `the BMC accepted the image but the slot did not show it within ${service.limits.confirmTimeoutMs} ms`
  throw notConfirmed(service, call, path, { action: 'insert', detail })
}

/** Tries the remedy for a refused insert; null when there is none, or the slot does not show the image after it. */
async function recover(
  slots: Slots,
  call: Call,
  driver: SlotDriver,
  image: string,
  refusal: Refusal,
): Promise<Inserted | null> {
  let alsoEjected: readonly string[] = []
  if (refusal.problem === 'slot-in-use') {
    // The slot reads as empty and is not: empty it and the others, give the BMC time, insert once more.
    await ignoringRefusals(() => eject(driver))
    alsoEjected = await ejectOthers(slots, call, driver.path)
    await slots.service.pause(call, slots.service.limits.ejectSettleMs)
    call.countRepeat()
    await driver.insert(image)
  } else if (!mayStillHappen(refusal)) return null
  const state = await shown(slots, call, driver, image)
  return state === null ? null : { state, alsoEjected }
}

/** Empties the other slots that hold media which this client did not insert. */
async function ejectOthers(slots: Slots, call: Call, path: string): Promise<readonly string[]> {
  const { best } = await searchSlots(slots.service, call, await slots.locateFor(call))
  const ejected: string[] = []
  for (const slot of best?.slots ?? []) {
    if (slot.id === path || !slot.inserted || slots.filled.has(slot.id)) continue
    await ignoringRefusals(async () => eject(await drive(slots, call, slot.id)))
    ejected.push(slot.id)
  }
  return ejected
}

async function shown(
  { service, locateFor }: Slots,
  call: Call,
  driver: SlotDriver,
  image: string,
): Promise<MediaState | null> {
  const { profile } = await locateFor(call)
  return untilShown(service, call, 'insert', profile, async () => {
    const state = await driver.state()
    return showsImage(state, image) ? state : null
  })
}

async function drive({ service, locateFor, ladder }: Slots, call: Call, path: string): Promise<SlotDriver> {
  return driveSlot(service, call, { located: await locateFor(call), ladder, path })
}

/** For a request that is only worth a try: the insert that follows tells whether it helped. */
async function ignoringRefusals(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (refusalOf(error) === null) throw error
  }
}
