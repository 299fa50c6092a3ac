/** The ceiling of what a BMC is asked, in whole jobs: `npm run bench:redfish` prints it for every profile. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { measureRequests, type ProfileRequests } from '../bench/redfish/measure.ts'
import { freshNats } from '../nats.ts'
import { freshDatabase } from '../postgres.ts'
import { linuxRecipe } from './site.ts'

const profiles = ['generic', 'ilo5', 'supermicro-x13'] as const

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
}, 180_000)

afterAll(async () => {
  await nats.stop()
  await database.drop()
})

test.each(profiles)(
  'of %s: at most 20 until a first job resets the host, 12 in a later one, 10 to clean up',
  (profile) => {
    const one = measured.find((candidate) => candidate.profile === profile)
    expect(one?.first.outcome).toBe('succeeded')
    expect(one?.later.outcome).toBe('succeeded')
    expect(one?.first.untilReset).toBeGreaterThan(0)
    expect(one?.first.untilReset).toBeLessThanOrEqual(20)
    expect(one?.later.untilReset).toBeLessThanOrEqual(12)
    expect(one?.later.cleanup).toBeLessThanOrEqual(10)
    expect(one?.idleHour).toBe(0)
  },
)
