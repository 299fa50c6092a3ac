/** Converts answers of the Redfish client into the data of events: the same facts, in snake case. */
import camelcaseKeys from 'camelcase-keys'
import snakecaseKeys, { type SnakeCaseKeys } from 'snakecase-keys'
import type { PowerData } from '../../machines/event.ts'
import type { DescriptionData } from '../../machines/server/description.ts'
import type {
  BmcDescription,
  BootOverrideResult,
  PowerObservation,
  ResetIntent,
  ResetResult,
} from '../../redfish/bmc.ts'

/** The types of events are mutable; those of the client are readonly. */
type Writable<T> = T extends readonly (infer Item)[]
  ? Writable<Item>[]
  : T extends object
    ? { -readonly [Name in keyof T]: Writable<T[Name]> }
    : T

function data<Facts extends Record<string, unknown>>(facts: Facts): Writable<SnakeCaseKeys<Facts>> {
  return snakecaseKeys(facts) as Writable<SnakeCaseKeys<Facts>>
}

export function powerData(power: PowerObservation): PowerData {
  return data(power)
}

export function powerObservation(power: PowerData): PowerObservation {
  return camelcaseKeys(power) as PowerObservation
}

export function resetData({ attempts, elapsedMs, sent, evidence, after }: Omit<ResetResult, 'learned'>) {
  return data({ attempts, elapsedMs, sent, evidence, after })
}

export function overrideData({ attempts, elapsedMs, changed, override, warnings }: BootOverrideResult) {
  return data({ attempts, elapsedMs, changed, override, warnings })
}

export function intentData(intent: ResetIntent) {
  return data(intent)
}

export function descriptionData(found: BmcDescription): DescriptionData {
  return data(found)
}
