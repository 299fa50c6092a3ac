/** The controller is killed at every seam that an uncrashed run passes, each in a run of its own. */
import { expect, test } from 'vitest'
import { runJob } from './job-run.ts'
import { expectSameEnd } from './same-end.ts'

/** A job of thirteen steps has far more; fewer were recorded only if the recording is broken. */
const seamsMin = 100

const uncrashed = await runJob(null)

test('an uncrashed run passes all the seams of a job and leaves no session', () => {
  expect(uncrashed.seams.length).toBeGreaterThan(seamsMin)
  expectSameEnd(uncrashed, uncrashed)
})

test.concurrent.each(uncrashed.seams)('killed at %s, a job comes to the same end', async (seam) => {
  expectSameEnd(await runJob(seam), uncrashed)
})
