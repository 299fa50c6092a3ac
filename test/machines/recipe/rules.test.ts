/** The rules that the schema cannot say, and the sizes that they read. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ruleFaults } from '../../../machines/recipe/rules.ts'
import { recipeSchema } from '../../../machines/recipe/schema.ts'
import { parsePartitionSize } from '../../../machines/recipe/size.ts'

function sizes(...of: string[]): [string, string][] {
  const layout = of.map((size) => ({ size, type_guid: '8300' }))
  return ruleFaults({ partition_layout: layout }).map(({ path, code }) => [path, code])
}

describe('the rest of the disk', () => {
  test.each([[['100%']], [['512M', '100%']], [['40%', '100%']], [['512M', '100%', '1GiB', '64M']]])(
    '%j is a layout',
    (layout) => {
      expect(sizes(...layout)).toEqual([])
    },
  )

  test('is not followed by a share of the disk', () => {
    expect(sizes('100%', '40%')).toEqual([['/partition_layout/0/size', 'rest_not_last']])
    expect(sizes('512M', '100%', '64M', '1%')).toEqual([['/partition_layout/1/size', 'rest_not_last']])
  })

  test('is had by one partition only', () => {
    expect(sizes('100%', '100%')).toEqual([['/partition_layout/0/size', 'rest_not_last']])
  })
})

describe('percentages', () => {
  test('sum to 100 at most', () => {
    expect(sizes('40%', '60%')).toEqual([])
    expect(sizes('50%', '51%')).toEqual([['/partition_layout', 'percent_sum']])
  })

  test('leave something for the rest', () => {
    expect(sizes('40%', '59%', '100%')).toEqual([])
    expect(sizes('40%', '60%', '100%')).toEqual([['/partition_layout', 'percent_sum']])
  })

  test('are not judged beside a size that cannot be read', () => {
    expect(sizes('100%', '40%', 'big')).toEqual([])
  })
})

test('two partitions have two mountpoints', () => {
  const layout = ['/', '/srv', undefined, '/srv', '/srv'].map((mountpoint) => ({ size: '1G', mountpoint }))
  expect(ruleFaults({ partition_layout: layout })).toMatchObject([
    { path: '/partition_layout/3/mountpoint', code: 'duplicate_mountpoint' },
    { path: '/partition_layout/4/mountpoint', code: 'duplicate_mountpoint' },
  ])
})

test('the rules have a verdict on any value', () => {
  const field = fc.constantFrom('partition_layout', 'user_data', 'metadata', 'ks_cfg', 'env')
  const value = fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue()))
  fc.assert(
    fc.property(value, (any) => {
      expect(Array.isArray(ruleFaults(any))).toBe(true)
    }),
  )
})

describe('a size', () => {
  test.each([
    ['512M', { kind: 'fixed', mebibytes: 512 }],
    ['512MiB', { kind: 'fixed', mebibytes: 512 }],
    ['1GiB', { kind: 'fixed', mebibytes: 1024 }],
    ['2T', { kind: 'fixed', mebibytes: 2 * 1024 * 1024 }],
    ['40%', { kind: 'percent', percent: 40 }],
    ['100%', { kind: 'rest' }],
  ])('%s is %j', (text, size) => {
    expect(parsePartitionSize(text)).toEqual(size)
  })

  test.each(['', '0M', '007M', '-1M', '1.5G', '512', '512MB', '512m', '10K', '1 G', '0%', '101%', '12345678M', '1G\n'])(
    '%j is none',
    (text) => {
      expect(parsePartitionSize(text)).toBeUndefined()
    },
  )

  test('is one for the schema exactly when it can be read', () => {
    const pattern = new RegExp(recipeSchema.definitions.partition.properties.size.pattern, 'u')
    const text = fc.stringMatching(/^-?[0-9]{0,9}(?:\.5)?(?:[KMGTm%]?(?:iB|B)?)$/)
    fc.assert(
      fc.property(text, (size) => {
        expect(parsePartitionSize(size) !== undefined).toBe(pattern.test(size))
      }),
      { numRuns: 2000 },
    )
  })
})
