/**
 * The ceiling of what a BMC is asked, in whole jobs, on makes that differ in how media and the boot override are worked;
 * `npm run bench:redfish` holds every make to it.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ceiling, ceilings, overCeiling } from '../bench/redfish/ceilings.ts'
import { measureRequests, type ProfileRequests } from '../bench/redfish/measure.ts'
import { freshNats } from '../rig/nats.ts'
import { freshDatabase } from '../rig/postgres.ts'
import { linuxRecipe } from './rig/site.ts'

const profiles = ['generic', 'idrac9', 'ilo4', 'xcc'] as const

let measured: readonly ProfileRequests[]
let database: Awaited<ReturnType<typeof freshDatabase>>
let nats: Awaited<ReturnType<typeof freshNats>>

beforeAll(async () => {
  ;[database, nats] = await Promise.all([freshDatabase(), freshNats()])
  measured = await measureRequests({
    databaseUrl: database.url,
    natsUrl: nats.url,
    profiles,
    recipe: linuxRecipe,
    speed: 5,
    idleMs: 1000,
  })
})

afterAll(async () => {
  await nats.stop()
  await database.drop()
})

test.each(profiles)('%s is asked no more than its ceiling, and nothing while it is idle', (profile) => {
  const one = measured.find((candidate) => candidate.profile === profile)
  expect(one?.first.outcome).toBe('succeeded')
  expect(one?.later.outcome).toBe('succeeded')
  expect(one?.first.untilReset).toBeGreaterThan(0)
  expect(one === undefined ? [profile] : overCeiling(one)).toEqual([])
  expect(one?.idleHour).toBe(0)
})

test('the ceilings are within what is aimed at: 20 for a first job, 12 for a later one, 10 to clean up', () => {
  const within = ({ first, later, cleanup }: Ceiling) => first <= 20 && later <= 12 && cleanup <= 10
  expect(Object.values(ceilings).every(within)).toBe(true)
})

test('one request too many is named, with those of its job', () => {
  const job = {
    log: ['until reset: GET /redfish/v1/'],
    observing: 0,
    observingPerMinute: 0,
    outcome: 'succeeded',
    failedStep: null,
  }
  const { probe, first, later, cleanup } = ceilings.xcc
  const asked = (more: number): ProfileRequests => ({
    profile: 'xcc',
    layout: 'two-cds',
    probe,
    first: { ...job, untilReset: first, cleanup },
    later: { ...job, untilReset: later + more, cleanup },
    idleHour: 0,
  })
  expect(overCeiling(asked(0))).toEqual([])
  const [said, ...others] = overCeiling(asked(1))
  expect(said).toBe(`xcc: later has ${later + 1} requests, its ceiling is ${later}\n  ${job.log[0]}`)
  expect(others).toEqual([])
})
