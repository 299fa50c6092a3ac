/** The file names that the builder accepts, and their names in the plain ISO 9660 tree. */

/**
 * The longest true name: Joliet's identifiers have 64 characters ("Relaxation of ISO 9660 Restrictions on UCS-2
 * Volumes": 128 bytes), of which `;1` takes two.
 */
const NAME_CHARS_MAX = 62

/** Linux, Windows, GRUB and the ESXi installer read these names alike. None is hidden or ends in a dot. */
const legalName = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?$/

/** File name and extension together, without the dot between them (ECMA-119 7.5.1). */
const ISO_CHARS_MAX = 30
/** Leaves at least half of the identifier to the stem. */
const ISO_EXTENSION_CHARS_MAX = 15

/** A file's names, without the version `;1` that both trees record after them (ECMA-119 7.5.1). Readers hide it. */
export interface FileNames {
  /** As Rock Ridge and Joliet have it: `network-config`. */
  readonly name: string
  /**
   * As the plain tree has it, at level 2 of interchange (ECMA-119 10.2): `KS.CFG`, `NETWORK_CONFIG.`. Upper case,
   * digits and underscore, at most 30 of them, and one dot even without an extension (7.5.1).
   */
  readonly isoName: string
}

/**
 * Names the files directly below the root, and sorts them. Names that collide in the plain tree get a number there.
 * @throws RangeError for a path that is not `/name`, for an illegal or overlong name, and for two names that differ in
 *   case only (a reader that folds case, such as Windows, would see one file twice).
 */
export function nameFiles<File extends { readonly path: string }>(
  files: readonly File[],
): readonly (File & FileNames)[] {
  const folded = new Set<string>()
  const taken = new Set<string>()
  return files
    .map((file) => ({ ...file, name: trueName(file.path) }))
    .sort((left, right) => compareNames(left.name, right.name))
    .map((file) => {
      const upper = file.name.toUpperCase()
      if (folded.has(upper)) throw new RangeError(`${file.path} is there twice (upper and lower case are one)`)
      folded.add(upper)
      const isoName = freeIsoName(file.name, taken)
      taken.add(isoName)
      return { ...file, isoName }
    })
}

/** The order of directory records: by stem, then by extension (ECMA-119 9.3; Joliet, "Sort Ordering"). */
export function compareNames(left: string, right: string): number {
  const [a, b] = [parts(left), parts(right)]
  return compare(a.stem, b.stem) || compare(a.extension, b.extension)
}

function trueName(path: string): string {
  const name = path.slice(1)
  if (!path.startsWith('/') || name.length > NAME_CHARS_MAX || !legalName.test(name)) {
    throw new RangeError(
      `${JSON.stringify(path)} cannot be a file of a task medium: it takes "/" and 1 to ${NAME_CHARS_MAX} of A-Z a-z 0-9 . _ -, neither starting with "." or "-" nor ending in "."`,
    )
  }
  return name
}

function freeIsoName(name: string, taken: ReadonlySet<string>): string {
  const { stem, extension } = parts(name.toUpperCase())
  const isoExtension = extension.replace(/[^A-Z0-9]/g, '_').slice(0, ISO_EXTENSION_CHARS_MAX)
  const isoStem = stem.replace(/[^A-Z0-9]/g, '_')
  for (let number = 1; ; number++) {
    const suffix = number === 1 ? '' : `_${number}`
    const isoName = `${isoStem.slice(0, ISO_CHARS_MAX - isoExtension.length - suffix.length)}${suffix}.${isoExtension}`
    if (!taken.has(isoName)) return isoName
  }
}

function compare(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}

/** A name cut at its last dot. */
function parts(name: string): { readonly stem: string; readonly extension: string } {
  const dot = name.lastIndexOf('.')
  return dot === -1 ? { stem: name, extension: '' } : { stem: name.slice(0, dot), extension: name.slice(dot + 1) }
}
