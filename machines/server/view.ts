/**
 * The public view of a server, made from its state: one shape for the read model, the API, NATS and the command line.
 */
import { z } from 'zod'
import { failureData } from '../event.ts'
import { pathOf } from '../evolve.ts'
import { descriptionData } from './description.ts'
import { powerActions, serverEvents } from './events.ts'
import type { ServerSnapshot } from './machine.ts'

/** Increased with every change of `serverView`: stored views of another version are not used, and made anew. */
export const serverViewVersion = 1

export const serverStatuses = ['probing', 'available', 'reserved', 'unreachable', 'removed'] as const
export type ServerStatus = (typeof serverStatuses)[number]

/** The state of a server, now or as it was, without its credentials and their key in the vault. */
export const serverView = z.object({
  serial: z.string(),
  status: z.enum(serverStatuses),
  state: z.string(),
  bmc_address: z.string(),
  vendor: z.string().nullable(),
  tls: serverEvents['server.registered'].data.shape.tls,
  labels: z.record(z.string(), z.string()),
  active_job: z.uuid().nullable(),
  last_job: z.uuid().nullable(),
  description: descriptionData.nullable(),
  probe_failure: failureData.nullable(),
  dirty_slots: z.object({ maintenance: z.string(), task: z.string() }).nullable(),
  power_action: z.enum(powerActions).nullable(),
  power_failure: failureData.nullable(),
})
export type ServerView = z.infer<typeof serverView>

/** A server as it is listed: its state and its last event. */
export const server = serverView.extend({ registered_at: z.string(), last_update: z.string(), last_seq: z.int() })
export type Server = z.infer<typeof server>

export function viewServer(snapshot: ServerSnapshot): ServerView {
  const { context } = snapshot
  return {
    serial: context.serial,
    status: statusOf(snapshot),
    state: pathOf(snapshot.value),
    bmc_address: context.bmcAddress,
    vendor: context.vendor,
    tls: context.tls,
    labels: context.labels,
    active_job: context.jobId,
    last_job: context.lastJobId,
    description: context.description,
    probe_failure: context.probeFailure,
    dirty_slots: context.dirtySlots,
    power_action: context.powerAction,
    power_failure: context.powerFailure,
  }
}

/** The most telling word of the parallel regions: a reservation outranks a probe, a probe its last result. */
function statusOf(snapshot: ServerSnapshot): ServerStatus {
  if (snapshot.matches('removed')) return 'removed'
  if (snapshot.context.jobId !== null) return 'reserved'
  if (snapshot.matches({ active: { probe: 'probing' } }))
    return snapshot.context.description === null ? 'probing' : 'available'
  return snapshot.matches({ active: { probe: 'unreachable' } }) ? 'unreachable' : 'available'
}
