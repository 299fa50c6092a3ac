/** What the outside sees of a server, derived from its state. */
import { pathOf } from '../evolve.ts'
import type { ServerContext, ServerSnapshot } from './machine.ts'

export const serverStatuses = ['probing', 'available', 'reserved', 'unreachable', 'removed'] as const
export type ServerStatus = (typeof serverStatuses)[number]

export type ServerView = {
  readonly status: ServerStatus
  readonly state: string
} & Pick<
  ServerContext,
  | 'serial'
  | 'bmcAddress'
  | 'vendor'
  | 'tls'
  | 'labels'
  | 'jobId'
  | 'lastJobId'
  | 'description'
  | 'probeFailure'
  | 'dirtySlots'
  | 'powerAction'
  | 'powerFailure'
>

export function viewServer(snapshot: ServerSnapshot): ServerView {
  const { context } = snapshot
  return {
    status: statusOf(snapshot),
    state: pathOf(snapshot.value),
    serial: context.serial,
    bmcAddress: context.bmcAddress,
    vendor: context.vendor,
    tls: context.tls,
    labels: context.labels,
    jobId: context.jobId,
    lastJobId: context.lastJobId,
    description: context.description,
    probeFailure: context.probeFailure,
    dirtySlots: context.dirtySlots,
    powerAction: context.powerAction,
    powerFailure: context.powerFailure,
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
