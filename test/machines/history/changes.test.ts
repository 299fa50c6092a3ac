import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Change, changesBetween } from '../../../machines/history/changes.ts'

describe('a change is told', () => {
  test.each<[what: string, before: unknown, after: unknown, changes: readonly Change[]]>([
    ['at the deepest place', { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, [{ path: '/a/c', before: 2, after: 3 }]],
    [
      'without a side that has nothing there',
      { a: 1 },
      { b: null },
      [
        { path: '/a', before: 1 },
        { path: '/b', after: null },
      ],
    ],
    [
      'in lists by place',
      [1, 2],
      [1, 3, 4],
      [
        { path: '/1', before: 2, after: 3 },
        { path: '/2', after: 4 },
      ],
    ],
    ['as a whole where the kinds differ', { a: [] }, { a: {} }, [{ path: '/a', before: [], after: {} }]],
    ['as a whole at the root', 1, 'x', [{ path: '', before: 1, after: 'x' }]],
    ['with names escaped', { 'a/b~c': 1 }, { 'a/b~c': 2 }, [{ path: '/a~1b~0c', before: 1, after: 2 }]],
    ['of a name that every object has', {}, { toString: 1 }, [{ path: '/toString', after: 1 }]],
    ['not for the order of members', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['between null and something', { a: null }, { a: { b: 1 } }, [{ path: '/a', before: null, after: { b: 1 } }]],
  ])('%s', (_what, before, after, changes) => {
    expect(changesBetween(before, after)).toEqual(changes)
  })

  test('in the order of the places, so that the first one is always the same', () => {
    const paths = changesBetween({ z: 1, a: 1, m: 1 }, { m: 2, z: 2, a: 2 }).map(({ path }) => path)
    expect(paths).toEqual(['/a', '/m', '/z'])
  })
})

const json = fc.jsonValue({ maxDepth: 3 })

test('a value does not differ from itself, however it was stored', () => {
  fc.assert(
    fc.property(json, (value) => {
      expect(changesBetween(value, JSON.parse(JSON.stringify(value)))).toEqual([])
    }),
  )
})

test('what differs is always told, and the other way round the sides are exchanged', () => {
  fc.assert(
    fc.property(json, json, (one, other) => {
      const there = changesBetween(plain(one), plain(other))
      expect(there.length > 0).toBe(JSON.stringify(sorted(one)) !== JSON.stringify(sorted(other)))
      const back = changesBetween(plain(other), plain(one))
      expect(back).toEqual(
        there.map(({ path, ...sides }) => ({
          path,
          ...('after' in sides ? { before: sides.after } : {}),
          ...('before' in sides ? { after: sides.before } : {}),
        })),
      )
    }),
  )
})

/** As it comes out of a store: -0 is 0 there. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

function sorted(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
