/** Jobs that are recorded on one site, and run again on another where a file is all there is of the BMC. */
import { expect } from 'vitest'
import type { JobAnswer } from '../../../deploy/cli/watch.ts'
import type { StoredEvent } from '../../../eventstore/log/event.ts'
import type { FailureData } from '../../../machines/event.ts'
import type { Recording } from '../../../redfish/recording/format.ts'
import { readRecording } from '../../../redfish/simulator/recorded/file.ts'
import { type RecordedServer, serveRecording } from '../../../redfish/simulator/recorded/server.ts'
import { completed, type Site, simulatorSpeed, startSite, submit } from '../rig/site.ts'

/** What a job came to, and the steps that it took there. */
type RunJob = { readonly job: JobAnswer; readonly story: readonly string[] }

export type RecordedRun = RunJob & { readonly recording: Recording; readonly text: string }

export type ReplayedRun = RunJob & {
  /** Writes that were recorded and that the second job did not send. */
  readonly outstanding: readonly string[]
  readonly requests: RecordedServer['requests']
}

export function recordingPathOf(serial: string): string {
  return `/api/v1/servers/${serial}/recording`
}

async function run(site: Site, serial: string): Promise<RunJob> {
  const jobId = await submit(site.client, serial)
  const job = await completed(site.client, jobId)
  const { events } = await site.client.request<{ events: readonly StoredEvent[] }>(`/api/v1/jobs/${jobId}/events`)
  return { job, story: storyOf(events) }
}

/** What a report that is there first leaves out: nobody looks any more whether the host was reset. */
const overtaken: readonly string[] = ['redfish.reset.succeeded', 'redfish.poll.succeeded']

/** Events that say how far a job came and why not further; reports of progress come as fast as the host is. */
function storyOf(events: readonly StoredEvent[]): readonly string[] {
  const story = events
    .map(({ type }) => type)
    .filter((type) => /\.(?:succeeded|failed|requested|received)$/.test(type) && !type.startsWith('progress'))
  return story.includes('report.received') ? story.filter((type) => !overtaken.includes(type)) : story
}

/** Runs a job while its server is recorded, and fetches the file as it is. */
export async function recordJob(site: Site, serial: string): Promise<RecordedRun> {
  const path = recordingPathOf(serial)
  await site.client.request(path, { method: 'PUT' })
  const ran = await run(site, serial)
  const recording = await site.client.request<Recording>(path, { method: 'POST', body: {} })
  return { ...ran, recording, text: JSON.stringify(recording) }
}

/** A site, and in PEM what hosts have to trust to fetch images from it. */
export type OpenedSite = { readonly site: Site; readonly trusted?: string }

/** Runs a job against the file alone, on a site of its own, of which no simulated BMC is used. */
export async function replayFile(
  text: string,
  open: () => Promise<OpenedSite> = async () => ({ site: await startSite({ bmcs: [{}] }) }),
): Promise<ReplayedRun> {
  const file = readRecording(Buffer.from(text))
  const { site, ...trust } = await open()
  let served: RecordedServer | null = null
  try {
    served = await serveRecording({ file, password: 'simulated', speed: simulatorSpeed, ...trust })
    const { serial, url, username, password } = served
    const body = { bmc_address: url, bmc_username: username, bmc_password: password }
    await site.client.request(`/api/v1/servers/${serial}`, { method: 'PUT', body })
    await site.client.request(`/api/v1/servers/${serial}/probe`, { method: 'POST', body: {} })
    const ran = await run(site, serial)
    return { ...ran, outstanding: served.outstanding(), requests: [...served.requests] }
  } finally {
    // First the site: its controller ends its session, and would wait for a BMC that is gone.
    await site.stop()
    await served?.close()
  }
}

/** The second job came to the same end as the first, on the same way, for the same reason. */
export function expectSameRun(again: ReplayedRun, recorded: RecordedRun): void {
  expect(endOf(again.job)).toEqual(endOf(recorded.job))
  expect(again.story).toEqual(recorded.story)
}

/** All but the times, and the addresses in a message. */
function endOf({ outcome, failed_step, cleanup, failure }: JobAnswer): object {
  const { kind, status, message_id } = (failure ?? {}) as Partial<FailureData>
  return { outcome, failed_step, cleanup, kind, status, message_id }
}
