/** The one step that must not be repeated blindly. */
import { describe, expect, test } from 'vitest'
import { resetHost } from '../../../actors/services/reset-host.ts'
import type { JobEventData } from '../../../machines/job/events.ts'
import { checkEvent } from '../../../machines/kinds.ts'
import type { Bmc, ResetVerdict } from '../../../redfish/bmc.ts'
import { BmcError } from '../../../redfish/failure.ts'
import { happened } from '../../machines/job/samples.ts'
import { bySerial, contextOf, manualTiming, recordedEvent, scriptedBmc } from '../rig/service-context.ts'

const nothingRead = async () => ({})
const intent = recordedEvent(happened('redfish.reset.requested'))
const on = { powerState: 'On', lastResetTime: null, bootProgress: null } as const

/** A BMC that counts its restarts, and answers the looks at an unresolved one in turn; the last answer stays. */
function bmcThatSays(...verdicts: readonly ResetVerdict['happened'][]) {
  const requests: string[] = []
  let looks = 0
  const scripted = scriptedBmc()
  const restart: Bmc['restart'] = (options) => {
    requests.push('restart')
    return scripted.noop.restart(options)
  }
  const resolveReset: Bmc['resolveReset'] = async () => {
    const said = verdicts[Math.min(looks, verdicts.length - 1)] ?? 'unknown'
    looks += 1
    return { happened: said, evidence: said === 'yes' ? 'last-reset-time' : null, after: on }
  }
  return { ...scriptedBmc({ restart, resolveReset }), requests, looks: () => looks }
}

describe('the first attempt', () => {
  test('records its intent before the request is sent', async () => {
    const order: string[] = []
    const { noop } = scriptedBmc()
    const { bmcs } = scriptedBmc({
      restart: (options) =>
        noop.restart({
          ...options,
          onIntent: async (announced) => {
            await options.onIntent(announced)
            order.push(`sent ${announced.resetType}`)
          },
        }),
    })
    const context = contextOf({ onRecord: (type) => void order.push(type) })
    const output = await resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead }).perform(
      bySerial,
      context,
    )
    expect(order).toEqual(['redfish.reset.requested', 'sent GracefulRestart'])
    expect(output).toMatchObject({ sent: ['GracefulRestart'], evidence: 'last-reset-time' })
    expect(() => checkEvent('job', { type: 'redfish.reset.succeeded', data: output })).not.toThrow()
  })

  test('sends nothing when its intent cannot be recorded', async () => {
    const { noop, bmcs } = scriptedBmc()
    const before = await noop.power({ signal: new AbortController().signal })
    const context = contextOf({
      onRecord: () => {
        throw new Error('the lease is gone')
      },
    })
    const { perform } = resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead })
    await expect(perform(bySerial, context)).rejects.toThrow('the lease is gone')
    expect(await noop.power({ signal: context.signal })).toEqual(before)
  })
})

describe('a reset whose answer was lost', () => {
  const failure = { kind: 'not-confirmed', retry: false, action: 'reset', detail: 'not answered' } as const
  const request = { operation: 'restart', method: 'POST', target: '/redfish/v1/Systems/1' }
  const lost = new BmcError(failure, { request, attempts: 1 })

  function bmcThatLosesTheAnswer() {
    const { noop } = scriptedBmc()
    let sent = 0
    const { bmcs } = scriptedBmc({
      restart: async (options) => {
        await noop.restart(options)
        sent += 1
        throw lost
      },
      resolveReset: async () => ({ happened: 'unknown', evidence: null, after: on }),
    })
    return { bmcs, sent: () => sent }
  }

  test('is known to have happened when the host reads its medium, and is not sent again', async () => {
    const { bmcs, sent } = bmcThatLosesTheAnswer()
    const read = { ...readOf('maintenance'), last_read_at: '2026-03-01T10:00:05.000Z' }
    const context = contextOf()
    const { perform } = resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: async () => ({ maintenance: read }) })
    const output = await perform(bySerial, context)
    expect(output).toMatchObject({ sent: ['GracefulRestart'], evidence: 'media-read' })
    expect(() => checkEvent('job', { type: 'redfish.reset.succeeded', data: output })).not.toThrow()
    expect(context.facts.map(({ type }) => type)).toEqual(['redfish.reset.requested', 'redfish.reset.resolved'])
    expect(sent()).toBe(1)
  })

  test('fails the step with what the BMC said when nothing shows it, and is not sent again', async () => {
    const { bmcs, sent } = bmcThatLosesTheAnswer()
    const { perform } = resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead })
    await expect(perform(bySerial, contextOf())).rejects.toBe(lost)
    expect(sent()).toBe(1)
  })
})

describe('an intent without an outcome is resolved by looking', () => {
  test('happened: nothing is sent again', async () => {
    const { bmcs, requests } = bmcThatSays('yes')
    const context = contextOf({ attempt: 2, before: [intent] })
    const output = await resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead }).perform(
      bySerial,
      context,
    )
    expect(requests).toEqual([])
    expect(context.facts).toEqual([
      {
        type: 'redfish.reset.resolved',
        data: expect.objectContaining({ happened: 'yes', evidence: 'last-reset-time' }),
      },
    ])
    expect(output).toMatchObject({ sent: ['GracefulRestart'], evidence: 'last-reset-time' })
    expect(() => checkEvent('job', { type: 'redfish.reset.succeeded', data: output })).not.toThrow()
  })

  test('not happened: it is sent again, with an intent of its own', async () => {
    const { bmcs, requests } = bmcThatSays('no')
    const context = contextOf({ attempt: 2, before: [intent] })
    await resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead }).perform(bySerial, context)
    expect(requests).toEqual(['restart'])
    expect(context.facts.map(({ type }) => type)).toEqual(['redfish.reset.resolved', 'redfish.reset.requested'])
    expect(context.facts[0]?.data).toMatchObject({ happened: 'no' })
  })

  test('unknown: the step fails, and nothing is sent', async () => {
    const { bmcs, requests } = bmcThatSays('unknown')
    const context = contextOf({ attempt: 2, before: [intent] })
    const { perform } = resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead })
    await expect(perform(bySerial, context)).rejects.toMatchObject({
      name: 'StepFailure',
      data: { kind: 'not-confirmed' },
    })
    expect(requests).toEqual([])
    expect(context.facts[0]?.data).toMatchObject({ happened: 'unknown' })
  })

  test('proof that comes late is waited for, and not longer than it takes', async () => {
    const { bmcs, requests, looks } = bmcThatSays('no', 'unknown', 'yes')
    const timing = manualTiming()
    const context = contextOf({ attempt: 2, before: [intent] })
    await resetHost({ bmcs, timing, mediaReadsOf: nothingRead }).perform(bySerial, context)
    expect({ requests, looks: looks(), waitedMs: timing.now() }).toEqual({ requests: [], looks: 3, waitedMs: 2000 })
  })

  test('proof that does not come is not waited for without end', async () => {
    const { bmcs } = bmcThatSays('no')
    const timing = manualTiming()
    await resetHost({ bmcs, timing, mediaReadsOf: nothingRead, resolveWithinMs: 5000 }).perform(
      bySerial,
      contextOf({ attempt: 2, before: [intent] }),
    )
    expect(timing.now()).toBe(5000)
  })

  test('a host that has read its medium since then has restarted', async () => {
    const read = (at: string) => async () => ({
      maintenance: { ...readOf('maintenance'), first_read_at: '2026-03-01T09:59:00.000Z', last_read_at: at },
    })
    const context = contextOf({ attempt: 2, before: [intent] })
    const { bmcs, requests } = bmcThatSays('unknown')
    const timing = manualTiming()
    const output = await resetHost({ bmcs, timing, mediaReadsOf: read('2026-03-01T10:00:00.001Z') }).perform(
      bySerial,
      context,
    )
    expect(output.evidence).toBe('media-read')
    const old = resetHost({ bmcs, timing, mediaReadsOf: read('2026-03-01T09:59:59.999Z') })
    await expect(old.perform(bySerial, contextOf({ attempt: 2, before: [intent] }))).rejects.toThrow(/not reset again/)
    expect(requests).toEqual([])
  })

  test('the last of several intents is the one that counts', async () => {
    const seen: string[] = []
    const { bmcs } = scriptedBmc({
      resolveReset: async ({ resetType }) => {
        seen.push(resetType)
        return { happened: 'yes', evidence: 'power-state', after: on }
      },
    })
    const second = recordedEvent(happened('redfish.reset.requested', { reset_type: 'ForceRestart' }))
    const resolved = recordedEvent(happened('redfish.reset.resolved', { happened: 'no' }))
    const output = await resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead }).perform(
      bySerial,
      contextOf({ attempt: 3, before: [intent, resolved, second] }),
    )
    expect(seen).toEqual(['ForceRestart'])
    expect(output.sent).toEqual(['GracefulRestart', 'ForceRestart'])
  })

  test('a cancelled job does not go on looking', async () => {
    const cancelled = new AbortController()
    const { bmcs, requests } = scriptedWithAbort(cancelled)
    const { perform } = resetHost({ bmcs, timing: manualTiming(), mediaReadsOf: nothingRead })
    const context = contextOf({ attempt: 2, before: [intent], signal: cancelled.signal })
    await expect(perform(bySerial, context)).rejects.toThrow('the job was cancelled')
    expect(requests).toEqual([])
  })
})

function readOf(medium: 'maintenance' | 'task') {
  return happened('media.read.observed', { medium }).data as JobEventData<'media.read.observed'>
}

function scriptedWithAbort(cancelled: AbortController) {
  const requests: string[] = []
  const scripted = scriptedBmc({
    resolveReset: async () => {
      cancelled.abort(new Error('the job was cancelled'))
      return { happened: 'no', evidence: null, after: on }
    },
    restart: async () => {
      requests.push('restart')
      throw new Error('not reached')
    },
  })
  return { ...scripted, requests }
}
