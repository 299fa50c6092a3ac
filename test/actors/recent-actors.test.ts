/** A controller's cache entry of an actor never counts when another controller has appended since. */
import { describe, expect, test } from 'vitest'
import { proposalOf } from '../../actors/runtime.ts'
import { connect } from '../../eventstore/postgres/database.ts'
import { verifyLog } from '../../eventstore/upkeep/verify.ts'
import type { DomainEvent } from '../../machines/event.ts'
import { jobStream, type StreamId, serverStream } from '../../machines/kinds.ts'
import { happened, jobId } from '../machines/job/samples.ts'
import * as ofServer from '../machines/server/samples.ts'
import { patience } from '../rig/patience.ts'
import { controllerParts, databaseOfTest, type Parts } from './rig/controller.ts'

const cause = { actor: 'principal:alice', causationId: null, correlationId: null, trace: null }
const job = jobStream(jobId)
const server = serverStream('SN-0001')

const propose = ({ runtime }: Parts, stream: StreamId, ...events: readonly DomainEvent[]) =>
  runtime.commit({ reads: [stream], cause, decide: () => [proposalOf(stream, ...events)] })

/** Two controllers; the first remembers a server that is free and a job that was requested. */
async function twoControllers() {
  const url = await databaseOfTest()
  const [one, other] = [await controllerParts(url), await controllerParts(url)]
  await propose(one, server, ofServer.happened('server.registered'))
  await propose(one, job, happened('job.requested'))
  return { one, other, url }
}

describe('when another controller has appended since', () => {
  test('the next event finds its place behind', async () => {
    const { one, other } = await twoControllers()
    await propose(other, job, happened('job.admission.succeeded'))
    await propose(one, job, happened('cancel.requested'))
    expect((await one.history(job)).map(({ type }) => type)).toEqual([
      'job.requested',
      'job.admission.succeeded',
      'cancel.requested',
    ])
  })

  test('an event that the machine takes only now is taken', async () => {
    const { one, other } = await twoControllers()
    await propose(other, job, happened('job.admission.succeeded'))
    await propose(one, job, happened('iso.build.succeeded'))
    expect((await one.history(job)).at(-1)?.state_to).toBe('provisioning.redfish.discovering')
  })

  test('a decision that would have refused, or found nothing to do, is taken again on what is stored', async () => {
    const { one, other } = await twoControllers()
    await propose(other, server, ofServer.happened('server.reserved'))
    for (const unless of ['refuses', 'does nothing'] as const) {
      const appended = await one.runtime.commit({
        reads: [server],
        cause,
        decide: ({ server: actor }) => {
          const held = actor('SN-0001')?.snapshot.context.jobId === ofServer.firstJob
          if (held) return [{ stream: server, events: [ofServer.happened('server.probe.requested')] }]
          if (unless === 'refuses') throw new Error('nobody holds the server')
          return []
        },
      })
      expect(appended, unless).toHaveLength(1)
      await propose(other, server, ofServer.happened('server.probe.succeeded'))
    }
  })

  test('an actor that a decision only looks at is read', async () => {
    const { one, other } = await twoControllers()
    await propose(other, server, ofServer.happened('server.reserved'))
    const seen: (string | null | undefined)[] = []
    await one.runtime.commit({
      reads: [job, server],
      cause,
      decide: ({ server: actor }) => {
        seen.push(actor('SN-0001')?.snapshot.context.jobId)
        return [{ stream: job, events: [happened('cancel.requested')] }]
      },
    })
    expect(seen.at(-1)).toBe(ofServer.firstJob)
  })
})

test('when the database has lost what it had acknowledged, as in a failover, the log goes on without a gap', async () => {
  const { one, url } = await twoControllers()
  await propose(one, job, happened('media.read.observed'))
  const owner = connect({ url, poolMax: 1, asApplication: false })
  await owner.raw.begin(async (tx) => {
    await tx`alter table events disable trigger events_append_only`
    await tx`delete from events where stream = ${job} and version = 2`
    await tx`alter table events enable trigger events_append_only`
  })
  await owner.close()
  await propose(one, job, happened('cancel.requested'))
  expect((await one.history(job)).map(({ version, type }) => [version, type])).toEqual([
    [1, 'job.requested'],
    [2, 'cancel.requested'],
  ])
  const { faults } = await verifyLog(one.db, { signal: patience() })
  expect(faults).toEqual([])
})
