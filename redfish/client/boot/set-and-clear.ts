/** Boot once from the virtual CD, and back to the usual order: read, write if different, read back (spec/redfish.md). */
import type { Bmc, BootOverrideResult } from '../../bmc.ts'
import { BmcError, problemOf } from '../../failure.ts'
import { refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import { docAt, linkOf } from '../documents/resource.ts'
import type { Profile } from '../quirks/profile.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import { until } from '../service/until.ts'
import type { Located } from '../system/locate.ts'
import {
  type BootChange,
  type BootDocuments,
  bootDocuments,
  bootOnce,
  bootTargets,
  CLEARED,
  cdTarget,
  holdsNothing,
  isAlreadySet,
  isInForce,
  judgeReadBack,
  readOverride,
  relaxChange,
  splitChange,
} from './override.ts'
import { bootInOwnWay, flagSlotForBoot } from './vendor-ways.ts'

type Boot = Pick<Bmc, 'bootOverride' | 'setBootOnceFromCd' | 'clearBootOverride'>

/** The System as it is now, and its settings object where it has one. */
export type BootLook = { readonly system: Answer; readonly settings: Answer | null; readonly boot: BootDocuments }

/** Reads the System and, where `@Redfish.Settings` names one, its settings object. */
async function lookAtBoot(service: Service, call: Call, systemPath: string): Promise<BootLook> {
  const system = await service.read(call, systemPath)
  return { system, ...(await settingsOf(service, call, system)) }
}

/** The same from what an operation shortly before left, and whether it is from there. */
async function lastLookAtBoot(
  service: Service,
  call: Call,
  systemPath: string,
): Promise<BootLook & { readonly fresh: boolean }> {
  // Who gave up is told so, also where no request would have.
  const left = call.signal.aborted ? null : service.handover.peek(systemPath, service.limits.handoverMsMax)
  const system = left ?? (await service.read(call, systemPath))
  if (left === null) service.handover.leave(system)
  const path = isUnused(service) ? null : settingsPath(service, call, system)
  const settings = path === null || left === null ? null : service.handover.take(path, service.limits.handoverMsMax)
  const rest =
    path === null || settings !== null
      ? { settings, boot: bootDocuments(system.doc, settings?.doc ?? null) }
      : await settingsOf(service, call, system)
  return { system, ...rest, fresh: left === null }
}

/** The settings object of a System that was just read. */
export async function settingsOf(
  service: Service,
  call: Call,
  system: Answer,
): Promise<{ readonly settings: Answer | null; readonly boot: BootDocuments }> {
  const path = settingsPath(service, call, system)
  const settings = path === null ? null : await service.readOptional(call, path)
  return { settings, boot: bootDocuments(system.doc, settings?.doc ?? null) }
}

function settingsPath(service: Service, call: Call, system: Answer): string | null {
  const link = docAt(system.doc, '@Redfish.Settings')['SettingsObject']
  return linkOf(link) === null ? null : service.follow(call, link, system.path)
}

/** Whether an earlier write saw that the settings object holds nothing of the override (XCC's `Pending`; quirks.md 8). */
function isUnused({ memory }: Service): boolean {
  return memory.known().boot?.settingsUnused === true
}

/** What an accepted write was decided on. */
type Accepted = BootLook & { readonly settingsWritten: boolean }

type Result = Pick<BootOverrideResult, 'changed' | 'override' | 'warnings'>

export function createBoot(service: Service, locateFor: (call: Call) => Promise<Located>): Boot {
  const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs } = service.limits

  async function change(call: Call, look: BootLook, wanted: BootChange, patient: boolean): Promise<Result> {
    if (isAlreadySet(look.boot, wanted)) return { changed: false, override: readOverride(look.boot), warnings: [] }
    const written = await write(call, look, wanted, patient)
    return { changed: true, ...(await confirm(call, written, wanted)) }
  }

  /**
   * Writes the change, relaxing it as the BMC's refusals say: each rung drops something or looks at all there is, so that
   * the loop ends. Answers what the accepted write was decided on, and whether the settings object was written.
   */
  async function write(call: Call, first: BootLook, wanted: BootChange, patient: boolean): Promise<Accepted> {
    const wantsPrecondition = (await locateFor(call)).profile.ifMatch === 'always'
    let look = first
    const learned = service.memory.known().boot
    let rung: { change: BootChange; forced: 'settings' | null } = {
      change: learned?.withoutMode === true ? { ...wanted, mode: null } : wanted,
      forced: learned?.allInSettings === true && look.settings !== null ? 'settings' : null,
    }
    for (;;) {
      try {
        const parts = splitChange(look.boot, rung.change, rung.forced)
        const shown = async () =>
          isInForce(readOverride((await lookAtBoot(service, call, look.system.path)).boot), rung.change)
        const how = { repeat: 'after-look', look: shown, wantsPrecondition, patient } as const
        for (const [current, part] of [
          [look.settings, parts.settings],
          [look.system, parts.system],
        ] as const) {
          if (current === null || part === null) continue
          await followTask(service, call, await service.patch(call, current, { ...how, body: { Boot: part } }))
        }
        const unused = look.settings === null ? isUnused(service) : holdsNothing(look.boot)
        const boot = {
          allInSettings: rung.forced === 'settings',
          withoutMode: wanted.mode !== null && rung.change.mode === null,
          ...(unused ? { settingsUnused: true as const } : {}),
        }
        // Clearing sends no mode, and teaches nothing about it.
        if (wanted.enabled === 'Once') service.memory.learn({ boot })
        return { ...look, settingsWritten: look.settings !== null && parts.settings !== null }
      } catch (error) {
        const refusal = refusalOf(error)
        if (refusal === null) throw error
        const unseen = look.settings === null && isUnused(service)
        const next = relaxChange(refusal, { ...rung, hasSettings: look.settings !== null })
        if (next === null && !unseen) throw error
        // The refused write may have changed the entity tag.
        const anew = await lookAtBoot(service, call, look.system.path)
        const overlooked = unseen && anew.settings !== null && !holdsNothing(anew.boot)
        if (next === null && !overlooked) throw error
        call.countRepeat()
        rung = (overlooked ? null : next) ?? rung
        look = anew
      }
    }
  }

  /** Reads back until the change is in force; what is near enough when the time is over comes with a warning. */
  async function confirm(call: Call, written: Accepted, wanted: BootChange): Promise<Omit<Result, 'changed'>> {
    const systemPath = written.system.path
    const { profile } = await locateFor(call)
    let tolerable: Omit<Result, 'changed'> | null = null
    const seen = await until(service, call, { timeoutMs, pollMs, pollMsMax: pollMs * 5 }, async () => {
      const system = await service.read(call, systemPath)
      // Settings that were not written hold nothing of the change.
      const boot = written.settingsWritten
        ? (await settingsOf(service, call, system)).boot
        : bootDocuments(system.doc, written.settings?.doc ?? null)
      service.handover.leave(system)
      const override = readOverride(boot)
      const judged = judgeReadBack(override, wanted, profile)
      if (judged.kind === 'in-force') return { override, warnings: judged.warnings }
      tolerable = judged.instead === null ? null : { override, warnings: [judged.instead] }
      return null
    })
    const result = seen ?? tolerable
    if (result !== null) return result
    const detail = `the BMC accepted the boot override but did not show it within ${timeoutMs} ms`
    const failure = { kind: 'not-confirmed', retry: false, action: 'boot override', detail } as const
    throw service.fail(call, failure, { method: 'GET', target: systemPath })
  }

  /**
   * The override first; a host in POST does not take it on some BMCs, and then the flag of the slot does the same
   * (quirks.md 8). Where there is no such flag the end of POST is waited for.
   */
  async function bootFromCd(call: Call, located: Located): Promise<Result> {
    let look = await lastLookAtBoot(service, call, located.system.path)
    let target = cdTarget(bootTargets(look.boot), located.profile)
    // What the next step relies on without having written it is seen for certain.
    if (!look.fresh && (target === null || isAlreadySet(look.boot, bootOnce(look.boot, target, located.profile)))) {
      look = { ...(await lookAtBoot(service, call, located.system.path)), fresh: true }
      target = cdTarget(bootTargets(look.boot), located.profile)
    }
    if (target !== null) {
      try {
        return await change(call, look, bootOnce(look.boot, target, located.profile), false)
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
    const anew = await lookAtBoot(service, call, located.system.path)
    return change(call, anew, bootOnce(anew.boot, target, located.profile), true)
  }

  async function bootInTheWay(call: Call, located: Located, way: Profile['bootWay']): Promise<Result> {
    if (way === 'override') return bootFromCd(call, located)
    await bootInOwnWay(service, call, located, way)
    const { boot } = await lookAtBoot(service, call, located.system.path)
    const warnings = ['the virtual CD was chosen by a configuration import, which the boot override does not show']
    return { changed: true, override: readOverride(boot), warnings }
  }

  return {
    async bootOverride(options) {
      const call = service.begin('bootOverride', options)
      const { system } = await locateFor(call)
      return readOverride((await lookAtBoot(service, call, system.path)).boot)
    },
    async setBootOnceFromCd(options) {
      const call = service.begin('setBootOnceFromCd', options)
      const located = await locateFor(call)
      const result = await bootInTheWay(call, located, located.profile.bootWay)
      return { ...call.facts(), ...result }
    },
    async clearBootOverride(options) {
      const call = service.begin('clearBootOverride', options)
      // An override that somebody set in the moments since the last look is one that somebody wants.
      const look = await lastLookAtBoot(service, call, (await locateFor(call)).system.path)
      const result = await change(call, look, CLEARED, true)
      return { ...call.facts(), ...result }
    },
  }
}
