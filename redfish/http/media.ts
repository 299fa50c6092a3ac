/**
 * Virtual media: insert and eject. Whatever a slot holds is ejected before an insert, and both resolve only when the
 * slot was read back in the wanted state (spec/redfish.md "Operations", quirks.md 6).
 */
import type { Bmc, EjectResult, InsertResult } from '../bmc.ts'
import type { Call } from './call.ts'
import { firstInsertBody, type InsertBody, nextInsertBody } from './insert-body.ts'
import type { Located } from './locate.ts'
import type { Profile } from './quirks.ts'
import { mayStillHappen, type Refusal, refusalOf } from './refusal.ts'
import type { Answer, Service } from './service.ts'
import { type MediaState, mediaAction, mediaState, namesImage, showsImage } from './slots.ts'
import { followTask } from './tasks.ts'
import { until } from './until.ts'

type Media = Pick<Bmc, 'insertMedia' | 'ejectMedia'>

/** The action is not there although it is listed, or not implemented: the slot itself may be written instead. */
const NO_ACTION: ReadonlySet<number> = new Set([404, 405, 501])

/** How this BMC took an image before; kept for the next insert of this client. */
type Learned = { readonly body: InsertBody; readonly method: 'POST' | 'PATCH' }

export function createMedia(service: Service, locateFor: (call: Call) => Promise<Located>): Media {
  let learned: Learned | undefined

  async function insert(call: Call, slot: string, image: string): Promise<MediaState> {
    const { profile } = await locateFor(call)
    const emptied = await emptySlot(service, call, slot, profile)
    const shown = () => readShown(service, call, slot, profile, image)
    try {
      await sendInsert(call, emptied.slot, image, profile)
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null) throw error
      const seen = await recover(call, slot, image, profile, refusal)
      if (seen === null) throw error
      return seen
    }
    const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs } = service.limits
    const state = await until(service, call, { timeoutMs, pollMs }, shown)
    if (state !== null) return state
    const detail = `the BMC accepted the image but the slot did not show it within ${timeoutMs} ms`
    throw service.fail(call, notConfirmed('insert', detail), { method: 'GET', target: slot })
  }

  /** What can still be done after a refusal; the state of the slot when the image is in it after all. */
  async function recover(
    call: Call,
    slot: string,
    image: string,
    profile: Profile,
    refusal: Refusal,
  ): Promise<MediaState | null> {
    const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs, ejectSettleMs } = service.limits
    const shown = () => readShown(service, call, slot, profile, image)
    if (refusal.problem === 'slot-in-use') {
      // The slot looked empty and is not: eject it all the same, give the BMC time, and try once more.
      await sendEject(service, call, await service.read(call, slot), profile)
      await service.pause(call, ejectSettleMs)
      call.countRepeat()
      await sendInsert(call, await service.read(call, slot), image, profile)
      return until(service, call, { timeoutMs, pollMs }, shown)
    }
    if (mayStillHappen(refusal)) {
      return until(service, call, { timeoutMs, pollMs }, shown)
    }
    return null
  }

  async function sendInsert(call: Call, current: Answer, image: string, profile: Profile): Promise<void> {
    const action = mediaAction(current.doc, 'InsertMedia')
    let method: Learned['method'] = action === undefined ? 'PATCH' : (learned?.method ?? 'POST')
    const tried: InsertBody[] = []
    for (let body: InsertBody | null = firstInsertBody(image, profile, learned?.body); body !== null; ) {
      tried.push(body)
      const refusal = await refusedInsert(call, { current, action, method, body, image, profile })
      if (refusal === null) {
        learned = { body, method }
        return
      }
      if (method === 'POST' && NO_ACTION.has(refusal.refusal.status)) {
        method = 'PATCH'
        tried.length = 0
        call.countRepeat()
        continue
      }
      body = nextInsertBody(image, refusal.refusal, tried)
      if (body === null) throw refusal.error
      call.countRepeat()
    }
  }

  async function refusedInsert(
    call: Call,
    insertion: {
      current: Answer
      action: unknown
      method: Learned['method']
      body: InsertBody
      image: string
      profile: Profile
    },
  ): Promise<{ refusal: Refusal; error: unknown } | null> {
    const { current, action, method, body, image, profile } = insertion
    const write = {
      body,
      repeat: 'after-look' as const,
      look: async () => namesImage(mediaState((await service.read(call, current.path)).doc, profile), image),
      readTimeoutMs: service.limits.insertReadTimeoutMs,
    }
    try {
      const written =
        method === 'POST'
          ? await service.post(call, service.follow(call, action, current.path), write)
          : await service.patch(call, current, write)
      await followTask(service, call, written)
      return null
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null) throw error
      return { refusal, error }
    }
  }

  return {
    async insertMedia({ slot, image }, options): Promise<InsertResult> {
      const call = service.begin('insertMedia', { ...options, image })
      const confirmed = await insert(call, service.follow(call, slot, slot), image)
      return { ...call.facts(), slot, confirmed }
    },
    async ejectMedia({ slot }, options): Promise<EjectResult> {
      const call = service.begin('ejectMedia', options)
      const { profile } = await locateFor(call)
      const { alreadyEmpty } = await emptySlot(service, call, service.follow(call, slot, slot), profile)
      return { ...call.facts(), slot, alreadyEmpty }
    },
  }
}

async function readShown(
  service: Service,
  call: Call,
  slot: string,
  profile: Profile,
  image: string,
): Promise<MediaState | null> {
  const state = mediaState((await service.read(call, slot)).doc, profile)
  return showsImage(state, image) ? state : null
}

/**
 * Empties a slot and resolves with its document once it reads as empty. An image that is named but not inserted counts
 * as held: XCC shows it before it is attached (quirks.md 6).
 */
async function emptySlot(
  service: Service,
  call: Call,
  path: string,
  profile: Profile,
): Promise<{ readonly alreadyEmpty: boolean; readonly slot: Answer }> {
  const before = await service.read(call, path)
  const state = mediaState(before.doc, profile)
  const leftover = profile.emptyWhenNotConnected && state.connectedVia === 'NotConnected'
  const held = state.inserted || (state.image !== null && !leftover)
  if (!held) return { alreadyEmpty: true, slot: before }
  await sendEject(service, call, before, profile)
  const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs } = service.limits
  const slot = await until(service, call, { timeoutMs, pollMs }, () => readEmpty(service, call, path, profile))
  if (slot !== null) return { alreadyEmpty: false, slot }
  const detail = `the BMC accepted the eject but the slot still showed media after ${timeoutMs} ms`
  throw service.fail(call, notConfirmed('eject', detail), { method: 'GET', target: path })
}

/**
 * Ejects by the action, else by writing the slot, with and without `Inserted` (iLO 4 does not know it). A refusal by
 * a slot that reads as empty is a success: iDRAC and iLO refuse to eject nothing (quirks.md 6).
 */
async function sendEject(service: Service, call: Call, slot: Answer, profile: Profile): Promise<void> {
  const action = mediaAction(slot.doc, 'EjectMedia')
  const empty = () => readEmpty(service, call, slot.path, profile)
  const write = { repeat: 'after-look' as const, look: async () => (await empty()) !== null }
  const ways = [
    ...(action === undefined
      ? []
      : [() => service.post(call, service.follow(call, action, slot.path), { ...write, body: {} })]),
    () => service.patch(call, slot, { ...write, body: { Image: null, Inserted: false } }),
    () => service.patch(call, slot, { ...write, body: { Image: null } }),
  ]
  let refused: unknown = null
  for (const way of ways) {
    if (refused !== null) call.countRepeat()
    try {
      return await followTask(service, call, await way())
    } catch (error) {
      if (refusalOf(error) === null) throw error
      if ((await empty()) !== null) return
      // The first refusal says most: later ones are about a way that was only worth trying.
      refused ??= error
    }
  }
  throw refused
}

/** The slot's document when it reads as empty, else null. */
async function readEmpty(service: Service, call: Call, path: string, profile: Profile): Promise<Answer | null> {
  const slot = await service.read(call, path)
  return mediaState(slot.doc, profile).inserted ? null : slot
}

function notConfirmed(action: string, detail: string) {
  return { kind: 'not-confirmed', retry: false, action, detail } as const
}
