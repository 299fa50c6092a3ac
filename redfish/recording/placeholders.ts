/**
 * Placeholders for values that identify a machine, a network or a person. A value gets the same placeholder wherever it
 * occurs, so that links still lead somewhere and a read still shows what was written.
 */

export type IdentityKind = 'url' | 'host' | 'ip' | 'mac' | 'uuid' | 'serial' | 'user'

/**
 * A placeholder keeps the form of its value where software looks at the form, and names nothing that exists: RFC 2606,
 * RFC 2544, RFC 5737.
 */
const forms: Readonly<Record<IdentityKind, (number: number, value: string) => string>> = {
  // The extension stays: slots go by it (quirks.md 4).
  url: (number, value) => `http://recorded-url-${number}.invalid/image${extensionOf(value)}`,
  host: (number) => `recorded-host-${number}`,
  ip: (number) => `198.18.${(number >> 8) & 255}.${number & 255}`,
  mac: (number) => `02-00-00-00-${hex(number >> 8, 2)}-${hex(number & 255, 2)}`,
  uuid: (number) => `00000000-0000-4000-8000-${hex(number, 12)}`,
  serial: (number) => `RECORDED-SERIAL-${number}`,
  user: (number) => `recorded-user-${number}`,
}

export type Placeholders = {
  /** The placeholder of a value; letter case does not make another value. */
  readonly of: (kind: IdentityKind, value: string) => string
  /** Number of values of each kind that have a placeholder. */
  readonly counts: () => Readonly<Record<string, number>>
}

export function createPlaceholders(): Placeholders {
  const known = new Map<string, string>()
  const numbers = new Map<IdentityKind, number>()
  return {
    of: (kind, value) => {
      const key = `${kind} ${kind === 'mac' ? value.toLowerCase().replaceAll('-', ':') : value.toLowerCase()}`
      const placeholder = known.get(key)
      if (placeholder !== undefined) return placeholder
      const number = (numbers.get(kind) ?? 0) + 1
      numbers.set(kind, number)
      const made = forms[kind](number, value)
      known.set(key, made)
      return made
    },
    counts: () => Object.fromEntries(numbers),
  }
}

function extensionOf(url: string): string {
  return /\.(?:iso|img)$/i.exec(url.split(/[?#]/)[0] ?? '')?.[0]?.toLowerCase() ?? ''
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0')
}
