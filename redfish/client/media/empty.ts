/** Emptying one slot, and reading a slot back until it shows what was accepted (quirks.md 6). */
import type { BmcError } from '../../failure.ts'
import { refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import type { Profile } from '../quirks/profile.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import { until } from '../service/until.ts'
import { type SlotDriver, tellingMedia } from './slot-driver.ts'
import { mediaState } from './slots.ts'

/** Ceiling of the poll interval as a multiple of the first one: a slot that is not ready soon may need a minute. */
const POLL_GROWTH_MAX = 2.5

/**
 * Empties a slot and resolves once it reads as empty, with whether it had been so before. An image that is named but
 * not inserted counts as held: XCC shows it before it is attached (quirks.md 6).
 */
export async function empty(service: Service, call: Call, driver: SlotDriver, profile: Profile): Promise<boolean> {
  const state = await driver.lastState()
  const leftover = profile.emptyWhenNotConnected && state.connectedVia === 'NotConnected'
  if (!state.inserted && (state.image === null || leftover)) return true
  await eject(driver, () => call.countRepeat())
  const emptied = await untilShown(service, call, 'eject', profile, async () => {
    return (await driver.state()).inserted ? null : true
  })
  if (emptied !== null) return false
  const detail = `the BMC accepted the eject but the slot still showed media after ${service.limits.confirmTimeoutMs} ms`
  throw notConfirmed(service, call, driver.path, { action: 'eject', detail })
}

/**
 * Ejects by the action that an earlier client read, without a look before; the look after it decides. False where the
 * slot does not read as empty then: the caller goes the usual way.
 */
export async function emptyAsLearned(
  service: Service,
  call: Call,
  { path, learned, profile }: { readonly path: string; readonly learned: string; readonly profile: Profile },
): Promise<boolean> {
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

/**
 * Tries the requests that may empty the slot until one is accepted. A refusal by a slot that reads as empty is a
 * success: iDRAC and iLO refuse to eject nothing (quirks.md 6).
 */
export async function eject(driver: SlotDriver, onRepeat: () => void = () => {}): Promise<void> {
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

/**
 * Reads a slot back until `look` gives a value, or null when the time is over. The first look comes after the time that
 * most BMCs, or this one, need to show a change.
 */
export async function untilShown<T>(
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

export function notConfirmed(
  service: Service,
  call: Call,
  path: string,
  said: { readonly action: 'insert' | 'eject'; readonly detail: string },
): BmcError {
  return service.fail(call, { kind: 'not-confirmed', retry: false, ...said }, { method: 'GET', target: path })
}
