/**
 * Power and resets. After every request the client looks until the effect shows; a request without effect gives way to
 * the next, harder one (spec/redfish.md "Reset", quirks.md 9). The client never sends a reset again blindly: between two
 * requests it looks, and before each it calls the caller's `onIntent`. Reading order of the folder: this file,
 * `moves.ts`, `reset-step.ts`, `host.ts`, then `reset-evidence.ts` and `reset-types.ts`, which decide.
 *
 * The task monitor of a 202 is not followed here: BMCs keep it running until the host is up, and the client watches the
 * host itself.
 */
import type { Bmc, ResetResult } from '../../bmc.ts'
import type { BmcFailure } from '../../failure.ts'
import type { Service } from '../service/service.ts'
import { ifAnswering, until } from '../service/until.ts'
import type { LocateFor } from '../system/locate.ts'
import { createHost, FRESH_MS, noIntent } from './host.ts'
import { createMoves, switchedOff, switchedOn } from './moves.ts'
import { isOff, isOn, judgeReset } from './reset-evidence.ts'
import { createResetSteps, type Run, type Step } from './reset-step.ts'

type Power = Pick<Bmc, 'power' | 'restart' | 'resolveReset' | 'powerOff' | 'powerOn' | 'forgetRead'>

export function createPower(service: Service, locateFor: LocateFor): Power {
  const { limits } = service
  const host = createHost(service, locateFor)
  const resets = createResetSteps(service, host.look)
  const { switchOn, switchOff, restart } = createMoves(service, { locateFor, host, resets })

  return {
    forgetRead: host.forgetRead,

    async power(options) {
      return (await host.look(service.begin('power', options), FRESH_MS)).power
    },

    async restart({ signal, onIntent }) {
      const call = service.begin('restart', { signal })
      let run = await host.start(call, await host.look(call, FRESH_MS), onIntent)
      if (run.first.power.powerState === 'PoweringOff') {
        await resets.watch(call, switchedOff, { lasts: true, timeoutMs: limits.gracefulTimeoutMs })
        run = { ...run, first: await host.look(call) }
      }
      return finish(service, run, isOff(run.first.power) ? await switchOn(run, 'the host is off') : await restart(run))
    },

    async resolveReset(intent, options) {
      const call = service.begin('resolveReset', options)
      // A graceful reset that was accepted may still be on its way: a "no" needs the whole time that it would get.
      const graceful = intent.resetType === 'GracefulRestart' || intent.resetType === 'GracefulShutdown'
      const timeoutMs = graceful ? limits.gracefulTimeoutMs : limits.resetLookMs
      const wait = { timeoutMs, pollMs: limits.powerPollMs }
      let verdict = judgeReset(intent, await host.look(call))
      await until(service, call, wait, async () => {
        if (verdict.happened === 'yes') return verdict
        const now = await ifAnswering(() => host.look(call))
        if (now !== null) verdict = judgeReset(intent, now)
        return verdict.happened === 'yes' ? verdict : null
      })
      return verdict
    },

    async powerOff(options) {
      const call = service.begin('powerOff', options)
      const seen = host.seenOn()
      // A shutdown does no harm to a host that went off since then, and the look after it tells.
      const run = seen === null ? await host.startToSwitch(call, switchedOff) : await host.start(call, seen, noIntent)
      if (isOff(run.first.power)) return finish(service, run, alreadySo(run))
      let reason = 'power off was asked for'
      if (run.offered.includes('GracefulShutdown')) {
        const graceful = await switchOff(run, 'GracefulShutdown', reason)
        if (graceful.kind === 'done') return finish(service, run, graceful)
        reason = graceful.reason
      }
      return finish(service, run, await switchOff(run, 'ForceOff', reason))
    },

    async powerOn(options) {
      const run = await host.startToSwitch(service.begin('powerOn', options), switchedOn)
      return finish(
        service,
        run,
        isOn(run.first.power) ? alreadySo(run) : await switchOn(run, 'power on was asked for'),
      )
    },
  }
}

function alreadySo({ first }: Run): Step {
  return { kind: 'done', evidence: 'power-state', after: first.power }
}

/** @throws BmcError `unsupported` where the run sent no reset, `not-confirmed` where the resets it sent had no effect. */
function finish(service: Service, run: Run, done: Step): ResetResult {
  if (done.kind === 'done') {
    return { ...run.call.facts(), sent: run.sent, evidence: done.evidence, after: done.after }
  }
  const detail = done.reason
  const failure: BmcFailure =
    run.sent.length === 0
      ? { kind: 'unsupported', retry: false, action: 'reset', detail }
      : { kind: 'not-confirmed', retry: false, action: 'reset', detail: `${detail} (sent: ${run.sent.join(', ')})` }
  throw service.fail(run.call, failure, { method: 'POST', target: run.first.system.path })
}
