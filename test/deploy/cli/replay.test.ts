// `provisioner replay`.
import { describe, expect, test } from 'vitest'
import { replayJob } from '../../../deploy/cli/replay.ts'
import { readStream } from '../../../eventstore/log/read.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { openSite, untilComplete } from '../../api/site.ts'
import { commit, progress } from '../../eventstore/rig/world.ts'
import { openTerminal } from './terminal.ts'

const site = await openSite()
const { client, run, runProgram } = await openTerminal(site)

test('every event is a step with states, cause, time spent and what followed from it', async () => {
  const { jobId } = await site.jobAfter(untilComplete)
  const { status, text } = await runProgram('replay', jobId)
  expect(status).toBe(0)
  expect(text).toMatch(/#1 job\.requested .*\n {3}begins queued\n {3}by principal:anonymous, caused by /)
  expect(text).toMatch(
    /#3 iso\.build\.succeeded .*\n {3}provisioning\.buildingIso → provisioning\.redfish\.discovering after \d+ ms there/,
  )
  expect(text).toContain('asks for redfish.discover (discover)')
  expect(text).toMatch(/arms redfish for 20 min 0 s, until 20\d\d-/)
  expect(text).toContain('disarms iso.build')
  expect(text).toMatch(/#8 redfish\.reset\.requested .*\n {3}stays provisioning\.redfish\.resetting/)
  expect(text).toContain('17 events replay to the states that were recorded; hashes hold')
})

test('up to one event it ends with the state as it was then, for programs too', async () => {
  const { jobId } = await site.jobAfter(4)
  const { status, text } = await run('replay', jobId, '--at', '3', '--json')
  const { steps, state, fault } = JSON.parse(text)
  expect([status, fault, steps.length, state.state]).toEqual([0, null, 3, 'provisioning.redfish.discovering'])
  expect(steps[1]).toEqual({
    seq: 2,
    at: expect.any(String),
    type: 'job.admission.succeeded',
    before: 'queued',
    after: 'provisioning.buildingIso',
    spentMs: expect.any(Number),
    by: 'principal:test',
    cause: null,
    asked: [{ key: 'iso.build', src: 'buildIso', input: expect.objectContaining({ jobId }) }],
    withdrawn: [],
    armed: expect.arrayContaining([expect.objectContaining({ name: 'job' })]),
    disarmed: ['job.admission'],
  })
})

test('between two events it tells what changed, and nothing else', async () => {
  const { jobId } = await site.jobAfter(4)
  const { text } = await run('replay', jobId, '--diff', '2:3', '--json')
  const { changes } = JSON.parse(text)
  expect(changes.map(({ path }: { path: string }) => path)).toEqual(['/media/task_iso', '/state', '/step'])
  const told = await run('replay', jobId, '--diff', '2:3')
  expect(told.text).toContain('/step\n  - "iso.build"\n  + "redfish.discover"\n')
  expect((await run('replay', jobId, '--diff', '3:3')).text).toContain('nothing that is shown of a job changed')
})

describe('what cannot be done is said', () => {
  test.each([
    [['--at', '0'], 'an event is a number from 1 on'],
    [['--diff', '1:2:3'], 'two events are given as SEQ:SEQ'],
    [['--diff', '1:99'], 'the job has no event 99'],
  ])('%s', async (words, message) => {
    const { jobId } = await site.jobAfter(1)
    const { status, errors } = await run('replay', jobId, ...words)
    expect(status).toBe(1)
    expect(errors).toContain(message)
  })
})

test('a history of more than one page is replayed whole', async () => {
  const { jobId } = await site.jobAfter(9)
  const reports = Array.from({ length: 1000 }, (_, index) => progress(index % 100))
  await commit(site.world, jobStream(jobId), reports)
  const { events, steps, fault } = await replayJob(client, jobId)
  expect([events.length, steps.length, fault]).toEqual([1010, 1010, null])
})

test('an altered history is replayed as far as it can be believed, and the first bad event is named', async () => {
  const { jobId } = await site.jobAfter(untilComplete)
  const [, , , fourth] = await readStream(site.world.db, jobStream(jobId))
  await site.world.owner.raw.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    await tx`update events set actor = 'principal:mallory' where id = ${fourth?.id ?? ''}`
  })
  const { status, text } = await run('replay', jobId, '--json')
  const { steps, fault } = JSON.parse(text)
  expect([status, steps.length]).toEqual([1, 3])
  expect(fault).toBe('event 4: its content does not have its hash: it was altered')
})
