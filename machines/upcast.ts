/**
 * Old events in today's shape. What was recorded stays as it is, byte for byte and under its hash; who wants to know what
 * it means reads it through here. An event's shape is changed in two places: its version and shape in `events.ts`, and in
 * `upcasts.ts` beside it the way from the version before. Machines, read models and sentences then know the newest version
 * only.
 */
import { type DomainEvent, type EventCatalogue, InvalidEventError } from './event.ts'

/**
 * By type, then by the version that is left: makes data of the next version. Pure and total for all data of its version;
 * what the old one does not know is said to be unknown, never guessed.
 */
export type Upcasts = Readonly<Record<string, Readonly<Record<number, (data: unknown) => unknown>>>>

/**
 * The event in its newest version, an event of the newest version itself. Types that the catalogue does not know are
 * left alone.
 * @throws InvalidEventError for a version that is newer than this program, or data that are not of their version.
 */
export type Upcast = (event: DomainEvent) => DomainEvent

/**
 * Reads events of one catalogue.
 * @throws Error unless there is a way from every older version to the next, and none besides: otherwise a program would
 * start that cannot read its own histories.
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
