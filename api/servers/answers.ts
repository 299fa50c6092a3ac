/** A server as the API shows it: never its credentials, nor where they are kept. */
import { z } from '@hono/zod-openapi'
import type { ServerRow } from '../../eventstore/read-models/servers.ts'
import { descriptionData } from '../../machines/server/description.ts'
import { serverEvents } from '../../machines/server/events.ts'
import { type ServerView, serverStatuses } from '../../machines/server/view.ts'
import { failure, orNull } from '../schemas.ts'

/** Both made anew from the events' shapes, because only schemas made here can be named in the document. */
export const tlsPolicy = z
  .discriminatedUnion('mode', serverEvents['server.registered'].data.shape.tls.options)
  .openapi('TlsPolicy', { description: '`pinned` without a fingerprint pins the first certificate that is seen' })
const description = z
  .strictObject(descriptionData.shape)
  .openapi('BmcDescription', { description: 'what a probe found; null is what an older version of it did not record' })

const stateMembers = {
  serial: z.string(),
  status: z.enum(serverStatuses),
  state: z.string(),
  bmc_address: z.string(),
  vendor: z.string().nullable(),
  tls: tlsPolicy,
  labels: z.record(z.string(), z.string()),
  active_job: z.uuid().nullable(),
  last_job: z.uuid().nullable(),
  description: orNull(description),
  probe_failure: orNull(failure),
  dirty_slots: z.object({ maintenance: z.string(), task: z.string() }).nullable(),
  power_action: z.enum(['on', 'off', 'restart']).nullable(),
  power_failure: orNull(failure),
}

export const serverItem = z
  .object({ ...stateMembers, registered_at: z.string(), last_update: z.string(), last_seq: z.int() })
  .openapi('Server')
export const serverState = z
  .object({ ...stateMembers, seq: z.int(), at: z.string() })
  .openapi('ServerState', { description: 'a server as it was after event `seq`' })
export const probeResult = z
  .object({
    serial: z.string(),
    description,
    findings: description.shape.findings,
    fingerprint: z.string().nullable(),
    elapsed_ms: z.number(),
    seq: z.int(),
    at: z.string(),
  })
  .openapi('ProbeResult')

export function serverStateOf(view: ServerView) {
  return {
    serial: view.serial,
    status: view.status,
    state: view.state,
    bmc_address: view.bmcAddress,
    vendor: view.vendor,
    tls: view.tls,
    labels: view.labels,
    active_job: view.jobId,
    last_job: view.lastJobId,
    description: view.description,
    probe_failure: view.probeFailure,
    dirty_slots: view.dirtySlots,
    power_action: view.powerAction,
    power_failure: view.powerFailure,
  }
}

export function serverItemOf({ view, registeredAt, updatedAt, version }: ServerRow) {
  return { ...serverStateOf(view), registered_at: registeredAt, last_update: updatedAt, last_seq: version }
}
