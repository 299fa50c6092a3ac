/** Reading the documents that hold the boot override: the System, and its settings object where it has one. */
import type { Call } from '../call.ts'
import { docAt, linkOf } from '../documents/resource.ts'
import type { Answer } from '../service/answer.ts'
import type { Service } from '../service/service.ts'
import { type BootDocuments, bootDocuments } from './override.ts'

/** The System as it is now, and its settings object where it has one. */
export type BootLook = { readonly system: Answer; readonly settings: Answer | null; readonly boot: BootDocuments }

/** Reads the System and, where `@Redfish.Settings` names one, its settings object. */
export async function lookAtBoot(service: Service, call: Call, systemPath: string): Promise<BootLook> {
  const system = await service.read(call, systemPath)
  return { system, ...(await settingsOf(service, call, system)) }
}

/** The same from what an operation shortly before left; `fresh` says that the BMC was asked now. */
export async function lastLookAtBoot(
  service: Service,
  call: Call,
  systemPath: string,
): Promise<BootLook & { readonly fresh: boolean }> {
  // With an aborted signal the handover is skipped, so that the read below rejects.
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

/**
 * True when an earlier write saw that the settings object holds nothing of the override (XCC's `Pending`; quirks.md 8).
 */
export function isUnused({ memory }: Service): boolean {
  return memory.known().boot?.settingsUnused === true
}
