import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type MediaRead, type MediaReadFact, readEvidence } from '../../../../actors/media/access/evidence.ts'

const startMs = Date.parse('2026-01-02T00:00:00Z')

function read(change: Partial<Omit<MediaRead, 'at'>> & { readonly atS: number }): MediaRead {
  const { atS, ...rest } = change
  const at = new Date(startMs + atS * 1000)
  return { jobId: 'job-a', medium: 'task', attempt: 1, offset: 0, bytes: 2048, at, ...rest }
}

function watched({ intervalS = 10, slotsMax = 100 } = {}) {
  const facts: MediaReadFact[] = []
  const evidence = readEvidence({ intervalMs: intervalS * 1000, slotsMax, emit: (fact) => facts.push(fact) })
  return { evidence, facts }
}

describe('reads of one slot', () => {
  test('are told at once the first time, then at most once per interval', () => {
    const { evidence, facts } = watched()
    for (let atS = 0; atS < 35; atS++) evidence.record(read({ atS, offset: atS * 2048 }))
    expect(facts.map(({ lastReadAt, requests }) => [lastReadAt, requests])).toEqual([
      ['2026-01-02T00:00:00.000Z', 1],
      ['2026-01-02T00:00:10.000Z', 11],
      ['2026-01-02T00:00:20.000Z', 21],
      ['2026-01-02T00:00:30.000Z', 31],
    ])
  })

  test('add up to first and last time, the furthest byte, and totals', () => {
    const { evidence, facts } = watched()
    evidence.record(read({ atS: 0, offset: 32_768, bytes: 2048 }))
    evidence.record(read({ atS: 1, offset: 100_000, bytes: 500 }))
    evidence.record(read({ atS: 2, offset: 0, bytes: 2048 }))
    evidence.flush()
    expect(facts.at(-1)).toEqual({
      jobId: 'job-a',
      medium: 'task',
      attempt: 1,
      firstReadAt: '2026-01-02T00:00:00.000Z',
      lastReadAt: '2026-01-02T00:00:02.000Z',
      highestOffset: 100_500,
      bytes: 4596,
      requests: 3,
    })
  })

  test('may be told in another order than they happened', () => {
    const { evidence, facts } = watched()
    evidence.record(read({ atS: 5 }))
    evidence.record(read({ atS: 3 }))
    evidence.flush()
    expect(facts.at(-1)).toMatchObject({ lastReadAt: '2026-01-02T00:00:05.000Z', requests: 2 })
  })
})

test('slots are apart by job, medium and attempt', () => {
  const { evidence, facts } = watched()
  evidence.record(read({ atS: 0 }))
  evidence.record(read({ atS: 0, attempt: 2 }))
  evidence.record(read({ atS: 0, attempt: null }))
  evidence.record(read({ atS: 0, medium: 'maintenance' }))
  evidence.record(read({ atS: 0, jobId: 'job-b' }))
  expect(facts.map(({ requests }) => requests)).toEqual([1, 1, 1, 1, 1])
})

describe('flushing', () => {
  test('tells what is new since the last telling, and nothing twice', () => {
    const { evidence, facts } = watched()
    evidence.record(read({ atS: 0 }))
    evidence.flush()
    expect(facts).toHaveLength(1)
    evidence.record(read({ atS: 1 }))
    evidence.flush()
    evidence.flush()
    expect(facts.map(({ requests }) => requests)).toEqual([1, 2])
  })

  test('of one job leaves the others waiting', () => {
    const { evidence, facts } = watched()
    for (const jobId of ['job-a', 'job-b']) for (const atS of [0, 1]) evidence.record(read({ atS, jobId }))
    evidence.flush('job-b')
    expect(facts.filter(({ requests }) => requests === 2).map(({ jobId }) => jobId)).toEqual(['job-b'])
  })

  test('while forgetting a job tells the last of it, and a later read begins anew', () => {
    const { evidence, facts } = watched()
    evidence.record(read({ atS: 0 }))
    evidence.record(read({ atS: 1 }))
    evidence.forget('job-a')
    evidence.record(read({ atS: 2 }))
    expect(facts.map(({ requests, firstReadAt }) => [requests, firstReadAt])).toEqual([
      [1, '2026-01-02T00:00:00.000Z'],
      [2, '2026-01-02T00:00:00.000Z'],
      [1, '2026-01-02T00:00:02.000Z'],
    ])
  })
})

test('beyond its limit the slot read least recently is told and forgotten', () => {
  const { evidence, facts } = watched({ slotsMax: 2 })
  evidence.record(read({ atS: 0, jobId: 'job-a' }))
  evidence.record(read({ atS: 1, jobId: 'job-b' }))
  evidence.record(read({ atS: 2, jobId: 'job-a' }))
  evidence.record(read({ atS: 3, jobId: 'job-b' }))
  expect(facts).toHaveLength(2)
  evidence.record(read({ atS: 4, jobId: 'job-c' }))
  // The newcomer's first read, and what was not yet told of the one that had to go.
  expect(facts.slice(2).map(({ jobId, requests }) => [jobId, requests])).toEqual([
    ['job-c', 1],
    ['job-a', 2],
  ])
  evidence.flush()
  expect(facts.slice(4).map(({ jobId, requests }) => [jobId, requests])).toEqual([['job-b', 2]])
})

test('however reads come, the last fact of each slot tells all of them, at the promised rate', () => {
  const reads = fc.array(
    fc.record({
      afterS: fc.integer({ min: 0, max: 15 }),
      jobId: fc.constantFrom('job-a', 'job-b'),
      offset: fc.nat(1_000_000),
      bytes: fc.integer({ min: 1, max: 100_000 }),
    }),
    { minLength: 1 },
  )
  fc.assert(
    fc.property(reads, (steps) => {
      const { evidence, facts } = watched({ intervalS: 10 })
      let atS = 0
      const all = steps.map(({ afterS, ...rest }) => {
        atS += afterS
        return read({ ...rest, atS })
      })
      for (const one of all) evidence.record(one)
      for (const jobId of new Set(all.map((one) => one.jobId))) {
        const times = facts.filter((fact) => fact.jobId === jobId).map((fact) => Date.parse(fact.lastReadAt))
        for (const [index, time] of times.entries()) {
          if (index > 0) expect(time - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(10_000)
        }
      }
      evidence.flush()
      for (const jobId of new Set(all.map((one) => one.jobId))) {
        const own = all.filter((one) => one.jobId === jobId)
        expect(facts.findLast((fact) => fact.jobId === jobId)).toMatchObject({
          requests: own.length,
          bytes: own.reduce((sum, one) => sum + one.bytes, 0),
          highestOffset: Math.max(...own.map((one) => one.offset + one.bytes)),
          firstReadAt: own[0]?.at.toISOString(),
          lastReadAt: own.at(-1)?.at.toISOString(),
        })
      }
    }),
  )
})
