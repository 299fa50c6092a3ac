/** What operators see of the sweep: a line in `/readyz`, and metrics. */
import { expect, test } from 'vitest'
import type { SweepStatus } from '../../../actors/sweep.ts'
import { sweepCheck } from '../../../deploy/controller/application.ts'
import { createMetrics } from '../../../deploy/controller/metrics.ts'
import { serverStream } from '../../../machines/kinds.ts'
import { commit, openWorld, registerServer } from '../../eventstore/rig/world.ts'

const at = '2026-03-01T10:00:00.000Z'
const report = { at, repaired: 0, standing: [], whole: true }
const violation = { stream: serverStream('SN-1'), reason: 'lease.abandoned', subject: 'x', repaired: false } as const

const lineOf = async (status: SweepStatus) => {
  const { name, fatal, check } = sweepCheck({ status: () => status })
  expect({ name, fatal }).toEqual({ name: 'sweep', fatal: false })
  return check()
}

test.each<[string, SweepStatus, boolean, string]>([
  ['before the first run', { last: null, failed: false }, true, 'the first sweep is under way'],
  ['when all is well', { last: report, failed: false }, true, `every actor has what it waits for (${at})`],
  [
    'after a repair',
    { last: { ...report, repaired: 2 }, failed: false },
    true,
    `every actor has what it waits for, 2 put right (${at})`,
  ],
  [
    'when somebody has to look',
    {
      last: {
        ...report,
        standing: [violation, { ...violation, subject: 'y' }, { ...violation, reason: 'deadline.overdue' }],
        whole: false,
      },
      failed: false,
    },
    false,
    `lease.abandoned 2, deadline.overdue 1 to be looked into, not all actors looked at in one go (${at})`,
  ],
  ['after a run that failed', { last: report, failed: true }, false, 'the latest sweep could not be done; see the log'],
])('the line %s', async (_, status, ok, detail) => {
  expect(await lineOf(status)).toEqual({ ok, detail })
})

test('violations are counted by reason, and the last run has its time', async () => {
  const world = await openWorld()
  const metrics = createMetrics()
  world.runtime.onAppended(metrics.appended)
  const server = serverStream(await registerServer(world))
  const { stream: _, ...data } = violation
  await commit(world, server, [{ type: 'actor.stall.observed', data }])
  metrics.watch({
    performer: { underWay: () => 0, stop: async () => {} },
    jobsByStatus: async () => new Map(),
    publishLagSeconds: () => 0,
    sweptAt: () => at,
  })
  const text = await metrics.registry.metrics()
  expect(text).toContain('sweep_violations_total{reason="lease.abandoned"} 1')
  expect(text).toContain(`sweep_last_run_timestamp_seconds ${Date.parse(at) / 1000}`)
  await world.close()
})
