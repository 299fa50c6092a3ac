import { expect, test } from 'vitest'
import { createOwnAppends } from '../../actors/own-appends.ts'

test('events in a row are known, and after somebody else’s only those that follow it', () => {
  const own = createOwnAppends({ streamsMax: 10 })
  for (const version of [1, 2, 3, 5, 6]) own.note({ stream: 'job-a', version })
  expect([1, 2, 3, 4, 5, 6, 7].filter((version) => own.has({ stream: 'job-a', version }))).toEqual([5, 6])
  expect(own.has({ stream: 'job-b', version: 5 })).toBe(false)
})

test('no more streams are remembered than are allowed', () => {
  const own = createOwnAppends({ streamsMax: 2 })
  own.note({ stream: 'job-a', version: 1 })
  own.note({ stream: 'job-b', version: 1 })
  own.note({ stream: 'job-a', version: 2 })
  own.note({ stream: 'job-c', version: 1 })
  const known = (['job-a', 'job-b', 'job-c'] as const).filter((stream) =>
    own.has({ stream, version: stream === 'job-a' ? 2 : 1 }),
  )
  expect(known).toEqual(['job-a', 'job-c'])
})
