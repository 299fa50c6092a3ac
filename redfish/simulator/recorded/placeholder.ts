/**
 * Values that the recorder replaced by placeholders. A request that is sent now has its own value in their place, and
 * later answers repeat that value, so that a slot shows the image that the client inserted.
 */
import { isObject, type Json } from '../bmc/reply.ts'

/**
 * The forms that a recording uses for media URLs, accounts and addresses (with a port, where a BMC takes an image in
 * parts); `<secret>` stands for a secret that the recorder removed.
 */
const placeholderForm =
  /http:\/\/recorded-url-\d+\.invalid\/image(?:\.iso|\.img)?|recorded-user-\d+|(?:recorded-host-\d+|198\.18\.\d{1,3}\.\d{1,3})(?::\d{1,5})?|<secret>/

function isPlaceholder(text: string): boolean {
  return placeholderForm.exec(text)?.[0] === text
}

/** The present values by their placeholders. */
export type Bindings = ReadonlyMap<string, string>

/**
 * Compares a body with the recorded one, in which a placeholder matches any text.
 * @returns the values of the placeholders; null when it is another body.
 */
export function matchBody(recorded: Json | undefined, sent: Json): Bindings | null {
  const bindings = new Map<string, string>()
  return matches(recorded ?? null, sent, bindings) ? bindings : null
}

function matches(recorded: Json, sent: Json, bindings: Map<string, string>): boolean {
  if (typeof recorded === 'string' && typeof sent === 'string') {
    if (recorded === sent) return true
    if (!isPlaceholder(recorded)) return false
    bindings.set(recorded, sent)
    return true
  }
  if (isArray(recorded) && isArray(sent))
    return (
      recorded.length === sent.length && recorded.every((item, index) => matches(item, sent[index] ?? null, bindings))
    )
  if (isObject(recorded) && isObject(sent)) {
    const names = Object.keys(recorded)
    return (
      names.length === Object.keys(sent).length &&
      names.every((name) => Object.hasOwn(sent, name) && matches(recorded[name] ?? null, sent[name] ?? null, bindings))
    )
  }
  return recorded === sent
}

/** The same JSON with the present values in place of the placeholders. */
export function resolve(value: Json, bindings: Bindings): Json {
  if (typeof value === 'string') return resolveText(value, bindings)
  if (isArray(value)) return value.map((item) => resolve(item, bindings))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, resolve(inner, bindings)]))
}

export function resolveText(text: string, bindings: Bindings): string {
  return text.replace(new RegExp(placeholderForm, 'g'), (placeholder) => bindings.get(placeholder) ?? placeholder)
}

/** The placeholders of URLs in a value, in its order. */
export function urlPlaceholders(value: unknown): string[] {
  const text = value === undefined ? '' : JSON.stringify(value)
  return text.match(new RegExp(placeholderForm, 'g'))?.filter((placeholder) => placeholder.startsWith('http')) ?? []
}

/** `Array.isArray` does not narrow what is read-only. */
function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
