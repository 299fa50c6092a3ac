/** Performing effects: what goes onto the log when services succeed, fail, or meet what nobody expected. */

import { eq, sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { StepFailure } from '../../../actors/failure.ts'
import { proposalOf } from '../../../actors/runtime.ts'
import { effects } from '../../../eventstore/schema.ts'
import type { DomainEvent } from '../../../machines/event.ts'
import { jobStream, serverStream } from '../../../machines/kinds.ts'
import { BmcError } from '../../../redfish/failure.ts'
import { happened, successfulWay } from '../../machines/job/samples.ts'
import * as ofServer from '../../machines/server/samples.ts'
import { controllerParts, databaseOfTest, type Parts, perform } from '../rig/controller.ts'
import { gate, scriptedServices } from '../rig/scripted-services.ts'

const cause = { actor: 'principal:alice', causationId: null, correlationId: null, trace: null }

const setUp = async () => controllerParts(await databaseOfTest())

async function jobOn(parts: Parts, serial = 'SN-0001') {
  await parts.register(serial)
  return jobStream(await parts.requestJob(serial))
}

test('a job is performed step by step to the report, each outcome caused by its effect', async () => {
  const parts = await setUp()
  perform(parts, scriptedServices())
  const job = await jobOn(parts)
  await parts.eventOf(job, 'redfish.poll.succeeded')
  const history = await parts.history(job)
  expect(history.map(({ type }) => type)).toEqual(successfulWay.slice(0, 10).map(([type]) => type))
  const [requested, admitted] = history
  expect(admitted).toMatchObject({
    actor: 'controller:one',
    causation_id: `${requested?.id}/job.admission`,
    correlation_id: job.slice('job-'.length),
  })
})

describe('a service that fails', () => {
  test('for good is recorded, with secrets cut out', async () => {
    const parts = await setUp()
    const message = 'the image http://host/media/SECRET/task.iso is not there'
    const failing = async () => {
      throw new StepFailure({ kind: 'no-image', message })
    }
    perform(parts, scriptedServices({ buildIso: failing }), {
      redact: (text) => text.replaceAll('SECRET', '[redacted]'),
    })
    const { data } = await parts.eventOf(await jobOn(parts), 'iso.build.failed')
    expect(data).toMatchObject({ kind: 'no-image', message: message.replace('SECRET', '[redacted]') })
  })

  test('at the BMC is recorded with what was asked and what came back, whatever its length', async () => {
    const parts = await setUp()
    const failing = async () => {
      throw new BmcError(
        { kind: 'refused', retry: false, status: 400, messageId: 'Base.1.0.'.padEnd(999, 'x'), related: [] },
        {
          request: { operation: 'insertMedia', method: 'POST', target: `/redfish/v1/${'y'.repeat(999)}` },
          attempts: 3,
        },
      )
    }
    perform(parts, scriptedServices({ mountMaintenance: failing }))
    const { data } = await parts.eventOf(await jobOn(parts), 'redfish.mount.maintenance.failed')
    expect(data).toMatchObject({ kind: 'refused', status: 400, operation: 'insertMedia', attempts: 3 })
  })

  /** Lets the time until the next try of an effect pass at once, and tells how long it would have been. */
  async function windOn({ db, notifications }: Parts, job: string): Promise<number> {
    const [row] = await db
      .select({ delayMs: sql<number>`(extract(epoch from available_at - clock_timestamp()) * 1000)::float8` })
      .from(effects)
      .where(eq(effects.stream, job as never))
    await db.update(effects).set({ available_at: sql`clock_timestamp()` })
    notifications.announce()
    return row?.delayMs ?? Number.NaN
  }

  test('unexpectedly is tried again ever later, and is recorded in the end without its words', async () => {
    const parts = await setUp()
    await parts.register('SN-0001')
    let tries = 0
    const { finished, ended } = perform(
      parts,
      scriptedServices({
        buildIso: async () => {
          tries += 1
          throw new TypeError('cannot read SECRET of undefined')
        },
      }),
    )
    const job = jobStream(await parts.requestJob('SN-0001'))
    const delays: number[] = []
    for (let tried = 1; tried < 8; tried += 1) {
      await ended({ key: 'iso.build', result: 'returned' })
      finished.length = 0
      delays.push(await windOn(parts, job))
    }
    const { data } = await parts.eventOf(job, 'iso.build.failed')
    expect(data).toMatchObject({ kind: 'internal', attempts: 8 })
    expect(JSON.stringify(data)).not.toContain('SECRET')
    expect(tries).toBe(8)
    for (const [index, delayMs] of delays.entries())
      expect(delayMs).toBeLessThanOrEqual(Math.min(500 * 2 ** index, 30_000))
    expect(delays.at(-1)).toBeGreaterThan(20_000)
    expect(parts.logged.filter(({ level }) => level === 'error')).toHaveLength(8)
  })

  test('to answer in the shape of its outcome is tried again', async () => {
    const parts = await setUp()
    const answers = [{ sha256: 'short' }, happened('iso.build.succeeded').data]
    const { ended } = perform(parts, scriptedServices({ buildIso: async () => answers.shift() as never }))
    const job = await jobOn(parts)
    await ended({ key: 'iso.build', result: 'returned' })
    await windOn(parts, job)
    await parts.eventOf(job, 'iso.build.succeeded')
  })
})

describe('how much at once', () => {
  const probing = () =>
    gate(
      () =>
        ofServer.happened('server.probe.succeeded').data as Awaited<
          ReturnType<ReturnType<typeof scriptedServices>['probeServer']['perform']>
        >,
    )

  test('never more effects than the limit, and all of them in the end', async () => {
    const parts = await setUp()
    const probes = probing()
    perform(parts, scriptedServices({ probeServer: probes.perform }), { concurrencyMax: 2 })
    const serials = ['SN-1', 'SN-2', 'SN-3', 'SN-4', 'SN-5']
    await Promise.all(serials.map((serial) => parts.register(serial)))
    await probes.entered(2)
    probes.open()
    await Promise.all(serials.map((serial) => parts.eventOf(serverStream(serial), 'server.probe.succeeded')))
    expect(probes.insideMax()).toBe(2)
  })

  const power = () =>
    gate(
      () =>
        ofServer.happened('server.power.succeeded').data as Awaited<
          ReturnType<ReturnType<typeof scriptedServices>['switchPower']['perform']>
        >,
    )

  test('one writer per BMC, in the order of asking', async () => {
    const parts = await setUp()
    const writers: string[] = []
    const switching = power()
    perform(
      parts,
      scriptedServices({
        switchPower: async (input, context) => {
          writers.push('power begins')
          const output = await switching.perform(input, context)
          writers.push('power ends')
          return output
        },
        cleanUpServer: async () => {
          writers.push('cleanup')
          return { warnings: [] }
        },
      }),
    )
    const stream = serverStream('SN-0001')
    const happen = (...events: readonly DomainEvent[]) =>
      parts.runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, ...events)] })
    await happen(...ofServer.leftDirty, ofServer.happened('server.power.requested'))
    await switching.entered()
    await happen(ofServer.happened('server.cleanup.retry.elapsed'), ofServer.happened('server.probe.requested'))
    // A reader does not wait for the writer; when it is done, the other writer has had its chance.
    await parts.eventOf(stream, 'server.probe.succeeded', 6)
    expect(writers).toEqual(['power begins'])
    switching.open()
    await parts.eventOf(stream, 'server.cleanup.succeeded')
    expect(writers).toEqual(['power begins', 'power ends', 'cleanup'])
  })

  test('writers of different BMCs side by side', async () => {
    const parts = await setUp()
    const switching = power()
    perform(parts, scriptedServices({ switchPower: switching.perform }))
    for (const serial of ['SN-1', 'SN-2']) {
      const stream = serverStream(serial)
      const registered = ofServer.happened('server.registered', { ...ofServer.registration, serial })
      await parts.runtime.commit({
        reads: [stream],
        cause,
        decide: () => [{ stream, events: [registered, ofServer.happened('server.power.requested')] }],
      })
    }
    await switching.entered(2)
    expect(switching.insideMax()).toBe(2)
    switching.open()
  })
})
