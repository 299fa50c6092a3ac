/**
 * Boot once from the virtual CD, and back to the usual order: read, write if different, read back (spec/redfish.md).
 * Reading order of the folder: this file, `change.ts`, `look.ts`, then `override.ts`, which decides, and
 * `vendor-ways.ts`.
 */
import type { Bmc } from '../../bmc.ts'
import { BmcError, problemOf } from '../../failure.ts'
import type { Call } from '../call.ts'
import type { BootWayName } from '../quirks/boot-ways.ts'
import type { Service } from '../service/service.ts'
import type { Located, LocateFor } from '../system/locate.ts'
import { changeBoot, type Result } from './change.ts'
import { lastLookAtBoot, lookAtBoot } from './look.ts'
import { bootOnce, bootTargets, CLEARED, cdTarget, isAlreadySet, readOverride } from './override.ts'
import { bootInOwnWay, flagSlotForBoot } from './vendor-ways.ts'

type Boot = Pick<Bmc, 'bootOverride' | 'setBootOnceFromCd' | 'clearBootOverride'>

export function createBoot(service: Service, locateFor: LocateFor): Boot {
  return {
    async bootOverride(options) {
      const call = service.begin('bootOverride', options)
      const { system } = await locateFor(call)
      return readOverride((await lookAtBoot(service, call, system.path)).boot)
    },
    async setBootOnceFromCd(options) {
      const call = service.begin('setBootOnceFromCd', options)
      const located = await locateFor(call)
      const way = located.profile.bootWay
      const result =
        way === 'override'
          ? await bootFromCd(service, call, located)
          : await bootWithoutOverride(service, call, located, way)
      return { ...call.facts(), ...result }
    },
    async clearBootOverride(options) {
      const call = service.begin('clearBootOverride', options)
      const { system, profile } = await locateFor(call)
      // The look may be a moment old: an override that another tool has set since then is one that its operator wants.
      const look = await lastLookAtBoot(service, call, system.path)
      const result = await changeBoot(service, call, look, CLEARED, { profile, patient: true })
      return { ...call.facts(), ...result }
    },
  }
}

/**
 * Sets the override. On some BMCs a host in POST does not take it, and then the flag of the slot does the same
 * (quirks.md 8); where there is no such flag the client waits for the end of POST.
 */
async function bootFromCd(service: Service, call: Call, located: Located): Promise<Result> {
  const { profile, system } = located
  let look = await lastLookAtBoot(service, call, system.path)
  let target = cdTarget(bootTargets(look.boot), profile)
  // Before it concludes that no write is needed, or that no target fits, the client reads again.
  if (!look.fresh && (target === null || isAlreadySet(look.boot, bootOnce(look.boot, target, profile)))) {
    look = { ...(await lookAtBoot(service, call, system.path)), fresh: true }
    target = cdTarget(bootTargets(look.boot), profile)
  }
  if (target !== null) {
    try {
      return await changeBoot(service, call, look, bootOnce(look.boot, target, profile), { profile, patient: false })
    } catch (error) {
      if (!(error instanceof BmcError) || problemOf(error.failure) !== 'host-in-post') throw error
    }
  }
  if (await flagSlotForBoot(service, call, located)) {
    const why = target === null ? 'no boot target is the virtual CD' : 'the host is in POST'
    const warnings = [`${why}: the slot was flagged to be booted from at the next reset instead`]
    return { changed: true, override: readOverride(look.boot), warnings }
  }
  if (target === null) {
    const detail = `no target of this BMC is the virtual CD: ${bootTargets(look.boot).join(', ')}`
    const failure = { kind: 'unsupported', retry: false, action: 'boot from CD', detail } as const
    throw service.fail(call, failure, { method: 'GET', target: look.system.path })
  }
  const anew = await lookAtBoot(service, call, system.path)
  return changeBoot(service, call, anew, bootOnce(anew.boot, target, profile), { profile, patient: true })
}

/** Boots in the vendor's own way, where the override does not reach virtual media. */
async function bootWithoutOverride(service: Service, call: Call, located: Located, way: BootWayName): Promise<Result> {
  await bootInOwnWay(service, call, located, way)
  const { boot } = await lookAtBoot(service, call, located.system.path)
  const warnings = ['the virtual CD was chosen by a configuration import, which the boot override does not show']
  return { changed: true, override: readOverride(boot), warnings }
}
