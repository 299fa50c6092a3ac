import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRateLimiter } from '../../../api/access/limits.ts'
import { RequestRefused } from '../../../api/errors.ts'
import { openSite, siteOn } from '../site.ts'

function granted(take: () => void): boolean {
  try {
    take()
    return true
  } catch (error) {
    if (waitOf(error) !== null) return false
    throw error
  }
}

/** The wait that a limiter's refusal names; null for any other error. */
function waitOf(error: unknown): number | null {
  const refusal = error instanceof RequestRefused ? error.refusal : null
  return refusal?.kind === 'too_many_requests' ? refusal.retryAfterMs : null
}

test('whatever the pauses, no source gets more than its bucket and what flowed in meanwhile', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 200 }),
      (perMinute, pauses) => {
        let nowMs = 0
        const limiter = createRateLimiter({ perMinute, now: () => nowMs, what: 'requests' })
        let count = 0
        for (const pauseMs of pauses) {
          nowMs += pauseMs
          if (granted(() => limiter.take('a'))) count += 1
        }
        expect(count).toBeLessThanOrEqual(perMinute + (nowMs * perMinute) / 60_000 + 1e-6)
      },
    ),
  )
})

test('who waits as long as the refusal says is heard', () => {
  let nowMs = 0
  const limiter = createRateLimiter({ perMinute: 2, now: () => nowMs, what: 'requests' })
  limiter.take('a')
  limiter.take('a')
  limiter.take('b')
  let retryAfterMs = 0
  try {
    limiter.take('a')
  } catch (error) {
    const waitMs = waitOf(error)
    if (waitMs === null) throw error
    retryAfterMs = waitMs
  }
  expect(retryAfterMs).toBe(30_000)
  nowMs += retryAfterMs - 1
  expect(granted(() => limiter.check('a'))).toBe(false)
  nowMs += 1
  expect(granted(() => limiter.take('a'))).toBe(true)
})

test('sources beyond those that are remembered do not make the memory grow', () => {
  const limiter = createRateLimiter({ perMinute: 1, now: () => 0, what: 'requests' })
  limiter.take('first')
  for (let count = 0; count < 10_000; count += 1) limiter.take(`s${count}`)
  expect(granted(() => limiter.take('first'))).toBe(true)
  expect(granted(() => limiter.take('s9999'))).toBe(false)
})

const site = await openSite()

test('a source over its limit is 429 with the time to wait; health and media are not counted', async () => {
  const limited = await siteOn(site.world, { limits: { ...site.options.limits, requestsPerMinute: 2 } })
  const statuses: number[] = []
  for (let count = 0; count < 3; count += 1) statuses.push((await limited.ask('GET', '/api/v1/jobs')).status)
  expect(statuses).toEqual([200, 200, 429])
  const refused = await limited.ask('GET', '/api/v1/jobs')
  expect([refused.body['error'], refused.headers.get('retry-after')]).toEqual(['too_many_requests', '30'])
  for (const path of ['/healthz', '/readyz', '/metrics']) expect((await limited.ask('GET', path)).status).toBe(200)
  expect((await limited.ask('GET', '/media/images/none.iso')).status).toBe(404)
})

test('sources are told apart by address, an IPv6 host by its network', async () => {
  const limited = await siteOn(site.world, { limits: { ...site.options.limits, requestsPerMinute: 1 } })
  const from = async (remoteAddress: string) =>
    (await limited.app.request('/api/v1/jobs', {}, { incoming: { socket: { remoteAddress } } })).status
  expect(await from('192.0.2.1')).toBe(200)
  expect(await from('::ffff:192.0.2.1')).toBe(429)
  expect(await from('192.0.2.2')).toBe(200)
  expect(await from('2001:db8:0:1::1')).toBe(200)
  expect(await from('2001:db8:0:1:ffff::2')).toBe(429)
  expect(await from('2001:db8:0:2::1')).toBe(200)
  expect(await from('::1')).toBe(200)
})
