/**
 * Converts old events to today's shape. A recorded event stays as it is, byte for byte and under its hash; every reader
 * of its data converts it here. A new shape is written in two places: its version and shape in `events.ts`, and in
 * `upcasts.ts` beside it the conversion from the version before. Machines, read models and sentences then know the
 * newest version only.
 */
import { type DomainEvent, type EventCatalogue, InvalidEventError } from './event.ts'

/**
 * Conversions by type, then by the version from which they lead to the next. Each is pure, and total for all data of
 * its version; a fact that the old version lacks is marked as unknown, never guessed.
 */
export type Upcasts = Readonly<Record<string, Readonly<Record<number, (data: unknown) => unknown>>>>

/**
 * Converts an event to its newest version. An event of that version is returned as it is, and so is one whose type is
 * not in the catalogue.
 * @throws InvalidEventError for a version that is newer than this program, or data that are not of their version.
 */
export type Upcast = (event: DomainEvent) => DomainEvent

/**
 * Builds the conversion for one catalogue.
 * @throws Error unless every older version, and no other, has a conversion to the next: a program that cannot read its
 * own histories must not start.
 */
export function createUpcast(catalogue: EventCatalogue, upcasts: Upcasts): Upcast {
  requireAllWays(catalogue, upcasts)
  return (event) => {
    const newest = catalogue[event.type]?.version
    const recorded = event.schema_version ?? newest
    if (newest === undefined || recorded === undefined || recorded === newest) return event
    if (!(recorded < newest))
      throw new InvalidEventError(
        `${event.type} was recorded in version ${recorded}; this program reads it up to version ${newest}`,
      )
    let data = event.data
    for (let version = recorded; version < newest; version += 1) {
      const step = upcasts[event.type]?.[version]
      if (step === undefined) throw new InvalidEventError(`${event.type} has no version ${version}`)
      try {
        data = step(data)
      } catch (error) {
        throw new InvalidEventError(`${event.type} has data that are not of its version ${version}`, { cause: error })
      }
    }
    return { type: event.type, data, schema_version: newest }
  }
}

function requireAllWays(catalogue: EventCatalogue, upcasts: Upcasts): void {
  for (const [type, { version: newest }] of Object.entries(catalogue)) {
    for (let version = 1; version < newest; version += 1) {
      if (upcasts[type]?.[version] === undefined)
        throw new Error(`${type}: there is no way from version ${version} to version ${version + 1}`)
    }
  }
  for (const [type, steps] of Object.entries(upcasts)) {
    const newest = catalogue[type]?.version ?? 0
    for (const version of Object.keys(steps)) {
      if (!(Number(version) >= 1 && Number(version) < newest))
        throw new Error(`${type}: the way from version ${version} leads nowhere, the newest version is ${newest}`)
    }
  }
}
