/** The ways from older versions of a job's events to their newest (../upcast.ts). */
import type { Upcasts } from '../upcast.ts'

/** The first version recorded neither other slots that were emptied nor warnings. */
const othersUnknown = { 1: (data: unknown) => ({ ...(data as object), also_ejected: null }) }
const warningsUnknown = { 1: (data: unknown) => ({ ...(data as object), warnings: null }) }

export const jobUpcasts: Upcasts = {
  'redfish.mount.maintenance.succeeded': othersUnknown,
  'redfish.mount.task.succeeded': othersUnknown,
  'redfish.boot-override.succeeded': warningsUnknown,
  'cleanup.boot-override.succeeded': warningsUnknown,
}
