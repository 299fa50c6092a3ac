/** Probe, power and media go on beside the reservation: reads of a server never wait for its job. */
import { describe, expect, test } from 'vitest'
import { evolveOf, given } from '../given.ts'
import { dirtySlots, firstJob, happened, leftDirty, reachable, registration, reserved, secondJob } from './samples.ts'

const pendingAfter = (events: Parameters<typeof given>[1]) => {
  const { effects, deadlines } = evolveOf('server').pending(given('server', events).snapshot)
  return { effects: [...effects], deadlines: [...deadlines] }
}

describe('probe', () => {
  test('a new server is probed at once', () => {
    const { asked } = evolveOf('server').start(happened('server.registered'))
    expect(asked).toEqual([{ key: 'server.probe', src: 'probeServer', input: { serial: 'SN-0001' } }])
  })

  test('keeps what it found, and pins the first certificate seen', () => {
    const { context } = given('server', reachable).snapshot
    expect(context).toMatchObject({
      description: { vendor: 'generic' },
      probeFailure: null,
      tls: { mode: 'pinned', fingerprint: 'b'.repeat(64) },
    })
  })

  test('a certificate that is pinned already stays', () => {
    const pinned = { mode: 'pinned' as const, fingerprint: 'c'.repeat(64) }
    const { context } = given('server', [
      happened('server.registered', { tls: pinned }),
      happened('server.probe.succeeded'),
    ]).snapshot
    expect(context.tls).toEqual(pinned)
  })

  test('the first certificate is pinned before the probe has come to its end, and only the first', () => {
    const seen = [happened('server.registered'), happened('server.certificate.pinned')]
    const { context } = given('server', [
      ...seen,
      happened('server.certificate.pinned', { fingerprint: 'e'.repeat(64) }),
      happened('server.probe.failed'),
    ]).snapshot
    expect(context.tls).toEqual({ mode: 'pinned', fingerprint: 'b'.repeat(64) })
    given('server', [happened('server.registered', { tls: { mode: 'system' } })]).refuses(
      happened('server.certificate.pinned'),
    )
  })

  test('another certificate that an operator accepts is pinned, and probed with', () => {
    const legacy = { mode: 'pinned' as const, fingerprint: 'c'.repeat(64), legacy: true }
    given('server', [happened('server.registered', { tls: legacy }), happened('server.probe.failed')])
      .when(happened('server.certificate.accepted'))
      .leadsTo({
        state: 'active.reservation.available|probe.probing|power.idle|media.clean',
        asks: ['server.probe'],
        context: { tls: { ...legacy, fingerprint: 'd'.repeat(64) } },
      })
    given('server', reserved)
      .when(happened('server.certificate.accepted'))
      .leadsTo({
        state: 'active.reservation.reserved|probe.probing|power.idle|media.clean',
        asks: ['server.probe'],
        context: { jobId: firstJob },
      })
  })

  test.each(['system', 'insecure'] as const)('no certificate is accepted where it is judged by %s', (mode) => {
    given('server', [happened('server.registered', { tls: { mode } })]).refuses(happened('server.certificate.accepted'))
  })

  test('a failure keeps what an earlier probe found', () => {
    const { context } = given('server', [
      ...reachable,
      happened('server.probe.requested'),
      happened('server.probe.failed'),
    ]).snapshot
    expect(context).toMatchObject({ description: { vendor: 'generic' }, probeFailure: { kind: 'unreachable' } })
  })

  test('can be asked for while the server is reserved, and once more after a failure', () => {
    expect(pendingAfter([...reserved, happened('server.probe.requested')]).effects).toEqual(['server.probe'])
    const unreachable = [happened('server.registered'), happened('server.probe.failed')]
    expect(pendingAfter([...unreachable, happened('server.probe.requested')]).effects).toEqual(['server.probe'])
  })

  test('a second request joins the probe that is under way', () => {
    const probing = [...reachable, happened('server.probe.requested')]
    const { asked, withdrawn } = given('server', probing)
      .when(happened('server.probe.requested'))
      .leadsTo({ state: given('server', probing).state })
    expect({ asked, withdrawn }).toEqual({ asked: [], withdrawn: [] })
  })

  test('one of the old registration is withdrawn when that changes', () => {
    given('server', [happened('server.registered')])
      .when(happened('server.changed'))
      .leadsTo({
        state: 'active.reservation.available|probe.probing|power.idle|media.clean',
        asks: ['server.probe'],
        withdraws: ['server.probe'],
        context: { credentialsRef: 'bmc/SN-0001/2', labels: registration.labels },
      })
  })
})

describe('power', () => {
  const switching = [...reachable, happened('server.power.requested')]

  test('an action is asked for once at a time', () => {
    const { asked } = given('server', reachable)
      .when(happened('server.power.requested'))
      .leadsTo({
        state: 'active.reservation.available|probe.reachable|power.switching|media.clean',
        asks: ['server.power'],
        context: { powerAction: 'restart' },
      })
    expect(asked[0]?.input).toEqual({ serial: 'SN-0001', action: 'restart' })
    given('server', switching).refuses(happened('server.power.requested', { action: 'on' }))
  })

  test('a job that holds the server keeps operators off its power', () => {
    given('server', reserved).refuses(happened('server.power.requested'))
  })

  test('success and failure both make it idle; a failure is kept until the next action', () => {
    const idle = 'active.reservation.available|probe.reachable|power.idle|media.clean'
    given('server', switching)
      .when(happened('server.power.succeeded'))
      .leadsTo({ state: idle, withdraws: ['server.power'], context: { powerAction: null, powerFailure: null } })
    given('server', switching)
      .when(happened('server.power.failed'))
      .leadsTo({ state: idle, withdraws: ['server.power'], context: { powerFailure: { kind: 'unreachable' } } })
    const again = given('server', [...switching, happened('server.power.failed'), happened('server.power.requested')])
    expect(again.snapshot.context.powerFailure).toBeNull()
  })
})

describe('media that a job left behind', () => {
  test('are remembered, and taken out after a while', () => {
    const { armed } = given('server', reserved)
      .when(happened('server.released', { cleanup: 'dirty' }))
      .leadsTo({
        state: 'active.reservation.available|probe.reachable|power.idle|media.dirty.waiting',
        arms: ['server.cleanup.retry'],
        context: { dirtySlots, jobId: null, lastJobId: firstJob },
      })
    expect(armed).toEqual([{ name: 'server.cleanup.retry', delayMs: 60_000 }])
    const { asked } = given('server', leftDirty)
      .when(happened('server.cleanup.retry.elapsed'))
      .leadsTo({
        state: 'active.reservation.available|probe.reachable|power.idle|media.dirty.cleaning',
        asks: ['server.cleanup'],
        disarms: ['server.cleanup.retry'],
      })
    expect(asked[0]?.input).toEqual({ serial: 'SN-0001', ...dirtySlots, powerOn: false })
  })

  test('come with the host, if the job could not switch it on again', () => {
    const owed = [...reserved, happened('server.released', { cleanup: 'dirty', power_on: true })]
    const { asked } = given('server', owed)
      .when(happened('server.cleanup.retry.elapsed'))
      .leadsTo({
        state: 'active.reservation.available|probe.reachable|power.idle|media.dirty.cleaning',
        asks: ['server.cleanup'],
        disarms: ['server.cleanup.retry'],
      })
    expect(asked[0]?.input).toMatchObject({ powerOn: true })
  })

  test('a dirty release without slots leaves nothing to do', () => {
    given('server', reserved)
      .when(happened('server.released', { cleanup: 'dirty', slots: null }))
      .leadsTo({
        state: 'active.reservation.available|probe.reachable|power.idle|media.clean',
        context: { dirtySlots: null },
      })
  })

  test('are tried again ever later, an hour at most', () => {
    const delays: number[] = []
    const events = [...leftDirty]
    for (let tries = 0; tries < 8; tries += 1) {
      events.push(happened('server.cleanup.retry.elapsed'))
      const { armed } = evolveOf('server').next(given('server', events).snapshot, happened('server.cleanup.failed'))
      events.push(happened('server.cleanup.failed'))
      delays.push(...armed.map(({ delayMs }) => delayMs / 60_000))
    }
    expect(delays).toEqual([2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('that are out at last leave nothing behind', () => {
    const cleaning = [...leftDirty, happened('server.cleanup.retry.elapsed')]
    given('server', cleaning)
      .when(happened('server.cleanup.succeeded'))
      .leadsTo({
        state: 'active.reservation.available|probe.reachable|power.idle|media.clean',
        withdraws: ['server.cleanup'],
        context: { dirtySlots: null, cleanupTries: 0 },
      })
  })

  test('are left to the next job, which empties the slots itself', () => {
    const next = happened('server.reserved', { job_id: secondJob })
    const state = 'active.reservation.reserved|probe.reachable|power.idle|media.clean'
    given('server', leftDirty)
      .when(next)
      .leadsTo({ state, disarms: ['server.cleanup.retry'], context: { dirtySlots: null } })
    given('server', [...leftDirty, happened('server.cleanup.retry.elapsed')])
      .when(next)
      .leadsTo({ state, withdraws: ['server.cleanup'], context: { dirtySlots: null } })
  })
})
