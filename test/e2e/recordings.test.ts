/**
 * A job is recorded on one site and run again on another, where there is nothing but the file: it takes the same steps to
 * the same end, also where the BMC refused.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, expect, test } from 'vitest'
import { recordCommand } from '../../deploy/cli/record.ts'
import type { StoredEvent } from '../../eventstore/event.ts'
import type { FailureData } from '../../machines/event.ts'
import type { Recording } from '../../redfish/recording/format.ts'
import type { ProfileName } from '../../redfish/simulator/profiles/catalogue.ts'
import { readRecording } from '../../redfish/simulator/recorded/file.ts'
import { type RecordedServer, serveRecording } from '../../redfish/simulator/recorded/server.ts'
import type { SimulatedBmc } from '../../redfish/simulator/server.ts'
import { completed, follow, isComplete, type Site, simulatorSpeed, startSite, submit } from './site.ts'

const opened: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

const serial = 'MARKED-SERIAL-4711'
const account = { username: 'marked-user', password: 'marked password 4711' }
const recordingPath = `/api/v1/servers/${serial}/recording`

async function openSite(bmcs: Parameters<typeof startSite>[0]['bmcs']): Promise<Site> {
  const site = await startSite({ bmcs })
  opened.push(site.stop)
  return site
}

/** Events that say how far a job came and why not further. */
async function storyOf(site: Site, jobId: string): Promise<readonly string[]> {
  const { events } = await site.client.request<{ events: readonly StoredEvent[] }>(`/api/v1/jobs/${jobId}/events`)
  return events
    .map(({ type }) => type)
    .filter((type) => /\.(?:succeeded|failed|requested|received)$/.test(type) && !type.startsWith('progress'))
}

/** Runs a job while it is recorded, and answers what the file says of it as text. */
async function record(profile: ProfileName, prepare: (bmc: SimulatedBmc) => void = () => {}) {
  const site = await openSite([{ profile, serial, ...account }])
  const bmc = site.simulator.bmc(serial)
  prepare(bmc)
  await site.client.request(recordingPath, { method: 'PUT' })
  const jobId = await submit(site.client, serial)
  await follow(site.client, jobId, isComplete)
  const job = await completed(site.client, jobId)
  const recording = await site.client.request<Recording>(recordingPath, { method: 'POST', body: {} })
  return { site, job, story: await storyOf(site, jobId), text: JSON.stringify(recording), recording }
}

/** Runs a job on a site where a file is all there is of the BMC. */
async function replay(text: string) {
  const site = await openSite([{}])
  const file = readRecording(Buffer.from(text))
  const served: RecordedServer = await serveRecording({ file, password: 'simulated', speed: simulatorSpeed })
  opened.push(served.close)
  const body = { bmc_address: served.url, bmc_username: served.username, bmc_password: served.password }
  await site.client.request(`/api/v1/servers/${served.serial}`, { method: 'PUT', body })
  await site.client.request(`/api/v1/servers/${served.serial}/probe`, { method: 'POST', body: {} })
  const jobId = await submit(site.client, served.serial)
  await follow(site.client, jobId, isComplete, 60_000)
  return { served, job: await completed(site.client, jobId), story: await storyOf(site, jobId) }
}

test.each(['supermicro-x13'] as const)(
  'a whole job that was recorded on %s runs again from the file alone',
  async (profile) => {
    const recorded = await record(profile)
    expect(recorded.job).toMatchObject({ failure: null, outcome: 'succeeded', cleanup: 'clean' })
    expect(recorded.recording.header.missing).toEqual([])
    const again = await replay(recorded.text)
    expect(again.job).toMatchObject({ failure: null, outcome: 'succeeded', cleanup: 'clean' })
    expect(again.story).toEqual(recorded.story)
    expect(again.served.outstanding()).toEqual([])
  },
  120_000,
)

test('a refusal that failed a job fails it again, at the same step and for the same reason', async () => {
  const error = {
    error: {
      code: 'Base.1.12.GeneralError',
      '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.2.8.LIC501', Message: 'a licence is missing' }],
    },
  }
  const recorded = await record('idrac9', (bmc) => {
    bmc.faults.add({ method: 'POST', path: 'InsertMedia', status: 403, body: error })
  })
  expect(recorded.job).toMatchObject({ outcome: 'failed', failed_step: 'redfish.mount.maintenance' })
  const again = await replay(recorded.text)
  expect(again.job).toMatchObject({ outcome: 'failed', failed_step: 'redfish.mount.maintenance' })
  // All but the times, and the addresses in a message.
  const { kind, status, message_id } = recorded.job.failure as Partial<FailureData>
  expect([kind, message_id]).toEqual(['refused', 'IDRAC.2.8.LIC501'])
  expect(again.job.failure).toMatchObject({ kind, status, message_id })
  expect(again.story).toEqual(recorded.story)
}, 120_000)

test('a host that reported a failure reports it again', async () => {
  const site = await openSite([{ serial, ...account, host: { failAt: 'partition.service' } }])
  await site.client.request(recordingPath, { method: 'PUT' })
  const jobId = await submit(site.client, serial)
  expect(await completed(site.client, jobId)).toMatchObject({ outcome: 'failed', failed_step: 'workflow.partition' })
  const recording = await site.client.request<Recording>(recordingPath, { method: 'POST', body: {} })
  const again = await replay(JSON.stringify(recording))
  expect(again.job).toMatchObject({ outcome: 'failed', failed_step: 'workflow.partition' })
}, 120_000)

test('nothing in the file identifies the machine or opens anything, and what was not recorded is said', async () => {
  const { text, site } = await record('generic')
  const marks = [serial, account.username, account.password, '127.0.0.1', 'x-auth-token', 'authorization', '/media/']
  for (const mark of marks) expect(text.toLowerCase()).not.toContain(mark.toLowerCase())
  const file = readRecording(Buffer.from(text))
  const served = await serveRecording({ file, password: 'simulated' })
  opened.push(served.close)
  const authorization = `Basic ${Buffer.from(`${served.username}:${served.password}`).toString('base64')}`
  const ask = (method: string, path: string, body?: string) =>
    fetch(`${served.url}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body }),
    })
  const read = await ask('GET', '/redfish/v1/NeverRead')
  expect([read.status, await read.text()]).toEqual([404, expect.stringContaining('GET /redfish/v1/NeverRead')])
  const written = await ask('POST', '/redfish/v1/Systems/1/Actions/Never.Sent', '{"Wish":"granted"}')
  expect([written.status, await written.text()]).toEqual([501, expect.stringContaining('Never.Sent')])

  const writtenTo = join(site.folder, 'bmc.json.gz')
  const program = new Command()
  recordCommand(
    program,
    () => site.client,
    () => true,
  )
  await program.parseAsync(['record', serial, '--output', writtenTo], { from: 'user' })
  expect(readRecording(await readFile(writtenTo)).exchanges).toEqual(file.exchanges)
  await expect(program.parseAsync(['record', serial], { from: 'user' })).rejects.toThrow('write one of --start')

  // The command ended the recording.
  const tree = await site.client.request<Recording>(recordingPath, { method: 'POST', body: {} })
  expect(tree.exchanges).toEqual([])
  expect(tree.tree.length).toBeGreaterThan(8)
  expect(tree.header.missing).toEqual(['all exchanges: no recording was started before the job ran'])
}, 60_000)
