/**
 * What a server's BMC is asked: by the probe, by a server's first job and by a later one until the host is reset, while it
 * is observed, by the cleanup, and in an hour in which nothing happens; in whole jobs of a real controller (one process,
 * PostgreSQL of its own) on each of the simulator's profiles, in accelerated time, as the simulator counts them. Fails where
 * there are more than redfish/ceilings.ts has.
 *
 *   npm run bench:redfish [-- --json] [--profile generic,xcc] [--speed 10]
 */
import { readFile } from 'node:fs/promises'
import { isProfileName, profiles } from '../../redfish/simulator/profiles/catalogue.ts'
import { withDatabase } from './database.ts'
import { overCeiling } from './redfish/ceilings.ts'
import { measureRequests, type ProfileRequests } from './redfish/measure.ts'
import { numberFlag, print, progress, shown, textFlag } from './report.ts'

/** OpenStack Ironic with one CD, the lower ends of 22–26 to deploy and 17–19 to undeploy; 240 per idle node and hour. */
const ironic = { deploy: 22, undeploy: 17, idleHour: 240 } as const

const speed = numberFlag('speed', 10)
const wanted = textFlag('profile')?.split(',') ?? Object.keys(profiles)
const names = wanted.filter(isProfileName)
if (names.length < wanted.length) throw new RangeError(`profiles are: ${Object.keys(profiles).join(', ')}`)

const recipe = await readFile(new URL('../../deploy/examples/recipes/linux.json', import.meta.url), 'utf8')
const measured = await withDatabase((databaseUrl) =>
  // Nobody listens there: broadcasting waits, and jobs never wait for it.
  measureRequests({ databaseUrl, natsUrl: 'nats://127.0.0.1:9', profiles: names, recipe, speed, idleMs: 10_000 }),
)
for (const { profile, first, later } of measured)
  for (const [which, job] of Object.entries({ first, later }))
    if (job.outcome !== 'succeeded') progress(`${profile}: the ${which} job ${job.outcome} at ${job.failedStep}`)

const columns: readonly (readonly [string, string, (profile: ProfileRequests) => number])[] = [
  ['probe', 'probe', ({ probe }) => probe],
  ['first job', 'first_job_until_reset', ({ first }) => first.untilReset],
  ['both', 'probe_and_first_job', ({ probe, first }) => probe + first.untilReset],
  ['later job', 'later_job_until_reset', ({ later }) => later.untilReset],
  ['observe', 'observing', ({ later }) => later.observing],
  ['a minute', 'observing_per_minute', ({ later }) => later.observingPerMinute],
  ['cleanup', 'cleanup', ({ later }) => later.cleanup],
  ['idle hour', 'idle_hour', ({ idleHour }) => idleHour],
]
const figures: Record<string, number> = {}
for (const one of measured) for (const [, name, figure] of columns) figures[`${one.profile}.${name}`] = figure(one)
const most = (figure: (profile: ProfileRequests) => number) => Math.max(...measured.map(figure))
print(
  {
    bench: 'redfish',
    figures,
    ratios: {
      'later_job_until_reset.most/ironic_deploy': most(({ later }) => later.untilReset) / ironic.deploy,
      'cleanup.most/ironic_undeploy': most(({ later }) => later.cleanup) / ironic.undeploy,
      'idle_hour.most/ironic': most(({ idleHour }) => idleHour) / ironic.idleHour,
    },
  },
  [
    ['profile', 'layout', ...columns.map(([heading]) => heading)],
    ...measured.map((one) => [one.profile, one.layout, ...columns.map(([, , figure]) => shown(figure(one)))]),
  ],
  [
    'probe: when the server is registered, login included. first, later job: until the host is reset; both: with the probe.',
    'A session is ended after a minute without requests, and what its client remembers is gone: a job or a cleanup that finds',
    'none, as after every long installation, opens one (1), looks at the host again (1 or 2), and has it ended (1).',
  ],
)
const over = measured.flatMap(overCeiling)
for (const line of over) progress(line)
if (over.length > 0) process.exitCode = 1
