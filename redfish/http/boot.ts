/** Boot once from the virtual CD, and back to the usual order: read, write if different, read back (spec/redfish.md). */
import type { Bmc, BootOverride, BootOverrideResult } from '../bmc.ts'
import {
  type BootChange,
  type BootDocuments,
  bootDocuments,
  bootOnce,
  bootTargets,
  CLEARED,
  cdTarget,
  isAlreadySet,
  isInForce,
  readOverride,
  relaxChange,
  splitChange,
} from './boot-override.ts'
import type { Call } from './call.ts'
import type { Located } from './locate.ts'
import { refusalOf } from './refusal.ts'
import { docAt, linkOf } from './resource.ts'
import type { Answer, Service, Written } from './service.ts'
import { followTask } from './tasks.ts'
import { until } from './until.ts'

type Boot = Pick<Bmc, 'bootOverride' | 'setBootOnceFromCd' | 'clearBootOverride'>

/** The System as it is now, and its settings object where it has one. */
export type BootLook = { readonly system: Answer; readonly settings: Answer | null; readonly boot: BootDocuments }

/** Reads the System and, where `@Redfish.Settings` names one, its settings object. */
export async function lookAtBoot(service: Service, call: Call, systemPath: string): Promise<BootLook> {
  const system = await service.read(call, systemPath)
  return { system, ...(await settingsOf(service, call, system)) }
}

/** The settings object of a System that was just read. */
export async function settingsOf(
  service: Service,
  call: Call,
  system: Answer,
): Promise<{ readonly settings: Answer | null; readonly boot: BootDocuments }> {
  const link = docAt(system.doc, '@Redfish.Settings')['SettingsObject']
  const settings =
    linkOf(link) === null ? null : await service.readOptional(call, service.follow(call, link, system.path))
  return { settings, boot: bootDocuments(system.doc, settings?.doc ?? null) }
}

export function createBoot(service: Service, locateFor: (call: Call) => Promise<Located>): Boot {
  async function change(
    call: Call,
    choose: (look: BootLook, located: Located) => BootChange | null,
  ): Promise<BootOverrideResult> {
    const located = await locateFor(call)
    const look = await lookAtBoot(service, call, located.system.path)
    const wanted = choose(look, located)
    if (wanted === null) {
      const detail = `no target of this BMC is the virtual CD: ${bootTargets(look.boot).join(', ')}`
      const failure = { kind: 'unsupported', retry: false, action: 'boot from CD', detail } as const
      throw service.fail(call, failure, { method: 'GET', target: look.system.path })
    }
    if (isAlreadySet(look.boot, wanted))
      return { ...call.facts(), changed: false, override: readOverride(look.boot), warnings: [] }
    await write(call, look, wanted)
    const override = await confirm(call, look.system.path, wanted)
    return { ...call.facts(), changed: true, override, warnings: [] }
  }

  /** Writes the change, relaxing it as the BMC's refusals say. Each rung drops something, so that the loop ends. */
  async function write(call: Call, first: BootLook, wanted: BootChange): Promise<void> {
    let look = first
    let rung: { change: BootChange; forced: 'settings' | null } = { change: wanted, forced: null }
    for (;;) {
      try {
        const parts = splitChange(look.boot, rung.change, rung.forced)
        const shown = async () =>
          isInForce(readOverride((await lookAtBoot(service, call, look.system.path)).boot), rung.change)
        if (parts.settings !== null && look.settings !== null) {
          await patchBoot(call, look.settings, parts.settings, shown)
        }
        if (parts.system !== null) await patchBoot(call, look.system, parts.system, shown)
        return
      } catch (error) {
        const refusal = refusalOf(error)
        if (refusal === null) throw error
        const next = relaxChange(refusal, { ...rung, hasSettings: look.settings !== null })
        if (next === null) throw error
        call.countRepeat()
        rung = next
        // The refused write may have changed the entity tag.
        look = await lookAtBoot(service, call, look.system.path)
      }
    }
  }

  async function patchBoot(
    call: Call,
    current: Answer,
    boot: Readonly<Record<string, unknown>>,
    look: () => Promise<boolean>,
  ): Promise<void> {
    const written: Written = await service.patch(call, current, { body: { Boot: boot }, repeat: 'after-look', look })
    await followTask(service, call, written)
  }

  async function confirm(call: Call, systemPath: string, wanted: BootChange): Promise<BootOverride> {
    const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs } = service.limits
    const modeless = { ...wanted, mode: null }
    const override = await until(service, call, { timeoutMs, pollMs }, async () => {
      const seen = readOverride((await lookAtBoot(service, call, systemPath)).boot)
      return isInForce(seen, modeless) ? seen : null
    })
    if (override !== null) return override
    const detail = `the BMC accepted the boot override but did not show it within ${timeoutMs} ms`
    const failure = { kind: 'not-confirmed', retry: false, action: 'boot override', detail } as const
    throw service.fail(call, failure, { method: 'GET', target: systemPath })
  }

  return {
    async bootOverride(options) {
      const call = service.begin('bootOverride', options)
      const { system } = await locateFor(call)
      return readOverride((await lookAtBoot(service, call, system.path)).boot)
    },
    setBootOnceFromCd: (options) =>
      change(service.begin('setBootOnceFromCd', options), ({ boot }, { profile }) => {
        const target = cdTarget(bootTargets(boot), profile)
        return target === null ? null : bootOnce(boot, target, profile)
      }),
    clearBootOverride: (options) => change(service.begin('clearBootOverride', options), () => CLEARED),
  }
}
