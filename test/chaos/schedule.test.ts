import { expect, test } from 'vitest'
import { createSchedule, type ScheduleOptions } from './schedule.ts'

const options: ScheduleOptions = {
  seed: 7,
  jobs: 40,
  controllers: 3,
  pauseMs: 40_000,
  outageMs: 60_000,
  gapMs: { min: 1000, max: 5000 },
  killsPerRound: 3,
}

const drawn = (seed: number) => {
  const { hosts, rounds } = createSchedule({ ...options, seed })
  return { hosts, troubles: [...rounds().take(5)] }
}

test('the seed decides what the hosts do and what happens when', () => {
  expect(drawn(7)).toEqual(drawn(7))
  expect(drawn(8)).not.toEqual(drawn(7))
})

test('faults of BMCs, drawn in whatever number, change nothing of that', () => {
  const schedule = createSchedule(options)
  for (let draws = 0; draws < 100; draws += 1) schedule.faults()
  expect([...schedule.rounds().take(5)]).toEqual(drawn(7).troubles)
})

test('every round has every kind of trouble in it', () => {
  for (const troubles of drawn(7).troubles) {
    const kinds = troubles.map(({ kind }) => kind).toSorted()
    expect(kinds).toEqual(['hold', 'kill', 'kill', 'kill', 'nats', 'pause', 'postgres', 'subscriber'])
  }
})

test('a tenth of the hosts fails and a twentieth is never heard of', () => {
  const { hosts } = drawn(7)
  expect(hosts.filter(({ bmc }) => bmc.host?.failAt !== undefined)).toHaveLength(4)
  expect(hosts.filter(({ bmc }) => bmc.host?.silent)).toHaveLength(2)
  expect(hosts.filter(({ outcome }) => outcome === 'failed')).toHaveLength(6)
})
