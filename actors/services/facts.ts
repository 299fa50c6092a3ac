/** What the Redfish client answers, as the log keeps it. */
import type { PowerData } from '../../machines/event.ts'
import type { DescriptionData } from '../../machines/server/description.ts'
import type {
  BmcDescription,
  BootOverrideResult,
  PowerObservation,
  ResetIntent,
  ResetResult,
} from '../../redfish/bmc.ts'

export function powerData(power: PowerObservation): PowerData {
  return { power_state: power.powerState, last_reset_time: power.lastResetTime, boot_progress: power.bootProgress }
}

export function powerObservation(data: PowerData): PowerObservation {
  return {
    powerState: data.power_state as PowerObservation['powerState'],
    lastResetTime: data.last_reset_time,
    bootProgress: data.boot_progress,
  }
}

export function resetData(result: Omit<ResetResult, 'learned'>) {
  const { attempts, elapsedMs, sent, evidence, after } = result
  return { attempts, elapsed_ms: elapsedMs, sent: [...sent], evidence, after: powerData(after) }
}

export function overrideData({ attempts, elapsedMs, changed, override, warnings }: BootOverrideResult) {
  return { attempts, elapsed_ms: elapsedMs, changed, override: { ...override }, warnings: [...warnings] }
}

export function intentData(intent: ResetIntent) {
  return {
    reset_type: intent.resetType,
    reason: intent.reason,
    before: powerData(intent.before),
    override_before: { ...intent.overrideBefore },
  }
}

export function descriptionData(found: BmcDescription): DescriptionData {
  return {
    vendor: found.vendor,
    model: found.model,
    serial: found.serial,
    redfish_version: found.redfishVersion,
    system: {
      id: found.system.id,
      name: found.system.name,
      bios_version: found.system.biosVersion,
      why: found.system.why,
    },
    manager: {
      id: found.manager.id,
      model: found.manager.model,
      firmware: found.manager.firmware,
      why: found.manager.why,
    },
    licence: found.licence,
    slots: found.slots.map(({ id, name, mediaTypes, takes, operation, inserted }) => ({
      id,
      name,
      media_types: [...mediaTypes],
      takes: [...takes],
      operation,
      inserted,
    })),
    passed_over: found.passedOver.map((slot) => ({ ...slot })),
    layout: found.layout === null ? null : { ...found.layout },
    boot: {
      targets: [...found.boot.targets],
      cd_target: found.boot.cdTarget,
      modes: [...found.boot.modes],
      written_to: found.boot.writtenTo,
      override: { ...found.boot.override },
    },
    reset_types: [...found.resetTypes],
    reset_types_from: found.resetTypesFrom,
    etags: found.etags,
    power: powerData(found.power),
    session: found.session,
    tls: found.tls,
    findings: found.findings.map((finding) => ({ ...finding })),
  }
}
