/** The scan of the text sees what JSON.parse accepts, and what it hides. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeJsonText, scanJson } from '../../../machines/recipe/json-text.ts'

const limits = { depthMax: 32, valuesMax: 1000 }

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** JSON, and JSON with one stretch replaced, which is seldom JSON any more. */
const nearlyJson = fc.oneof(
  fc.json(),
  fc
    .tuple(
      fc.json(),
      fc.nat(),
      fc.nat(3),
      fc.constantFrom('', ',', '"', '\\', '\\u12', '0', '-', '.', 'e', ' ', '\n', '}', ']', ':', 'null'),
    )
    .map(([text, at, cut, put]) => {
      const start = at % (text.length + 1)
      return text.slice(0, start) + put + text.slice(start + cut)
    }),
)

test('the scan comes to the end of exactly what JSON.parse accepts', () => {
  fc.assert(
    fc.property(nearlyJson, (text) => {
      expect(scanJson(text, limits).ok).toBe(isJson(text))
    }),
    { numRuns: 2000 },
  )
})

test.each([
  '01',
  '-',
  '1.',
  '.5',
  '1e',
  '+1',
  'NaN',
  'nul',
  "'a'",
  '[1,]',
  '{"a":1,}',
  '{a:1}',
  '"\t"',
  '"\\x"',
  '"a',
  ' ',
  '\u00a01',
])('%j is no JSON', (text) => {
  expect(isJson(text)).toBe(false)
  expect(scanJson(text, limits)).toMatchObject({ ok: false, fault: { path: '', code: 'invalid_json' } })
})

test('a syntax error is told by line and column', () => {
  expect(scanJson('{\n  "a": 1\n  "b": 2\n}', limits)).toEqual({
    ok: false,
    fault: { path: '', code: 'invalid_json', message: "is not JSON: line 3, column 3: expected ',' or '}'" },
  })
})

test('the members of the outermost object are cut out byte for byte', () => {
  const body = '{ "serial":"S1", "recipe" : {"b": 1.0,\n "a":"\\u0041 }"}\t, "last":[ ] }'
  const scan = scanJson(body, limits)
  expect(scan).toMatchObject({ ok: true, faults: [] })
  expect(scan.ok && [...scan.members]).toEqual([
    ['serial', '"S1"'],
    ['recipe', '{"b": 1.0,\n "a":"\\u0041 }"}'],
    ['last', '[ ]'],
  ])
})

test('each member that was cut out has the value that JSON.parse gives it', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent)
      const scan = scanJson(text, limits)
      const members = scan.ok ? [...scan.members].map(([name, member]) => [name, JSON.parse(member)]) : []
      expect(new Map(members as [string, unknown][])).toEqual(new Map(Object.entries(JSON.parse(text) as object)))
    }),
  )
})

test('a name is given twice even when it is once written with an escape', () => {
  expect(scanJson('{"env":{"A":"1","\\u0041":"2"},"other":{"A":"1"}}', limits)).toMatchObject({
    ok: true,
    faults: [{ path: '/env/A', code: 'duplicate_key' }],
  })
})

test('a pointer ends above what may be content', () => {
  const twice = '{"x":1,"x":2}'
  const text = `{"user_data":${twice},"metadata":{"a":{"b":${twice}}},"partition_layout":[[${twice}]],"a/b~c":[${twice}]}`
  const scan = scanJson(text, limits)
  expect(scan.ok && scan.faults.map(({ path }) => path)).toEqual([
    '/user_data',
    '/metadata/a',
    '/partition_layout/0/0',
    '/a~1b~0c',
  ])
})

test('depth and number of values have a limit that ends the walk', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  expect(scanJson(nested(32), limits)).toMatchObject({ ok: true })
  expect(scanJson(nested(33), limits)).toMatchObject({ ok: false, fault: { code: 'too_deep' } })
  const many = (count: number) => JSON.stringify(Array(count - 1).fill(0))
  expect(scanJson(many(1000), limits)).toMatchObject({ ok: true })
  expect(scanJson(many(1001), limits)).toMatchObject({ ok: false, fault: { code: 'too_many_values' } })
})

test('text that was decoded encodes to the same bytes again, a byte order mark included', () => {
  const bytes = Buffer.from('\uFEFF{"a":"é😀"}')
  const decoded = decodeJsonText(bytes, 100)
  expect('text' in decoded && Buffer.from(decoded.text).equals(bytes)).toBe(true)
})
