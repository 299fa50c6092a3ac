/**
 * The rules of spec/recipe.md that JSON Schema draft-07 cannot say: limits in bytes (the schema counts characters), a
 * limit on a whole object, and conditions on several partitions at once. A recipe that the schema accepts is refused
 * only by a rule of this file or by the scan of its text (json-text.ts). The rules take any value, because all faults
 * are reported at once; values of a wrong type are left to the schema.
 */
import { recipeSchema } from './schema.ts'
import { type PartitionSize, parsePartitionSize } from './size.ts'
import { type Fault, payloadFields } from './types.ts'

/** The whole of `metadata`, as JSON without spaces. It is kept with the job, in the database. */
const metadataBytesMax = 64 * 1024

/** Every fault that the rules find in a value that was read as JSON. */
export function ruleFaults(value: unknown): Fault[] {
  if (!isObject(value)) return []
  return [...payloadSizes(value), ...metadataSize(value), ...partitionSizes(value), ...mountpoints(value)]
}

type UnknownObject = { readonly [name: string]: unknown }

function isObject(value: unknown): value is UnknownObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Payloads become files: their limits count bytes of UTF-8. */
function payloadSizes(recipe: UnknownObject): Fault[] {
  return payloadFields.flatMap((field): Fault[] => {
    const payload = recipe[field]
    const bytesMax = recipeSchema.properties[field].maxLength
    const bytes = typeof payload === 'string' ? Buffer.byteLength(payload) : 0
    if (bytes <= bytesMax) return []
    return [{ path: `/${field}`, code: 'too_long', message: `is ${bytes} bytes in UTF-8, the limit is ${bytesMax}` }]
  })
}

function metadataSize({ metadata }: UnknownObject): Fault[] {
  const bytes = isObject(metadata) ? Buffer.byteLength(JSON.stringify(metadata)) : 0
  if (bytes <= metadataBytesMax) return []
  return [{ path: '/metadata', code: 'too_large', message: `is ${bytes} bytes, the limit is ${metadataBytesMax}` }]
}

/** The partitions that are objects, each with its place in the layout. */
function partitions({ partition_layout: layout }: UnknownObject): { index: number; partition: UnknownObject }[] {
  if (!Array.isArray(layout)) return []
  return layout.flatMap((partition: unknown, index) => (isObject(partition) ? [{ index, partition }] : []))
}

/** Judged only when every size can be read: with one unknown, neither order nor sum means anything. */
function partitionSizes(recipe: UnknownObject): Fault[] {
  const sizes: { index: number; size: PartitionSize }[] = []
  for (const { index, partition } of partitions(recipe)) {
    const text = partition['size']
    const size = typeof text === 'string' ? parsePartitionSize(text) : undefined
    if (size === undefined) return []
    sizes.push({ index, size })
  }
  return [...restFollowedByShare(sizes), ...percentSum(sizes.map(({ size }) => size))]
}

/**
 * Partitions of fixed size behind the rest can be laid out first, from the end of the disk. A percentage behind the
 * rest cannot: each of the two would depend on the size of the other.
 */
function restFollowedByShare(sizes: readonly { index: number; size: PartitionSize }[]): Fault[] {
  return sizes.flatMap(({ index, size }, at): Fault[] => {
    if (size.kind !== 'rest' || sizes.slice(at + 1).every((later) => later.size.kind === 'fixed')) return []
    const message = 'is the rest of the disk, so only partitions of fixed size may follow it'
    return [{ path: `/partition_layout/${index}/size`, code: 'rest_not_last', message }]
  })
}

function percentSum(sizes: readonly PartitionSize[]): Fault[] {
  const sum = sizes.reduce((total, size) => total + (size.kind === 'percent' ? size.percent : 0), 0)
  const rest = sizes.some(({ kind }) => kind === 'rest')
  if (sum < 100 || (sum === 100 && !rest)) return []
  const message =
    sum > 100
      ? `has percentages that sum to ${sum}, the limit is 100`
      : 'has percentages that sum to 100, which leaves nothing for the partition that is the rest of the disk'
  return [{ path: '/partition_layout', code: 'percent_sum', message }]
}

/** The second of two file systems at one place would hide the first. */
function mountpoints(recipe: UnknownObject): Fault[] {
  const taken = new Map<unknown, number>()
  return partitions(recipe).flatMap(({ index, partition: { mountpoint } }): Fault[] => {
    if (typeof mountpoint !== 'string') return []
    const first = taken.get(mountpoint)
    taken.set(mountpoint, first ?? index)
    if (first === undefined) return []
    const message = `is already the mountpoint of partition ${first}, counted from 0`
    return [{ path: `/partition_layout/${index}/mountpoint`, code: 'duplicate_mountpoint', message }]
  })
}
