/**
 * Power and resets. Every request is followed by looking until its effect shows; what shows nothing gives way to the
 * next, harder request (spec/redfish.md "Reset", quirks.md 9). A reset is never sent again blindly: between two
 * requests there is always a look, and before each the caller's `onIntent`.
 *
 * A 202's task monitor is not followed here: BMCs keep it running until the host is up, and the host itself is watched.
 */
import type { Bmc, ResetResult } from '../../bmc.ts'
import type { BmcError, BmcFailure } from '../../failure.ts'
import type { ResetType } from '../../vocabulary.ts'
import { bootDocuments, readOverride } from '../boot/override.ts'
import type { Call } from '../call.ts'
import type { Service } from '../service/service.ts'
import { ifAnswering, until } from '../service/until.ts'
import type { Located } from '../system/locate.ts'
import { howResetShows, isOff, isOn, judgeReset, requirePower, resetEvidence } from './reset-evidence.ts'
import { createResetSteps, type Goal, type Look, type Run, type Step } from './reset-step.ts'
import { powerOnType, readResetTypes, restartSteps } from './reset-types.ts'

type Power = Pick<Bmc, 'power' | 'restart' | 'resolveReset' | 'powerOff' | 'powerOn' | 'forgetRead'>

/** What was read this short a time ago is as good as read now: by the step just before, or on the way here. */
const FRESH_MS = 2_000

const switchedOn: Goal = (now) => (isOn(now.power) ? 'power-state' : null)
const switchedOff: Goal = (now) => (isOff(now.power) ? 'power-state' : null)

export function createPower(service: Service, locateFor: (call: Call) => Promise<Located>): Power {
  const { limits } = service

  /** When this client saw the host go off last. */
  let offAtMs: number | null = null
  /** What the host showed last, where that was that it is on. */
  let lastOn: { readonly look: Look; readonly atMs: number } | null = null

  async function look(call: Call, ageMsMax = 0): Promise<Look> {
    const { system: known, profile } = await locateFor(call)
    const system = await service.readOnce(call, known.path, ageMsMax)
    const power = requirePower(service, call, system, profile)
    const now = { system, power, override: readOverride(bootDocuments(system.doc, null)) }
    lastOn = isOn(power) ? { look: now, atMs: service.now() } : null
    return now
  }

  async function start(call: Call, first: Look, onIntent: Run['onIntent']): Promise<Run> {
    const { profile } = await locateFor(call)
    const { types: offered } = await readResetTypes(service, call, first.system, profile, { asLearned: true })
    return { call, first, offered, sent: [], onIntent }
  }

  /** What a host that has to be switched shows may be a little old; that there is nothing to do is seen for certain. */
  async function startToSwitch(call: Call, goal: Goal): Promise<Run> {
    const last = await look(call, limits.handoverMsMax)
    return start(call, goal(last) === null ? last : await look(call, FRESH_MS), noIntent)
  }

  const { step, watch } = createResetSteps(service, look)

  async function switchOn(run: Run, reason: string): Promise<Step> {
    const type = powerOnType(run.offered)
    if (type === null) return { kind: 'nothing', reason: 'the BMC offers no reset that switches on', refused: true }
    const { profile } = await locateFor(run.call)
    const restedMs = offAtMs === null ? limits.offRestMs : service.now() - offAtMs
    if (profile.restsAfterOff && restedMs < limits.offRestMs) await service.pause(run.call, limits.offRestMs - restedMs)
    return step(run, { type, reason, goal: switchedOn, lasts: true, timeoutMs: limits.resetTimeoutMs, shows: 'soon' })
  }

  async function switchOff(run: Run, type: 'GracefulShutdown' | 'ForceOff', reason: string): Promise<Step> {
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
    const graceful = type === 'GracefulRestart'
    const shows = howResetShows(first)
    const timeoutMs = graceful
      ? limits.gracefulTimeoutMs
      : shows === 'never'
        ? limits.resetLookMs
        : limits.resetTimeoutMs
    const goal: Goal = (now) => resetEvidence(first, now)
    const done = await step(run, { type, reason, goal, lasts: false, timeoutMs, shows })
    if (done.kind === 'nothing') {
      if (shows !== 'never' || done.refused) return done
      return { kind: 'done', evidence: 'accepted', after: (await look(run.call)).power }
    }
    if (isOn(done.after)) return done
    // It went off. A restart brings it back by itself; a host that stays off is switched on.
    const back = await watch(run.call, switchedOn, { lasts: true, timeoutMs: limits.resetTimeoutMs })
    if (back !== null) return { ...done, after: back.after }
    const on = await switchOn(run, `the host stayed off after ${type}`)
    return on.kind === 'done' ? { ...done, after: on.after } : on
  }

  function finish(run: Run, done: Step): ResetResult {
    if (done.kind === 'nothing') throw unconfirmed(run, done.reason)
    return { ...run.call.facts(), sent: run.sent, evidence: done.evidence, after: done.after }
  }

  function unconfirmed(run: Run, detail: string): BmcError {
    const failure: BmcFailure =
      run.sent.length === 0
        ? { kind: 'unsupported', retry: false, action: 'reset', detail }
        : { kind: 'not-confirmed', retry: false, action: 'reset', detail: `${detail} (sent: ${run.sent.join(', ')})` }
    return service.fail(run.call, failure, { method: 'POST', target: run.first.system.path })
  }

  return {
    forgetRead() {
      lastOn = null
    },

    async power(options) {
      return (await look(service.begin('power', options), FRESH_MS)).power
    },

    async restart({ signal, onIntent }) {
      const call = service.begin('restart', { signal })
      let run = await start(call, await look(call, FRESH_MS), onIntent)
      if (run.first.power.powerState === 'PoweringOff') {
        await watch(run.call, switchedOff, { lasts: true, timeoutMs: limits.gracefulTimeoutMs })
        run = { ...run, first: await look(run.call) }
      }
      if (isOff(run.first.power)) return finish(run, await switchOn(run, 'the host is off'))
      const refused = service.memory.known().resetsRefused ?? []
      const steps = restartSteps(run.offered)
        .filter((type) => type !== 'GracefulRestart' || howResetShows(run.first) !== 'never')
        // What was refused before goes last and not away: firmware is updated.
        .toSorted((a, b) => Number(refused.some((type) => type === a)) - Number(refused.some((type) => type === b)))
      let last: Step = { kind: 'nothing', reason: 'the BMC offers no reset that restarts', refused: true }
      let reason = 'a restart was asked for'
      for (const type of steps) {
        last = type === 'off-and-on' ? await offAndOn(run, reason) : await restartBy(run, type, reason)
        if (last.kind === 'done') break
        reason = last.reason
      }
      return finish(run, last)
    },

    async resolveReset(intent, options) {
      const call = service.begin('resolveReset', options)
      // A graceful reset that was accepted may still be on its way: its "no" needs all the patience it would get.
      const graceful = intent.resetType === 'GracefulRestart' || intent.resetType === 'GracefulShutdown'
      const timeoutMs = graceful ? limits.gracefulTimeoutMs : limits.resetLookMs
      const wait = { timeoutMs, pollMs: limits.powerPollMs }
      let verdict = judgeReset(intent, await look(call))
      await until(service, call, wait, async () => {
        if (verdict.happened === 'yes') return verdict
        const now = await ifAnswering(() => look(call))
        if (now !== null) verdict = judgeReset(intent, now)
        return verdict.happened === 'yes' ? verdict : null
      })
      return verdict
    },

    async powerOff(options) {
      const call = service.begin('powerOff', options)
      const seen = lastOn !== null && service.now() - lastOn.atMs <= limits.seenOnMsMax ? lastOn.look : null
      // A host that went off meanwhile takes no harm, and the look after it tells.
      const run = seen === null ? await startToSwitch(call, switchedOff) : await start(call, seen, noIntent)
      if (isOff(run.first.power)) return finish(run, { kind: 'done', evidence: 'power-state', after: run.first.power })
      let reason = 'power off was asked for'
      if (run.offered.includes('GracefulShutdown')) {
        const graceful = await switchOff(run, 'GracefulShutdown', reason)
        if (graceful.kind === 'done') return finish(run, graceful)
        reason = graceful.reason
      }
      return finish(run, await switchOff(run, 'ForceOff', reason))
    },

    async powerOn(options) {
      const run = await startToSwitch(service.begin('powerOn', options), switchedOn)
      if (isOn(run.first.power)) return finish(run, { kind: 'done', evidence: 'power-state', after: run.first.power })
      return finish(run, await switchOn(run, 'power on was asked for'))
    },
  }
}

/** Switching to a state is safe to repeat, so that nobody has to be told before. */
async function noIntent(): Promise<void> {}
