/**
 * The controller is killed at a seam of its work and started again: the job ends as if nothing had happened. These are a
 * few seams that differ in what is at stake; `npm run test:crash` kills at every one (`every-seam.ts`).
 */
import { expect, test } from 'vitest'
import type { Seam } from '../../eventstore/log/seams.ts'
import { runJob } from './job-run.ts'
import { expectSameEnd } from './same-end.ts'

const chosen: readonly Seam[] = [
  'append.after:job.requested+server.reserved',
  'effect.after:redfish.mount.task',
  'append.after:redfish.reset.requested',
  'effect.after:redfish.reset',
  'publish.after:report.received',
  'effect.after:cleanup.unmount',
]

const uncrashed = await runJob(null)

test('these are seams of a job', () => {
  expect(uncrashed.seams).toEqual(expect.arrayContaining([...chosen]))
  expect(uncrashed.bmc.sessionsLeft).toBe(0)
})

test.concurrent.each(chosen)(
  'killed at %s, a job comes to the same end',
  async (seam) => expectSameEnd(await runJob(seam), uncrashed),
  // They run side by side, two processes each, beside all other tests.
)
