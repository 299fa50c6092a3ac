/** One request at a time per BMC, in the order of asking. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRequestQueue } from '../../../../redfish/client/requests/queue.ts'
import { Fault } from '../../../../redfish/client/wire/fault.ts'

const never = new AbortController().signal

/** A request that is under way until it is told to end. */
function request() {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  return { task: () => promise, end: resolve, fail: reject }
}

const faultOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => null,
    (error: unknown) => error,
  )

test('requests go one after the other, in the order of asking, whatever becomes of each', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), async (fails) => {
      const enqueue = createRequestQueue({ requestsWaitingMax: 16 })
      const begun: number[] = []
      let underWay = 0
      const results = await Promise.allSettled(
        fails.map((fail, index) =>
          enqueue(never, async () => {
            begun.push(index)
            underWay++
            expect(underWay).toBe(1)
            await Promise.resolve()
            underWay--
            if (fail) throw new Error('refused')
            return index
          }),
        ),
      )
      expect(begun).toEqual(fails.map((_, index) => index))
      expect(results.map(({ status }) => status === 'rejected')).toEqual(fails)
    }),
  )
})

test('who gives up while waiting leaves the queue, and its request is never sent', async () => {
  const enqueue = createRequestQueue({ requestsWaitingMax: 16 })
  const first = request()
  const done = enqueue(never, first.task)
  const waiter = new AbortController()
  let sent = false
  const given = faultOf(
    enqueue(waiter.signal, async () => {
      sent = true
    }),
  )
  const last = enqueue(never, async () => 'last')
  waiter.abort()
  expect(await given).toMatchObject({ failure: { kind: 'aborted' } })
  first.end()
  await done
  expect(await last).toBe('last')
  expect(sent).toBe(false)
})

test('who has given up before asking is told so at once and stands in nobody’s way', async () => {
  const enqueue = createRequestQueue({ requestsWaitingMax: 16 })
  const asked = enqueue(AbortSignal.abort(), async () => 'sent')
  expect(await faultOf(asked)).toMatchObject({ failure: { kind: 'aborted' } })
  expect(await enqueue(never, async () => 'sent')).toBe('sent')
})

test('more requests than may wait are refused in a way that is worth another try, without having been sent', async () => {
  const enqueue = createRequestQueue({ requestsWaitingMax: 2 })
  const first = request()
  const done = [enqueue(never, first.task), enqueue(never, async () => {}), enqueue(never, async () => {})]
  const refused = await faultOf(enqueue(never, async () => {}))
  expect(refused).toBeInstanceOf(Fault)
  expect(refused).toMatchObject({ failure: { kind: 'unreachable', retry: true }, sent: false })
  first.end()
  await Promise.all(done)
  expect(await enqueue(never, async () => 'sent')).toBe('sent')
})

test('who gives up after having been let in costs nobody behind it the turn', async () => {
  const enqueue = createRequestQueue({ requestsWaitingMax: 2 })
  const [first, second] = [request(), request()]
  const caller = new AbortController()
  const done = [enqueue(never, first.task), enqueue(caller.signal, second.task)]
  const third = enqueue(never, async () => 'third')
  first.end()
  await done[0]
  caller.abort()
  second.end()
  await Promise.all(done)
  expect(await Promise.race([third, new Promise((resolve) => setImmediate(resolve, 'left out'))])).toBe('third')
})
