/** The clock of services as it is outside of tests. */
import { expect, test } from 'vitest'
import { realTiming, timed } from '../../actors/timing.ts'
import { manualTiming } from './rig/service-context.ts'

test('a delay takes its time', async () => {
  const startedAt = realTiming.now()
  await realTiming.delay(20, new AbortController().signal)
  expect(realTiming.now() - startedAt).toBeGreaterThanOrEqual(19)
})

test("a delay ends at once with the signal's reason, whether that came before or comes meanwhile", async () => {
  const reason = new Error('withdrawn')
  await expect(realTiming.delay(600_000, AbortSignal.abort(reason))).rejects.toBe(reason)
  const giveUp = new AbortController()
  const delayed = realTiming.delay(600_000, giveUp.signal)
  giveUp.abort(reason)
  await expect(delayed).rejects.toBe(reason)
})

test('work is timed in whole milliseconds', async () => {
  const timing = manualTiming()
  const signal = new AbortController().signal
  const done = await timed(timing, async () => {
    await timing.delay(12.4, signal)
    return 'done'
  })
  expect(done).toEqual({ result: 'done', elapsed_ms: 12 })
})
