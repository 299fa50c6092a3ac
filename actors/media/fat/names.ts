/** Short names: the 8.3 that every file of a FAT volume has, whatever its true name (FATGEN "Long Directory Entries"). */

/** Eleven characters: eight of the name and three of its extension, each filled up with spaces. */
export type ShortName = string

const STEM_CHARS = 8
const EXTENSION_CHARS = 3

/**
 * A short name for each true name, in their order. One that is a legal 8.3 but for its case keeps itself (`ks.cfg` is
 * `KS.CFG`); any other is cut and told apart by a number behind a tilde, which no true name has.
 * True names are those that iso/names.ts lets through: ASCII, and different also without regard to case.
 */
export function shortNames(names: readonly string[]): readonly ShortName[] {
  const taken = new Set<ShortName>()
  return names.map((name) => {
    const short = isShort(name) ? padded(name.toUpperCase()) : numbered(name.toUpperCase(), taken)
    taken.add(short)
    return short
  })
}

/** True when the short name says all: then there is no long one. */
export function saysAll(name: string): boolean {
  return isShort(name) && name === name.toUpperCase()
}

function isShort(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,8}(?:\.[A-Za-z0-9_-]{1,3})?$/.test(name)
}

function numbered(upper: string, taken: ReadonlySet<ShortName>): ShortName {
  const dot = upper.lastIndexOf('.')
  const stem = (dot === -1 ? upper : upper.slice(0, dot)).replaceAll('.', '')
  const extension = dot === -1 ? '' : upper.slice(dot + 1)
  for (let number = 1; ; number++) {
    const suffix = `~${number}`
    const short = padded(`${stem.slice(0, STEM_CHARS - suffix.length)}${suffix}.${extension.slice(0, EXTENSION_CHARS)}`)
    if (!taken.has(short)) return short
  }
}

function padded(name: string): ShortName {
  const [stem = '', extension = ''] = name.split('.')
  return stem.padEnd(STEM_CHARS) + extension.padEnd(EXTENSION_CHARS)
}
