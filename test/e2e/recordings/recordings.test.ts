/**
 * A job is recorded on one site and run again on another, where there is nothing but the file: it takes the same steps to
 * the same end, also where the BMC refused. One make is recorded here; `npm run test:recordings` takes all of them.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { recordCommand } from '../../../deploy/cli/record.ts'
import type { FailureData } from '../../../machines/event.ts'
import type { Recording } from '../../../redfish/recording/format.ts'
import { readRecording } from '../../../redfish/simulator/recorded/file.ts'
import { serveRecording } from '../../../redfish/simulator/recorded/server.ts'
import { completed, follow, type Site, startSite, submit } from '../rig/site.ts'
import { expectSameRun, recordingPathOf, recordJob, replayFile } from './recorded-jobs.ts'

const account = { username: 'marked-user', password: 'marked password 4711' }
const serials = {
  whole: 'MARKED-SERIAL-4711',
  refused: 'MARKED-SERIAL-4712',
  failed: 'MARKED-SERIAL-4713',
  read: 'MARKED-SERIAL-4714',
}

const base64 = (text: string) => Buffer.from(text).toString('base64').replace(/=+$/, '')
const told = {
  assetTag: 'MARKED-ASSET-0815',
  host: 'marked-host.example.net',
  mac: 'b4:2e:99:ba:de:15',
  ip: '192.0.2.77',
  ipv6: '2001:db8:1:2::77',
  uuid: '4c4c4544-0042-3510-8052-c4c04f4d4b32',
  subject: 'marked subject name',
}
const pair = `${account.username}:${account.password}`
const tellingAnswer = {
  error: {
    code: 'Base.1.12.GeneralError',
    message: [
      `what was told: ${Object.values(told).join(', ')}, ${pair}`,
      ...Object.values(told).map((value) => `${encodeURIComponent(value)} ${base64(value)}`),
      `Basic ${base64(pair)} ${encodeURIComponent(pair)}`,
      `-----BEGIN CERTIFICATE-----\\n${base64(`CN=${told.subject}`)}\\n-----END CERTIFICATE-----`,
    ].join('; '),
    '@Message.ExtendedInfo': [
      { Oem: { AssetTag: told.assetTag, HostName: told.host, Subject: { CommonName: told.subject } } },
    ],
  },
}

/** Where all of them are recorded, side by side. */
let site: Site
beforeAll(async () => {
  site = await startSite({
    bmcs: [
      { serial: serials.whole, profile: 'supermicro-x13', ...account },
      { serial: serials.refused, profile: 'idrac9', ...account },
      { serial: serials.failed, host: { failAt: 'partition.service' }, ...account },
      { serial: serials.read, ...account },
    ],
  })
})
afterAll(() => site.stop())

test.concurrent('a whole job that was recorded runs again from the file alone', async () => {
  const recorded = await recordJob(site, serials.whole)
  expect(recorded.job).toMatchObject({ failure: null, outcome: 'succeeded', cleanup: 'clean' })
  expect(recorded.recording.header.missing).toEqual([])
  const again = await replayFile(recorded.text)
  expectSameRun(again, recorded)
  expect(again.outstanding).toEqual([])
})

test.concurrent('a refusal that failed a job fails it again, at the same step and for the same reason', async () => {
  const error = {
    error: {
      code: 'Base.1.12.GeneralError',
      '@Message.ExtendedInfo': [{ MessageId: 'IDRAC.2.8.LIC501', Message: 'a licence is missing' }],
    },
  }
  const { faults } = site.simulator.bmc(serials.refused)
  faults.add({ method: 'POST', path: 'InsertMedia', status: 403, body: error })
  const recorded = await recordJob(site, serials.refused)
  expect(recorded.job).toMatchObject({ outcome: 'failed', failed_step: 'redfish.mount.maintenance' })
  const { kind, message_id } = recorded.job.failure as Partial<FailureData>
  expect([kind, message_id]).toEqual(['refused', 'IDRAC.2.8.LIC501'])
  expectSameRun(await replayFile(recorded.text), recorded)
})

test.concurrent('a host that reported a failure reports it again', async () => {
  const recorded = await recordJob(site, serials.failed)
  expect(recorded.job).toMatchObject({ outcome: 'failed', failed_step: 'workflow.partition' })
  expectSameRun(await replayFile(recorded.text), recorded)
})

test.concurrent('nothing in the file identifies the machine or opens anything, and what was not recorded is said', async () => {
  const path = recordingPathOf(serials.read)
  const bmc = site.simulator.bmc(serials.read)
  // One answer with everything that a BMC could tell, in the forms that it could have it in.
  bmc.faults.add({ method: 'POST', path: 'InsertMedia', times: 1, status: 503, body: tellingAnswer })
  const looked = Promise.withResolvers<void>()
  bmc.faults.add({ method: 'POST', path: 'ComputerSystem.Reset', times: 1, until: looked.promise })
  await site.client.request(path, { method: 'PUT' })
  const jobId = await submit(site.client, serials.read)
  await follow(site.client, jobId, ({ type }) => type === 'redfish.mount.task.succeeded')
  const images = Object.values(bmc.state.slots).flatMap(({ image }) => (image === null ? [] : [image]))
  looked.resolve()
  expect(images.length).toBe(2)
  await completed(site.client, jobId)
  const text = JSON.stringify(await site.client.request<Recording>(path, { method: 'POST', body: {} }))
  expect(text).toContain('what was told')
  const tokens = images.flatMap((image) => new URL(image).pathname.split('/').filter((part) => part.length >= 20))
  expect(tokens.length).toBeGreaterThan(1)
  const marks = [serials.read, ...Object.values(account), ...Object.values(told), ...images, ...tokens, '127.0.0.1']
  const forms = marks.flatMap((mark) => [mark, encodeURIComponent(mark), base64(mark), base64(`${mark}:`).slice(0, -4)])
  for (const form of [...forms, 'x-auth-token', 'authorization', '/media/'])
    expect(text.toLowerCase()).not.toContain(form.toLowerCase())
  const file = readRecording(Buffer.from(text))
  const served = await serveRecording({ file, password: 'simulated' })
  try {
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
  } finally {
    await served.close()
  }

  const writtenTo = join(site.folder, 'bmc.json.gz')
  const program = new Command()
  recordCommand(
    program,
    () => site.client,
    () => true,
  )
  await program.parseAsync(['record', serials.read, '--output', writtenTo], { from: 'user' })
  expect(readRecording(await readFile(writtenTo)).exchanges).toEqual(file.exchanges)
  await expect(program.parseAsync(['record', serials.read], { from: 'user' })).rejects.toThrow('give one of --start')

  // The command ended the recording.
  const tree = await site.client.request<Recording>(path, { method: 'POST', body: {} })
  expect(tree.exchanges).toEqual([])
  expect(tree.tree.length).toBeGreaterThan(8)
  expect(tree.header.missing).toEqual(['all exchanges: no recording was started before the job ran'])
})
