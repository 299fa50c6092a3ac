/**
 * Virtual media: insert and eject. Whatever a slot holds is ejected before an insert, and both resolve only when the
 * slot was read back in the wanted state (spec/redfish.md "Operations", quirks.md 6).
 */
import type { Bmc, EjectResult, InsertResult } from '../../bmc.ts'
import { mayStillHappen, type Refusal, refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import type { Profile } from '../quirks/profile.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import { until } from '../service/until.ts'
import type { Located } from '../system/locate.ts'
import { createInsertLadder } from './insert-ladder.ts'
import { driveSlot, type SlotDriver, tellingMedia } from './slot-driver.ts'
import { searchSlots } from './slot-search.ts'
import { type MediaState, mediaState, showsImage } from './slots.ts'

type Media = Pick<Bmc, 'insertMedia' | 'ejectMedia'>

/** So much longer than the first the pauses between two looks become: what is not there soon may need a minute. */
const POLL_GROWTH_MAX = 2.5

type Inserted = { readonly state: MediaState; readonly alsoEjected: readonly string[] }

export function createMedia(service: Service, locateFor: (call: Call) => Promise<Located>): Media {
  const ladder = createInsertLadder(service)
  /** Slots that this client has filled: what is in them is in use by the job, and stays. */
  const filled = new Set<string>()
  /** Slots that it has emptied since. */
  const emptied = new Set<string>()
  const { ejectSettleMs } = service.limits

  async function drive(call: Call, path: string): Promise<SlotDriver> {
    return driveSlot(service, call, { located: await locateFor(call), ladder, path })
  }

  async function insert(call: Call, path: string, image: string): Promise<Inserted> {
    const driver = await drive(call, path)
    await empty(service, call, driver, (await locateFor(call)).profile)
    try {
      await driver.insert(image)
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null) throw error
      const recovered = await recover(call, driver, image, refusal)
      if (recovered === null) throw error
      return recovered
    }
    const state = await shown(call, driver, image)
    if (state !== null) return { state, alsoEjected: [] }
    const detail = `the BMC accepted the image but the slot did not show it within ${service.limits.confirmTimeoutMs} ms`
    throw service.fail(call, notConfirmed('insert', detail), { method: 'GET', target: path })
  }

  /** What can still be done after a refusal; null when the image is not in after all. */
  async function recover(call: Call, driver: SlotDriver, image: string, refusal: Refusal): Promise<Inserted | null> {
    if (refusal.problem === 'slot-in-use') {
      // The slot looked empty and is not: empty it all the same and the others besides it, give the BMC time, try once.
      await ignoringRefusals(() => eject(driver))
      const alsoEjected = await ejectOthers(call, driver.path)
      await service.pause(call, ejectSettleMs)
      call.countRepeat()
      await driver.insert(image)
      const state = await shown(call, driver, image)
      return state === null ? null : { state, alsoEjected }
    }
    if (!mayStillHappen(refusal)) return null
    const state = await shown(call, driver, image)
    return state === null ? null : { state, alsoEjected: [] }
  }

  /** Empties the other slots that hold something which this client did not put there. */
  async function ejectOthers(call: Call, path: string): Promise<readonly string[]> {
    const { best } = await searchSlots(service, call, await locateFor(call))
    const ejected: string[] = []
    for (const slot of best?.slots ?? []) {
      if (slot.id === path || !slot.inserted || filled.has(slot.id)) continue
      await ignoringRefusals(async () => eject(await drive(call, slot.id)))
      ejected.push(slot.id)
    }
    return ejected
  }

  /**
   * Ejects without a look before, where a client has read the slot's action; the look after it is what counts. False
   * where the slot does not read as empty then: the usual way follows.
   */
  async function ejectAsLearned(call: Call, path: string): Promise<boolean> {
    const learned = service.memory.known().ejects?.[path]
    if (learned === undefined || emptied.has(path)) return false
    const { profile } = await locateFor(call)
    let last: Answer | null = null
    const isEmpty = async () => {
      last = tellingMedia(service, call, await service.read(call, path))
      return !mediaState(last.doc, profile).inserted
    }
    try {
      service.handover.mark(path)
      const write = { body: {}, repeat: 'after-look', look: isEmpty, patient: false } as const
      await followTask(service, call, await service.post(call, service.follow(call, learned, path), write))
      const emptied = await untilShown(service, call, 'eject', profile, async () => ((await isEmpty()) ? true : null))
      if (emptied !== null) return true
    } catch (error) {
      if (refusalOf(error) === null) throw error
    }
    if (last !== null) service.handover.leave(last)
    return false
  }

  async function shown(call: Call, driver: SlotDriver, image: string): Promise<MediaState | null> {
    const { profile } = await locateFor(call)
    return untilShown(service, call, 'insert', profile, async () => {
      const state = await driver.state()
      return showsImage(state, image) ? state : null
    })
  }

  return {
    async insertMedia({ slot, image }, options): Promise<InsertResult> {
      const call = service.begin('insertMedia', { ...options, image })
      const path = service.follow(call, slot, slot)
      emptied.delete(path)
      const { state, alsoEjected } = await insert(call, path, image)
      filled.add(path)
      return { ...call.facts(), slot, confirmed: state, alsoEjected }
    },
    async ejectMedia({ slot }, options): Promise<EjectResult> {
      const call = service.begin('ejectMedia', options)
      const path = service.follow(call, slot, slot)
      if (await ejectAsLearned(call, path)) {
        filled.delete(path)
        emptied.add(path)
        return { ...call.facts(), slot, alreadyEmpty: false }
      }
      const driver = await drive(call, path)
      const alreadyEmpty = await empty(service, call, driver, (await locateFor(call)).profile)
      filled.delete(path)
      emptied.add(path)
      return { ...call.facts(), slot, alreadyEmpty }
    },
  }
}

/**
 * Empties a slot and resolves once it reads as empty, with whether it had been so before. An image that is named but
 * not inserted counts as held: XCC shows it before it is attached (quirks.md 6).
 */
async function empty(service: Service, call: Call, driver: SlotDriver, profile: Profile): Promise<boolean> {
  const state = await driver.lastState()
  const leftover = profile.emptyWhenNotConnected && state.connectedVia === 'NotConnected'
  if (!state.inserted && (state.image === null || leftover)) return true
  await eject(driver, () => call.countRepeat())
  const emptied = await untilShown(service, call, 'eject', profile, async () => {
    return (await driver.state()).inserted ? null : true
  })
  if (emptied !== null) return false
  const detail = `the BMC accepted the eject but the slot still showed media after ${service.limits.confirmTimeoutMs} ms`
  throw service.fail(call, notConfirmed('eject', detail), { method: 'GET', target: driver.path })
}

/** Reads a slot back until it shows what was accepted: after the time that most BMCs, or this one, need for it. */
async function untilShown<T>(
  service: Service,
  call: Call,
  what: 'insert' | 'eject',
  profile: Pick<Profile, 'mediaLag'>,
  look: () => Promise<T | null>,
): Promise<T | null> {
  const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs, mediaSettleMs, mediaLagMs } = service.limits
  await service.pause(call, profile.mediaLag.includes(what) ? mediaLagMs : mediaSettleMs)
  return until(service, call, { timeoutMs, pollMs, pollMsMax: pollMs * POLL_GROWTH_MAX }, look)
}

/**
 * Tries the requests that may empty the slot until one is accepted. A refusal by a slot that reads as empty is a
 * success: iDRAC and iLO refuse to eject nothing (quirks.md 6).
 */
async function eject(driver: SlotDriver, onRepeat: () => void = () => {}): Promise<void> {
  let refused: unknown = null
  for (const way of driver.ejects()) {
    if (refused !== null) onRepeat()
    try {
      return await way()
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null) throw error
      if (!(await driver.state()).inserted) return
      // The first refusal says most: later ones are about a way that was only worth trying.
      refused ??= error
    }
  }
  throw refused
}

/** For what is only worth a try: the insert that follows tells whether it helped. */
async function ignoringRefusals(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (refusalOf(error) === null) throw error
  }
}

function notConfirmed(action: string, detail: string) {
  return { kind: 'not-confirmed', retry: false, action, detail } as const
}
