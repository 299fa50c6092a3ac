/**
 * The chaos harness with a few jobs and everything else short: one round with each kind of trouble in it.
 * `npm run test:chaos` runs it in full.
 */
import { expect, inject, onTestFailed, test } from 'vitest'
import { patienceMs, testMaxMs } from '../rig/patience.ts'
import { runChaos } from './harness.ts'

/** More than one job of any other test: everything that it starts is stopped and started again. */
const runMaxMs = 3 * testMaxMs

test(
  'whatever is killed, stopped, cut off or restarted, every guarantee holds',
  async () => {
    const startedAt = performance.now()
    const said: string[] = []
    onTestFailed(() => void process.stderr.write(`${said.join('\n')}\n`))
    const { faults, kills, pauses } = await runChaos({
      folder: inject('runDir'),
      seed: 1,
      jobs: 10,
      controllers: 3,
      roundsMax: 1,
      spreadMs: 5000,
      pauseMs: 4000,
      outageMs: 2000,
      gapMs: { min: 300, max: 900 },
      killsPerRound: 1,
      leaseTtlMs: 2000,
      reportWaitMs: 60_000,
      speed: 20,
      signal: AbortSignal.timeout(runMaxMs - patienceMs),
      say: (text) => void said.push(`${Math.round(performance.now() - startedAt)} ms  ${text}`),
    })
    expect(faults.join('\n')).toBe('')
    expect([kills, pauses]).toEqual([1, 1])
  },
  runMaxMs,
)
