// `provisioner what-if`.
import { expect, test } from 'vitest'
import { askWhatIf, historiesIn } from '../../../deploy/cli/what-if.ts'
import { jobStream } from '../../../machines/kinds.ts'
import { openSite, untilComplete } from '../../api/site.ts'
import { openTerminal } from './terminal.ts'

const site = await openSite()
const { client, run, runProgram } = await openTerminal(site)
const always = { since: '2000-01-01T00:00:00Z', until: '2999-01-01T00:00:00Z' }

/** Makes the log say that an event led elsewhere, as if another machine had been at work. */
async function recordedAs(jobId: string, version: number, state: string): Promise<void> {
  await site.world.owner.raw.begin(async (tx) => {
    await tx`set local session_replication_role = replica`
    await tx`update events set state_to = ${state} where stream = ${jobStream(jobId)} and version = ${version}`
  })
}

test('a job that would go the same way today is said to', async () => {
  const { jobId } = await site.jobAfter(untilComplete)
  const { status, text } = await runProgram('what-if', jobId)
  expect([status, text]).toEqual([0, '1 history of 17 events: all would go the same way today\n'])
})

test('a job that went another way is told with the event, both states and the effects', async () => {
  const { jobId } = await site.jobAfter(untilComplete)
  await recordedAs(jobId, 12, 'cleaningUp.unmounting')
  const { status, text } = await run('what-if', jobId)
  expect(status).toBe(1)
  expect(text).toContain(`job ${jobId} event 12, report.received: leads to cleaningUp.poweringOff`)
  expect(text).toContain('recorded cleaningUp.unmounting\n')
  expect(text).toContain('now      cleaningUp.poweringOff, asks for cleanup.power-off\n')
  const json = JSON.parse((await run('what-if', jobId, '--json')).text)
  expect(json).toMatchObject({
    histories: 1,
    more: false,
    divergences: [{ kind: 'job', id: jobId, divergence: { seq: 12, kind: 'other state' } }],
  })
})

test('a range takes the histories of jobs and servers, removed ones too, that began in it', async () => {
  const before = new Date().toISOString()
  const { jobId, serial } = await site.jobAfter(untilComplete)
  const removed = await site.register()
  await site.ask('DELETE', `/api/v1/servers/${removed}`)
  const created = (await site.ask('GET', `/api/v1/jobs/${jobId}`)).body['created_at']
  const after = new Date(Date.parse(String(created)) + 60_000).toISOString()
  const found = await Array.fromAsync(historiesIn(client, { since: before, until: after }))
  expect(found).toEqual([
    { kind: 'job', id: jobId },
    { kind: 'server', id: serial },
    { kind: 'server', id: removed },
  ])
  expect(await Array.fromAsync(historiesIn(client, { since: after, until: always.until }))).toEqual([])
  expect(await Array.fromAsync(historiesIn(client, { since: before, until: before }))).toEqual([])
  const { status, text } = await run('what-if', '--since', before)
  expect([status, text]).toEqual([0, expect.stringMatching(/^3 histories of \d+ events: all would go the same way/)])
})

test('no more histories are read than were asked for, and that is said', async () => {
  await site.jobAfter()
  const two = await askWhatIf(client, historiesIn(client, always), 2)
  expect([two.histories, two.more]).toEqual([2, true])
  const { text } = await run('what-if', '--since', always.since, '--limit', '1')
  expect(text).toContain('there are more histories in this range')
})

test('it wants a job or a range', async () => {
  for (const words of [[], ['some-job', '--since', always.since]]) {
    const { status, errors } = await run('what-if', ...words)
    expect([status, errors]).toEqual([2, expect.stringContaining('give either a job or --since')])
  }
  expect((await run('what-if', '--since', 'yesterday')).errors).toContain('an instant looks like')
})
