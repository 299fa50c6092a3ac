/** Reading and switching the host: what each service answers, and that a second time changes nothing. */

import { describe, expect, test } from 'vitest'
import type { Bmcs } from '../../../actors/bmcs/clients.ts'
import { unknownServer } from '../../../actors/refusals.ts'
import { admitJob } from '../../../actors/services/admit-job.ts'
import { clearBootOverride, setBootOverride } from '../../../actors/services/boot-override.ts'
import { discover } from '../../../actors/services/discover.ts'
import { descriptionData } from '../../../actors/services/facts.ts'
import { pollHost } from '../../../actors/services/poll-host.ts'
import { powerOffHost, powerOnHost, switchPower } from '../../../actors/services/power.ts'
import { probeServer } from '../../../actors/services/probe-server.ts'
import { UnsealError } from '../../../eventstore/ledgers/vault.ts'
import { checkEvent, type KindName } from '../../../machines/kinds.ts'
import type { Bmc, PowerObservation } from '../../../redfish/bmc.ts'
import { BmcError, type BmcFailure } from '../../../redfish/failure.ts'
import { registration } from '../../machines/server/samples.ts'
import { credentials } from '../rig/controller.ts'
import { bySerial, contextOf, manualTiming, scriptedBmc, serial } from '../rig/service-context.ts'

const isOutcome = (kind: KindName, type: string, data: unknown) =>
  expect(() => checkEvent(kind, { type, data: JSON.parse(JSON.stringify(data)) })).not.toThrow()

const bmcError = (failure: BmcFailure) =>
  new BmcError(failure, { request: { operation: 'power', method: 'GET', target: '/redfish/v1' }, attempts: 1 })

describe('admission', () => {
  const admit = (access: Parameters<typeof admitJob>[0]['access']) =>
    admitJob({ access, redfishMode: 'noop' }).perform(bySerial, contextOf())

  test('lets a job in whose BMC can be reached with its credentials', async () => {
    expect(await admit(async () => ({ registration, unseal: async () => credentials, learned: {} }))).toEqual({
      redfish_mode: 'noop',
    })
  })

  test('refuses a server that is gone and credentials that do not open, and tries anything else again', async () => {
    const failing = (error: Error) =>
      admit(async () => {
        throw error
      })
    await expect(failing(unknownServer('gone'))).rejects.toMatchObject({ data: { kind: 'unknown-server' } })
    const unseal = async () => {
      throw new UnsealError('other key')
    }
    const locked = admit(async () => ({ registration, unseal, learned: {} }))
    await expect(locked).rejects.toMatchObject({ data: { kind: 'credentials' } })
    await expect(failing(new TypeError('a bug'))).rejects.toBeInstanceOf(TypeError)
  })
})

describe('discovery', () => {
  const notAsked = async () => {
    throw new Error('nobody was to ask for a probe')
  }
  /** A job's discovery after a probe, of a BMC that does with the probe's findings what `recognise` says. */
  const afterProbe = async (recognise?: Bmc['recognise']) => {
    const { bmcs, calls, noop } = scriptedBmc(recognise === undefined ? {} : { recognise })
    const known = descriptionData(await noop.discover({ signal: new AbortController().signal }))
    calls.length = 0
    const asked: unknown[] = []
    const probeAgain = async (input: unknown) => void asked.push(input)
    const service = discover({ bmcs, timing: manualTiming(), descriptionOf: async () => known, probeAgain })
    const found = await service.perform(bySerial, contextOf())
    return { found, calls, asked, known }
  }

  test('of a BMC that is as the last probe found it answers that, and reads no more', async () => {
    const { found, calls, asked, known } = await afterProbe()
    expect(found).toMatchObject({ layout: known.layout, firmware: known.manager.firmware })
    expect([calls, asked]).toEqual([['recognise'], []])
    isOutcome('job', 'redfish.discover.succeeded', found)
  })

  test('of a BMC that has changed since is made anew, and a probe asked for', async () => {
    const { found, calls, asked } = await afterProbe(async () => null)
    expect([calls, asked]).toEqual([['discover'], [bySerial]])
    expect(found.layout.kind).toBe('two-cds')
  })

  test('answers the layout of a BMC with two CD slots, twice the same', async () => {
    const { bmcs } = scriptedBmc()
    const service = discover({ bmcs, timing: manualTiming(), descriptionOf: async () => null, probeAgain: notAsked })
    const first = await service.perform(bySerial, contextOf())
    expect(await service.perform(bySerial, contextOf({ attempt: 2 }))).toEqual(first)
    expect(first.layout.kind).toBe('two-cds')
    isOutcome('job', 'redfish.discover.succeeded', first)
  })

  test('of a BMC without two CD slots fails and says what there is and what to do', async () => {
    const { noop } = scriptedBmc()
    const { bmcs } = scriptedBmc({
      discover: async (options) => {
        const found = await noop.discover(options)
        const finding = { code: 'one-slot', severity: 'error' as const, message: 'one slot', advice: 'Buy a licence.' }
        return { ...found, slots: found.slots.slice(0, 1), layout: null, findings: [finding] }
      },
    })
    const found = discover({
      bmcs,
      timing: manualTiming(),
      descriptionOf: async () => null,
      probeAgain: notAsked,
    }).perform(bySerial, contextOf())
    await expect(found).rejects.toMatchObject({
      name: 'StepFailure',
      data: { kind: 'unsupported', message: expect.stringMatching(/Virtual CD 1 \(CD, DVD\).*Buy a licence/) },
    })
  })
})

test('a probe answers all that was found, and the first certificate', async () => {
  const { bmcs } = scriptedBmc()
  const firstFingerprint = async () => 'b'.repeat(64)
  const context = contextOf({ kind: 'server' })
  const probed = await probeServer({ bmcs, timing: manualTiming(), firstFingerprint }).perform({ serial }, context)
  expect(probed).toMatchObject({ fingerprint: 'b'.repeat(64), description: { model: 'Noop' } })
  isOutcome('server', 'server.probe.succeeded', probed)
})

test('the first certificate is recorded before anything is asked of the BMC', async () => {
  const seen: string[] = []
  const context = contextOf({ kind: 'server', onRecord: (type) => seen.push(type) })
  const bmcs: Bmcs = {
    use: () => {
      seen.push('asked')
      throw new Error('gone')
    },
    forgetRead: () => {},
    close: async () => {},
  }
  const firstFingerprint = async () => 'b'.repeat(64)
  const probed = probeServer({ bmcs, timing: manualTiming(), firstFingerprint }).perform({ serial }, context)
  await expect(probed).rejects.toThrow('gone')
  expect(seen).toEqual(['server.certificate.pinned', 'asked'])
})

describe('the boot override', () => {
  test('is set once and cleared once; a second time changes nothing', async () => {
    const { bmcs } = scriptedBmc()
    const set = setBootOverride({ bmcs })
    const clear = clearBootOverride({ bmcs })
    const changes: boolean[] = []
    for (const service of [set, set, clear, clear]) {
      const done = await service.perform(bySerial, contextOf())
      isOutcome('job', 'redfish.boot-override.succeeded', done)
      changes.push(done.changed)
    }
    expect(changes).toEqual([true, false, true, false])
  })
})

test('what reads back differently than it was written is in the outcome', async () => {
  const { noop } = scriptedBmc()
  const warnings = ['the boot override reads Continuous Cd after Once Cd was written']
  const { bmcs } = scriptedBmc({
    setBootOnceFromCd: async (options) => ({ ...(await noop.setBootOnceFromCd(options)), warnings }),
    clearBootOverride: async (options) => ({ ...(await noop.clearBootOverride(options)), warnings }),
  })
  for (const service of [setBootOverride({ bmcs }), clearBootOverride({ bmcs })])
    expect((await service.perform(bySerial, contextOf())).warnings).toEqual(warnings)
})

describe('power', () => {
  test('off and on again; a second time sends nothing', async () => {
    const { bmcs } = scriptedBmc()
    const [off, on] = [powerOffHost({ bmcs }), powerOnHost({ bmcs })]
    const sent: (readonly string[])[] = []
    for (const service of [off, off, on, on]) {
      const done = await service.perform(bySerial, contextOf())
      isOutcome('job', 'cleanup.reset.succeeded', done)
      sent.push(done.sent)
    }
    expect(sent).toEqual([['GracefulShutdown'], [], ['On'], []])
  })

  test('switched by an operator does what was asked', async () => {
    const { bmcs, noop } = scriptedBmc()
    const context = contextOf()
    const states: string[] = []
    for (const action of ['off', 'on', 'restart'] as const) {
      const done = await switchPower({ bmcs }).perform({ serial, action }, context)
      isOutcome('server', 'server.power.succeeded', done)
      states.push(`${done.sent.join()} ${(await noop.power(context)).powerState}`)
    }
    expect(states).toEqual(['GracefulShutdown Off', 'On On', 'GracefulRestart On'])
  })

  test('an interrupted restart is not sent again', async () => {
    const { bmcs, calls } = scriptedBmc()
    const again = await switchPower({ bmcs }).perform({ serial, action: 'restart' }, contextOf({ attempt: 2 }))
    expect(again.sent).toEqual([])
    expect(calls).not.toContain('restart')
  })
})

describe('polling', () => {
  const observed = (powerState: PowerObservation['powerState']) => ({
    powerState,
    lastResetTime: null,
    bootProgress: null,
  })

  test('waits out a BMC that is away or busy and a host that is not on yet, ever more patiently', async () => {
    const answers: (() => PowerObservation)[] = [
      () => fail({ kind: 'unreachable', retry: true, detail: 'no answer' }),
      () => fail({ kind: 'busy', retry: true, status: 503 }),
      () => observed('Off'),
      () => observed('Unknown'),
      () => observed('PoweringOn'),
      () => observed('On'),
    ]
    const { bmcs } = scriptedBmc({
      power: async () => answers.shift()?.() ?? fail({ kind: 'tls', retry: false, detail: '' }),
    })
    const timing = manualTiming()
    const done = await pollHost({ bmcs, timing }).perform(bySerial, contextOf())
    expect(done).toMatchObject({ attempts: 6, power: { power_state: 'On' } })
    expect(timing.delays).toEqual([1000, 1500, 2250, 3375, 5062.5])
    isOutcome('job', 'redfish.poll.succeeded', done)
  })

  test('fails at once at what will not get better', async () => {
    const { bmcs } = scriptedBmc({ power: async () => fail({ kind: 'unauthorized', retry: false, status: 401 }) })
    await expect(pollHost({ bmcs, timing: manualTiming() }).perform(bySerial, contextOf())).rejects.toBeInstanceOf(
      BmcError,
    )
  })

  test('stops at its signal', async () => {
    const { bmcs } = scriptedBmc({ power: async () => observed('Off') })
    const signal = AbortSignal.abort(new Error('withdrawn'))
    await expect(
      pollHost({ bmcs, timing: manualTiming() }).perform(bySerial, contextOf({ signal })),
    ).rejects.toBeDefined()
  })

  function fail(failure: BmcFailure): never {
    throw bmcError(failure)
  }
})
