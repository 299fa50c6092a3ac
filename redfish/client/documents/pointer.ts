/** Follows the pointers of the quirk tables into the documents that a client has read. Pure. */
import type { Pointer } from '../quirks/slot-ways.ts'
import { type Doc, isDoc } from './resource.ts'

/** The documents at hand; a pointer into a missing one gives undefined. */
export type Documents = Readonly<Partial<Record<Pointer['in'], Doc>>>

/**
 * The value at a pointer; undefined when a key on the way is missing. An action's key (`#Type.Name`) may have the address
 * of its schema before it, as Fujitsu writes it.
 */
export function valueAt(documents: Documents, pointer: Pointer): unknown {
  return pointer.keys.reduce<unknown>(
    (value, key) => (isDoc(value) ? memberOf(value, key) : undefined),
    documents[pointer.in] ?? {},
  )
}

function memberOf(doc: Doc, key: string): unknown {
  if (Object.hasOwn(doc, key) || !key.startsWith('#')) return doc[key]
  return Object.entries(doc).find(([name]) => name.endsWith(key))?.[1]
}

/** A PATCH body that sets the property at a pointer. */
export function bodySetting(pointer: Pointer, value: unknown): Readonly<Record<string, unknown>> {
  const [first = '', ...rest] = pointer.keys.toReversed()
  return rest.reduce<Record<string, unknown>>((body, key) => ({ [key]: body }), { [first]: value })
}
