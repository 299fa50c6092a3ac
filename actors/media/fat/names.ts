/** Short names: every file of a FAT volume has an 8.3 name beside its true one (FATGEN "Long Directory Entries"). */

/** Eleven characters: eight of the stem and three of the extension, each padded with spaces. */
export type ShortName = string

const STEM_CHARS = 8
const EXTENSION_CHARS = 3

/**
 * A short name for each true name, in their order. A name that is a legal 8.3 name but for its case stays (`ks.cfg` is
 * `KS.CFG`). Any other is cut and gets a tilde and a number; true names have no tilde.
 * The caller passes names that iso/names.ts accepts: ASCII, and different also without regard to case.
 */
export function shortNames(names: readonly string[]): readonly ShortName[] {
  const taken = new Set<ShortName>()
  return names.map((name) => {
    const short = isShort(name) ? padded(name.toUpperCase()) : numbered(name.toUpperCase(), taken)
    taken.add(short)
    return short
  })
}

/** True when the short name is the whole true name, so that the file needs no long entries. */
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
