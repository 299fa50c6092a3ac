/**
 * The type check of the few properties that make the client conclude that it has nothing to do: an empty slot, an
 * override that is not set, a host that is off. A value of another type must not read as absent, or a cleanup would end
 * as clean that was not.
 */
import { type Doc, isDoc } from './resource.ts'

/** DSP8010: ComputerSystem and VirtualMedia. Null is allowed for all of them. */
const TYPES = { Inserted: 'boolean', Image: 'string', PowerState: 'string' } as const
const BOOT_TYPES = {
  BootSourceOverrideEnabled: 'string',
  BootSourceOverrideTarget: 'string',
  BootSourceOverrideMode: 'string',
} as const

/** The first mistyped property of a document in words, or null. Pure. */
export function misfit(doc: Doc): string | null {
  const boot = doc['Boot']
  if (boot !== undefined && boot !== null && !isDoc(boot)) return 'Boot is not an object'
  return mistyped(doc, TYPES) ?? (isDoc(boot) ? mistyped(boot, BOOT_TYPES) : null)
}

function mistyped(doc: Doc, types: Readonly<Record<string, 'boolean' | 'string'>>): string | null {
  const wrong = Object.entries(types).find(([key, type]) => {
    const value = doc[key]
    return value !== undefined && value !== null && typeof value !== type
  })
  return wrong === undefined ? null : `${wrong[0]} is not a ${wrong[1]}`
}
