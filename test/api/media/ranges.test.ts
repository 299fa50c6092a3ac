import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contentRange, RANGES_MAX, requestedRanges } from '../../../api/media/ranges.ts'

/** The ranges as `first-last`, or the kind of answer. */
function ask(header: string | undefined, sizeBytes = 1000): string {
  const requested = requestedRanges({ header, sizeBytes })
  if (requested.kind !== 'partial') return requested.kind
  return requested.ranges.map(({ offset, lengthBytes }) => `${offset}-${offset + lengthBytes - 1}`).join(' ')
}

describe('a range header', () => {
  test.each([
    ['bytes=0-0', '0-0'],
    ['bytes=0-499', '0-499'],
    ['bytes=500-', '500-999'],
    ['bytes=-1', '999-999'],
    ['bytes=-500', '500-999'],
    ['bytes=-5000', '0-999'],
    ['bytes=900-5000', '900-999'],
    ['bytes=900-99999999999999999999999999', '900-999'],
    ['Bytes=0-1', '0-1'],
    ['bytes= 0-1 , 5-6 ', '0-1 5-6'],
    ['bytes=,0-1,,5-6,', '0-1 5-6'],
    ['bytes=5-6,0-1', '5-6 0-1'],
    ['bytes=0-1,2000-,5-6', '0-1 5-6'],
  ])('%s asks for %s of 1000 bytes', (header, ranges) => {
    expect(ask(header)).toBe(ranges)
  })

  test.each([
    ['bytes=0-10,5-20', '0-20'],
    ['bytes=0-10,11-20', '0-20'],
    ['bytes=0-10,12-20', '0-10 12-20'],
    ['bytes=50-60,0-10,5-55', '0-60'],
    ['bytes=0-,-1,500-', '0-999'],
    ['bytes=100-200,0-10,900-,205-210,150-204', '100-210 0-10 900-999'],
  ])('%s is served as %s: what overlaps or touches is one', (header, ranges) => {
    expect(ask(header)).toBe(ranges)
  })

  test.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=a-b',
    'bytes=5',
    'bytes=5-1',
    'bytes=0-1,x',
    'bytes=1-2-3',
    'bytes=-1-2',
    'lines=0-1',
    '0-1',
    'bytes=0x1-2',
    'bytes=+1-2',
    'bytes=9007199254740993-9007199254740992',
  ])('that is absent, malformed or in another unit is as good as none: %s', (header) => {
    expect(ask(header)).toBe('whole')
  })

  test.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0', 'bytes=5000-6000,7000-'])(
    'that asks for nothing there is cannot be satisfied: %s',
    (header) => {
      expect(ask(header)).toBe('unsatisfiable')
    },
  )

  test.each(['bytes=0-', 'bytes=-1', 'bytes=0-0'])('asks in vain of an empty medium: %s', (header) => {
    expect(ask(header, 0)).toBe('unsatisfiable')
  })

  test('may ask for so many ranges and no more, even if they are one', () => {
    const many = (count: number) => `bytes=${Array.from({ length: count }, (_, index) => `${index * 2}-${index * 2}`)}`
    expect(ask(many(RANGES_MAX)).split(' ')).toHaveLength(RANGES_MAX)
    expect(ask(many(RANGES_MAX + 1))).toBe('unsatisfiable')
    expect(ask(`bytes=${'0-,'.repeat(RANGES_MAX + 1)}`)).toBe('unsatisfiable')
  })
})

describe('whatever is asked for', () => {
  const sizeBytes = 60
  const position = fc.integer({ min: 0, max: 80 })
  const spec = fc.oneof(
    fc.tuple(position, position).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
    position.map((first) => ({ first, last: undefined })),
    position.map((length) => ({ first: undefined, last: length })),
  )
  const specs = fc.array(spec, { minLength: 1, maxLength: RANGES_MAX })
  type Spec = { readonly first: number | undefined; readonly last: number | undefined }
  const headerOf = (list: readonly Spec[]) => `bytes=${list.map(({ first = '', last = '' }) => `${first}-${last}`)}`

  /** The bytes that one element asks for, by the words of the RFC. */
  function wanted({ first, last }: Spec): readonly number[] {
    const all = Array.from({ length: sizeBytes }, (_, index) => index)
    if (first === undefined) return last === 0 || last === undefined ? [] : all.slice(-last)
    return all.filter((index) => index >= first && (last === undefined || index <= last))
  }

  test('exactly the bytes asked for are sent, each once, in ranges that are apart', () => {
    fc.assert(
      fc.property(specs, (list) => {
        const requested = requestedRanges({ header: headerOf(list), sizeBytes })
        const ranges = requested.kind === 'partial' ? requested.ranges : []
        const sent = ranges.flatMap(({ offset, lengthBytes }) =>
          Array.from({ length: lengthBytes }, (_, index) => offset + index),
        )
        const asked = new Set(list.flatMap(wanted))
        expect(sent.toSorted((a, b) => a - b)).toEqual([...asked].toSorted((a, b) => a - b))
        expect(requested.kind).toBe(asked.size === 0 ? 'unsatisfiable' : 'partial')
        const sorted = ranges.toSorted((a, b) => a.offset - b.offset)
        for (const [index, range] of sorted.entries()) {
          const before = sorted[index - 1]
          if (before !== undefined) expect(before.offset + before.lengthBytes).toBeLessThan(range.offset)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('ranges that are apart keep the order in which they were asked for', () => {
    const apart = fc.shuffledSubarray([0, 10, 20, 30, 40, 50], { minLength: 1 })
    fc.assert(
      fc.property(apart, (offsets) => {
        const header = `bytes=${offsets.map((offset) => `${offset}-${offset + 4}`)}`
        const requested = requestedRanges({ header, sizeBytes })
        expect(requested.kind === 'partial' && requested.ranges.map(({ offset }) => offset)).toEqual(offsets)
      }),
    )
  })

  test('no text breaks the parser or takes it out of bounds', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^bytes=[-0-9, ]*$/))
    fc.assert(
      fc.property(text, fc.nat(100), (header, size) => {
        const requested = requestedRanges({ header, sizeBytes: size })
        if (requested.kind !== 'partial') return
        expect(requested.ranges.length).toBeGreaterThan(0)
        for (const { offset, lengthBytes } of requested.ranges) {
          expect(offset).toBeGreaterThanOrEqual(0)
          expect(lengthBytes).toBeGreaterThan(0)
          expect(offset + lengthBytes).toBeLessThanOrEqual(size)
        }
      }),
      { numRuns: 500 },
    )
  })
})

test('a content range counts from the first byte to the last, and of how many', () => {
  expect(contentRange({ offset: 0, lengthBytes: 500 }, 1234)).toBe('bytes 0-499/1234')
})
