/** The server stream's events. No event holds credentials: `credentials_ref` is their key in the vault. */
import { z } from 'zod'
import {
  type EventCatalogue,
  type EventOf,
  failureData,
  noData,
  operationFacts,
  powerData,
  stallData,
  warningsData,
} from '../event.ts'
import { descriptionData } from './description.ts'
import { learnedData } from './learned.ts'

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/)

/** Allows TLS 1.0, weak ciphers and old renegotiation, for BMCs that have nothing else. */
const legacy = z.boolean().optional()

const tlsPolicy = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('system'), legacy }),
  z.strictObject({ mode: z.literal('ca'), ca: z.string().max(65_536), legacy }),
  /** Without a fingerprint the first certificate seen is pinned: `server.certificate.pinned`. */
  z.strictObject({ mode: z.literal('pinned'), fingerprint: fingerprint.nullable(), legacy }),
  z.strictObject({ mode: z.literal('insecure'), legacy }),
])
export type TlsPolicyData = z.infer<typeof tlsPolicy>

export const powerActions = ['on', 'off', 'restart'] as const
export type PowerAction = (typeof powerActions)[number]

const registration = z.strictObject({
  serial: z.string().min(1).max(128),
  bmc_address: z.url().max(256),
  credentials_ref: z.string(),
  vendor: z.string().max(64).nullable(),
  tls: tlsPolicy,
  labels: z.record(z.string().max(64), z.string().max(256)),
})
export type ServerRegistration = z.infer<typeof registration>

const slots = z.strictObject({ maintenance: z.string(), task: z.string() })

const recordingEnds = ['requested', 'replaced', 'time-over', 'limit-reached'] as const
export type RecordingEnd = (typeof recordingEnds)[number]

export const serverEvents = {
  'server.registered': { version: 1, data: registration },
  'server.changed': { version: 1, data: registration },
  'server.removed': { version: 1, data: noData },
  'server.reserved': { version: 1, data: z.strictObject({ job_id: z.uuid() }) },
  'server.released': {
    version: 1,
    data: z.strictObject({
      job_id: z.uuid(),
      outcome: z.enum(['succeeded', 'failed', 'cancelled']),
      cleanup: z.enum(['pending', 'clean', 'dirty']),
      /** Slots that a dirty cleanup may have left mounted. */
      slots: slots.nullable(),
      /** True when cleanup switched the host off and could not switch it on again. */
      power_on: z.boolean(),
    }),
  },
  'server.probe.requested': { version: 1, data: noData },
  'server.probe.succeeded': {
    version: 2,
    data: z.strictObject({
      description: descriptionData,
      fingerprint: z.string().nullable(),
      elapsed_ms: z.number(),
    }),
  },
  'server.probe.failed': { version: 1, data: failureData },
  /** Trust on first use: the probe records the certificate before it sends anything to the host that shows it. */
  'server.certificate.pinned': { version: 1, data: z.strictObject({ fingerprint }) },
  /** An operator accepts another certificate than the pinned one. */
  'server.certificate.accepted': { version: 1, data: z.strictObject({ fingerprint }) },
  'server.power.requested': { version: 1, data: z.strictObject({ action: z.enum(powerActions) }) },
  'server.power.succeeded': {
    version: 1,
    data: z.strictObject({ ...operationFacts, sent: z.array(z.string()), evidence: z.string(), after: powerData }),
  },
  'server.power.failed': { version: 1, data: failureData },
  /** All lessons, in place of the former ones. `job_id` is the job that taught the latest one, null for none. */
  'bmc.capability.learned': { version: 1, data: z.strictObject({ learned: learnedData, job_id: z.uuid().nullable() }) },
  'server.cleanup.retry.elapsed': { version: 1, data: noData },
  'server.cleanup.succeeded': { version: 2, data: z.strictObject({ warnings: warningsData }) },
  'server.cleanup.failed': { version: 1, data: failureData },
  /** The sweep found that the server was stuck. The event by itself changes nothing. */
  'actor.stall.observed': { version: 1, data: stallData },
  /**
   * From here on the controllers keep their exchanges with the BMC, for a file. No recording event changes the state.
   */
  'server.recording.started': { version: 1, data: z.strictObject({ recording_id: z.uuid() }) },
  /** Controllers kept `exchanges` and lost `lost` of them. The event may be recorded twice for one recording. */
  'server.recording.ended': {
    version: 1,
    data: z.strictObject({
      recording_id: z.uuid(),
      reason: z.enum(recordingEnds),
      exchanges: z.int(),
      lost: z.int(),
    }),
  },
} as const satisfies EventCatalogue

export type ServerEvent = EventOf<typeof serverEvents>
export type ServerEventData<Type extends keyof typeof serverEvents> = z.infer<(typeof serverEvents)[Type]['data']>
