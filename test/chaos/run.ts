/**
 * `npm run test:chaos`: the chaos harness in full. A run of a few jobs is part of `npm test` (`chaos.test.ts`).
 *
 *   npm run test:chaos -- [--seed 1] [--jobs 200] [--controllers 3] [--spread 240] [--pause 40] [--outage 60]
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runChaos } from './harness.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '200' },
    controllers: { type: 'string', default: '3' },
    spread: { type: 'string', default: '240' },
    pause: { type: 'string', default: '40' },
    outage: { type: 'string', default: '60' },
  },
})
const runTimeoutMs = 30 * 60_000
const startedAt = performance.now()
const say = (text: string) =>
  void process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${text}\n`)

const folder = await mkdtemp(join(tmpdir(), 'provisioner-chaos-'))
// PostgreSQL's unprivileged user must be able to enter when this runs as root.
await chmod(folder, 0o711)
try {
  const { faults, kills, pauses } = await runChaos({
    folder,
    seed: Number(values.seed),
    jobs: Number(values.jobs),
    controllers: Number(values.controllers),
    roundsMax: Number.POSITIVE_INFINITY,
    spreadMs: Number(values.spread) * 1000,
    pauseMs: Number(values.pause) * 1000,
    outageMs: Number(values.outage) * 1000,
    gapMs: { min: 1000, max: 5000 },
    killsPerRound: 3,
    leaseTtlMs: 5000,
    // On a machine that is busy otherwise, hosts have been seen to take more than 90 s.
    reportWaitMs: 300_000,
    speed: 20,
    signal: AbortSignal.timeout(runTimeoutMs),
    say,
  })
  say(`${kills} kills, ${pauses} pauses`)
  for (const fault of faults) say(`FAULT ${fault}`)
  say(faults.length === 0 ? 'every guarantee held' : `${faults.length} fault(s); repeat with --seed ${values.seed}`)
  process.exitCode = faults.length === 0 ? 0 : 1
} finally {
  await rm(folder, { recursive: true, force: true })
}
