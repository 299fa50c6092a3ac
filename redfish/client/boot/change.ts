/** One change of the boot override: written, relaxed as the BMC refuses parts of it, and read back (quirks.md 8). */
import type { BootOverrideResult } from '../../bmc.ts'
import { type Refusal, refusalOf } from '../answers/refusal.ts'
import type { Call } from '../call.ts'
import type { Service } from '../service/service.ts'
import { followTask } from '../service/tasks.ts'
import { until } from '../service/until.ts'
import type { Located } from '../system/locate.ts'
import { type BootLook, isUnused, lookAtBoot, settingsOf } from './look.ts'
import {
  type BootChange,
  bootDocuments,
  holdsNothing,
  isAlreadySet,
  isInForce,
  judgeReadBack,
  readOverride,
  relaxChange,
  splitChange,
} from './override.ts'

export type Result = Pick<BootOverrideResult, 'changed' | 'override' | 'warnings'>

export type ChangeOptions = {
  readonly profile: Located['profile']
  /** True when the client waits for minutes until the host has left POST. */
  readonly patient: boolean
}

/** One try at the change: what is left of it, and where all of it goes. */
type Rung = { readonly change: BootChange; readonly forced: 'settings' | null }

/** The look that an accepted write was decided on. */
type Accepted = BootLook & { readonly settingsWritten: boolean }

/**
 * Writes the change unless the look shows it, and resolves when it reads back as written.
 * @throws BmcError `not-confirmed` when the BMC accepted the write and did not show it in time.
 */
export async function changeBoot(
  service: Service,
  call: Call,
  look: BootLook,
  wanted: BootChange,
  options: ChangeOptions,
): Promise<Result> {
  if (isAlreadySet(look.boot, wanted)) return { changed: false, override: readOverride(look.boot), warnings: [] }
  const written = await write(service, call, look, wanted, options)
  return { changed: true, ...(await confirm(service, call, written, wanted, options)) }
}

/**
 * Goes down the rungs until the BMC accepts one. Each rung drops a part or reads more documents, so that the loop ends.
 */
async function write(
  service: Service,
  call: Call,
  first: BootLook,
  wanted: BootChange,
  options: ChangeOptions,
): Promise<Accepted> {
  let look = first
  const learned = service.memory.known().boot
  let rung: Rung = {
    change: learned?.withoutMode === true ? { ...wanted, mode: null } : wanted,
    forced: learned?.allInSettings === true && look.settings !== null ? 'settings' : null,
  }
  for (;;) {
    try {
      const settingsWritten = await writeOnce(service, call, look, rung, options)
      learn(service, look, wanted, rung)
      return { ...look, settingsWritten }
    } catch (error) {
      const refusal = refusalOf(error)
      const next = refusal === null ? null : await nextRung(service, call, look, rung, refusal)
      if (next === null) throw error
      call.countRepeat()
      rung = next.rung
      look = next.look
    }
  }
}

/** Sends one rung to the documents that it concerns; resolves with true when the settings object was one of them. */
async function writeOnce(
  service: Service,
  call: Call,
  look: BootLook,
  { change, forced }: Rung,
  { profile, patient }: ChangeOptions,
): Promise<boolean> {
  const parts = splitChange(look.boot, change, forced)
  const shown = async () => isInForce(readOverride((await lookAtBoot(service, call, look.system.path)).boot), change)
  const how = { repeat: 'after-look', look: shown, wantsPrecondition: profile.ifMatch === 'always', patient } as const
  for (const [current, part] of [
    [look.settings, parts.settings],
    [look.system, parts.system],
  ] as const) {
    if (current === null || part === null) continue
    await followTask(service, call, await service.patch(call, current, { ...how, body: { Boot: part } }))
  }
  return look.settings !== null && parts.settings !== null
}

function learn(service: Service, look: BootLook, wanted: BootChange, rung: Rung): void {
  // Clearing sends no mode, and teaches nothing about it.
  if (wanted.enabled !== 'Once') return
  const unused = look.settings === null ? isUnused(service) : holdsNothing(look.boot)
  service.memory.learn({
    boot: {
      allInSettings: rung.forced === 'settings',
      withoutMode: wanted.mode !== null && rung.change.mode === null,
      ...(unused ? { settingsUnused: true as const } : {}),
    },
  })
}

/** The rung after a refusal, with a new look; null when nothing is left to relax and no document was overlooked. */
async function nextRung(
  service: Service,
  call: Call,
  look: BootLook,
  rung: Rung,
  refusal: Refusal,
): Promise<{ readonly rung: Rung; readonly look: BootLook } | null> {
  const unseen = look.settings === null && isUnused(service)
  const next = relaxChange(refusal, { ...rung, hasSettings: look.settings !== null })
  if (next === null && !unseen) return null
  // The refused write may have changed the entity tag.
  const anew = await lookAtBoot(service, call, look.system.path)
  const overlooked = unseen && anew.settings !== null && !holdsNothing(anew.boot)
  if (next === null && !overlooked) return null
  return { rung: (overlooked ? null : next) ?? rung, look: anew }
}

/** Reads back until the change is in force; a deviation that does not matter at the end of the time becomes a warning. */
async function confirm(
  service: Service,
  call: Call,
  written: Accepted,
  wanted: BootChange,
  { profile }: ChangeOptions,
): Promise<Omit<Result, 'changed'>> {
  const { confirmTimeoutMs: timeoutMs, confirmPollMs: pollMs } = service.limits
  const systemPath = written.system.path
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
