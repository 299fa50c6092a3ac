/** How a host is switched on, switched off and restarted, each by one reset or two (quirks.md 9). */
import type { ResetType } from '../../vocabulary.ts'
import type { Service } from '../service/service.ts'
import type { LocateFor } from '../system/locate.ts'
import type { Host } from './host.ts'
import { howResetShows, isOff, isOn, resetEvidence } from './reset-evidence.ts'
import type { Goal, ResetSteps, Run, Step } from './reset-step.ts'
import { powerOnType, restartSteps } from './reset-types.ts'

export const switchedOn: Goal = (now) => (isOn(now.power) ? 'power-state' : null)
export const switchedOff: Goal = (now) => (isOff(now.power) ? 'power-state' : null)

export type Moves = {
  switchOn(run: Run, reason: string): Promise<Step>
  switchOff(run: Run, type: 'GracefulShutdown' | 'ForceOff', reason: string): Promise<Step>
  /** Restarts a host that is on: by the mildest reset that the BMC offers, then by the next harder one. */
  restart(run: Run): Promise<Step>
}

export function createMoves(
  service: Service,
  { locateFor, host, resets }: { locateFor: LocateFor; host: Host; resets: ResetSteps },
): Moves {
  const { limits } = service
  const { step, watch } = resets
  /** When this client saw the host go off last. */
  let offAtMs: number | null = null

  const switchOn: Moves['switchOn'] = async (run, reason) => {
    const type = powerOnType(run.offered)
    if (type === null) return { kind: 'nothing', reason: 'the BMC offers no reset that switches on', refused: true }
    const { profile } = await locateFor(run.call)
    const restedMs = offAtMs === null ? limits.offRestMs : service.now() - offAtMs
    if (profile.restsAfterOff && restedMs < limits.offRestMs) await service.pause(run.call, limits.offRestMs - restedMs)
    return step(run, { type, reason, goal: switchedOn, lasts: true, timeoutMs: limits.resetTimeoutMs, shows: 'soon' })
  }

  const switchOff: Moves['switchOff'] = async (run, type, reason) => {
    const timeoutMs = type === 'ForceOff' ? limits.resetTimeoutMs : limits.gracefulTimeoutMs
    const done = await step(run, { type, reason, goal: switchedOff, lasts: true, timeoutMs, shows: 'soon' })
    if (done.kind === 'done') offAtMs = service.now()
    return done
  }

  async function offAndOn(run: Run, reason: string): Promise<Step> {
    const off = await switchOff(run, 'ForceOff', reason)
    if (off.kind === 'nothing') return off
    await service.pause(run.call, limits.offPauseMs)
    return switchOn(run, 'second half of off and on')
  }

  async function restartBy(run: Run, type: ResetType, reason: string): Promise<Step> {
    const { first } = run
    const shows = howResetShows(first)
    const hardTimeoutMs = shows === 'never' ? limits.resetLookMs : limits.resetTimeoutMs
    const timeoutMs = type === 'GracefulRestart' ? limits.gracefulTimeoutMs : hardTimeoutMs
    const goal: Goal = (now) => resetEvidence(first, now)
    const done = await step(run, { type, reason, goal, lasts: false, timeoutMs, shows })
    if (done.kind === 'nothing') {
      if (shows !== 'never' || done.refused) return done
      return { kind: 'done', evidence: 'accepted', after: (await host.look(run.call)).power }
    }
    if (isOn(done.after)) return done
    // The host went off. A restart brings it back by itself; the client switches on a host that stays off.
    const back = await watch(run.call, switchedOn, { lasts: true, timeoutMs: limits.resetTimeoutMs })
    if (back !== null) return { ...done, after: back.after }
    const on = await switchOn(run, `the host stayed off after ${type}`)
    return on.kind === 'done' ? { ...done, after: on.after } : on
  }

  return {
    switchOn,
    switchOff,
    async restart(run) {
      let last: Step = { kind: 'nothing', reason: 'the BMC offers no reset that restarts', refused: true }
      let reason = 'a restart was asked for'
      for (const type of restartOrder(service, run)) {
        last = type === 'off-and-on' ? await offAndOn(run, reason) : await restartBy(run, type, reason)
        if (last.kind === 'done') break
        reason = last.reason
      }
      return last
    },
  }
}

/**
 * The resets of a restart in order: types that this BMC refused before come last, because a firmware update may fix
 * them.
 */
function restartOrder({ memory }: Service, { offered, first }: Run): ReturnType<typeof restartSteps> {
  const refused: ReadonlySet<string> = new Set(memory.known().resetsRefused)
  return restartSteps(offered)
    .filter((type) => type !== 'GracefulRestart' || howResetShows(first) !== 'never')
    .toSorted((a, b) => Number(refused.has(a)) - Number(refused.has(b)))
}
