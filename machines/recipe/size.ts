/** The size of a partition as a recipe states it. Partitions are aligned to 1 MiB, so that is the unit. */

export type PartitionSize =
  | { readonly kind: 'fixed'; readonly mebibytes: number }
  | { readonly kind: 'percent'; readonly percent: number }
  /** `100%`: the space that the other partitions leave. */
  | { readonly kind: 'rest' }

const mebibytesPer: Readonly<Record<string, number>> = { M: 1, G: 1024, T: 1024 * 1024 }

/**
 * Reads `512M`, `1GiB`, `40%`, `100%` (spec/recipe.md). M, G and T are binary with and without `iB`, as in sgdisk;
 * `MB` is refused, because half of its readers take it for 1 000 000 bytes. Undefined for anything else.
 */
export function parsePartitionSize(text: string): PartitionSize | undefined {
  const [, digits, unit] = /^([1-9][0-9]{0,6})(%|[MGT](?:iB)?)$/.exec(text) ?? []
  if (digits === undefined || unit === undefined) return undefined
  const amount = Number(digits)
  if (unit !== '%') return { kind: 'fixed', mebibytes: amount * (mebibytesPer[unit.charAt(0)] ?? 0) }
  if (amount > 100) return undefined
  return amount === 100 ? { kind: 'rest' } : { kind: 'percent', percent: amount }
}
