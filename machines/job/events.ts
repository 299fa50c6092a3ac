/**
 * The job stream's events: past tense, domain words, plain JSON. Shapes are public (NATS, API, audit) and frozen once
 * released; test/golden/event-shapes.json shows a change as a diff.
 */
import { z } from 'zod'
import {
  bootOverrideData,
  type EventCatalogue,
  type EventOf,
  failureData,
  findingData,
  noData,
  operationFacts,
  powerData,
  stallData,
  warningsData,
} from '../event.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)

/** Budgets in milliseconds, fixed when the job is requested so that a later setting does not change its history. */
const budgets = z.strictObject({
  iso_build_ms: z.int().positive(),
  redfish_ms: z.int().positive(),
  redfish_poll_ms: z.int().positive(),
  webhook_wait_ms: z.int().positive(),
  cleanup_ms: z.int().positive(),
  job_ms: z.int().positive(),
})
export type Budgets = z.infer<typeof budgets>

const warning = z.strictObject({ path: z.string(), code: z.string(), message: z.string() })

const contentDigest = z.strictObject({ bytes: z.int(), sha256 })

/** The public summary of a recipe (machines/recipe/digest.ts): payloads by size and digest only. */
const recipeSummary = z.strictObject({
  schema_version: z.string(),
  task_target: z.string(),
  target_disk: z.string().nullable(),
  oci_url: z.string().nullable(),
  firmware_url: z.string().nullable(),
  installer_url: z.string().nullable(),
  partitions: z.int(),
  payloads: z.partialRecord(z.enum(['user_data', 'network_config', 'unattend_xml', 'ks_cfg']), contentDigest),
  env_names: z.array(z.string()).readonly(),
  raw: contentDigest,
})

const requested = z.strictObject({
  job_id: z.uuid(),
  server_serial: z.string().min(1).max(128),
  /** The key of the sealed recipe in the vault: a recipe may hold passwords, so the log has only its summary. */
  recipe_ref: z.string(),
  recipe: recipeSummary,
  warnings: z.array(warning),
  /** Null: the maintenance ISO of the image directory, or the configured URL. */
  maintenance_iso_url: z.string().max(1024).nullable(),
  budgets,
  created_at: z.iso.datetime(),
  idempotency: z.strictObject({ key_sha256: sha256, request_sha256: sha256 }).nullable(),
  retry_of: z.uuid().nullable(),
})

const mounted = z.strictObject({
  ...operationFacts,
  slot: z.string().max(512),
  /** The image's URL with its token cut out. */
  image: z.string().max(1024),
  inserted: z.boolean(),
  connected_via: z.string().max(64).nullable(),
  /** Other slots that were emptied because the BMC said that media are in use; null where it was not recorded. */
  also_ejected: z.array(z.string()).nullable(),
})

const resetDone = z.strictObject({
  ...operationFacts,
  sent: z.array(z.string().max(64)),
  evidence: z.string().max(64),
  after: powerData,
})

const overrideWritten = z.strictObject({
  ...operationFacts,
  changed: z.boolean(),
  override: bootOverrideData,
  warnings: warningsData,
})

const report = z.strictObject({
  status: z.enum(['success', 'failed']),
  failed_step: z.string().max(256).nullable(),
  delivery_id: z.string().max(128).nullable(),
  task_target: z.string().max(128).nullable(),
  dispatcher_version: z.string().max(64).nullable(),
  schema_id: z.string().max(256).nullable(),
  started_at: z.string().max(64).nullable(),
  finished_at: z.string().max(64).nullable(),
  /** The credential that the report's sender proved: the job's own token or the shared secret. */
  authenticated_by: z.enum(['job-token', 'shared-secret']),
})

export const jobEvents = {
  'job.requested': { version: 1, data: requested },
  'job.admission.succeeded': { version: 1, data: z.strictObject({ redfish_mode: z.enum(['http', 'noop']) }) },
  'job.admission.failed': { version: 1, data: failureData },
  'job.admission.elapsed': { version: 1, data: noData },
  'job.elapsed': { version: 1, data: noData },
  'cancel.requested': { version: 1, data: z.strictObject({ reason: z.string().max(1000).nullable() }) },

  'iso.build.succeeded': {
    version: 1,
    data: z.strictObject({ sha256, bytes: z.int(), files: z.array(z.string()), elapsed_ms: z.number() }),
  },
  'iso.build.failed': { version: 1, data: failureData },
  'iso.build.elapsed': { version: 1, data: noData },

  'redfish.discover.succeeded': {
    version: 1,
    data: z.strictObject({
      vendor: z.string(),
      model: z.string().nullable(),
      firmware: z.string().nullable(),
      system: z.string(),
      manager: z.string(),
      /** A single slot is named twice: it takes both media as one. */
      layout: z.strictObject({ kind: z.string(), maintenance: z.string(), task: z.string() }),
      session: z.string(),
      tls: z.string(),
      power: powerData,
      findings: z.array(findingData),
      elapsed_ms: z.number(),
    }),
  },
  'redfish.discover.failed': { version: 1, data: failureData },
  /** The task medium was built in another form than the ISO, because the slots take no second ISO. */
  'media.build.succeeded': {
    version: 1,
    data: z.strictObject({
      form: z.enum(['img', 'merged']),
      /** For a merged ISO, the digest covers the bytes that differ from the maintenance ISO, and that ISO's digest. */
      sha256,
      /** The size of the whole medium, as the host sees it. */
      bytes: z.int(),
      /** The maintenance ISO that the files were merged into. */
      base_sha256: sha256.nullable(),
      elapsed_ms: z.number(),
    }),
  },
  'media.build.failed': { version: 1, data: failureData },
  'redfish.mount.maintenance.succeeded': { version: 2, data: mounted },
  'redfish.mount.maintenance.failed': { version: 1, data: failureData },
  'redfish.mount.task.succeeded': { version: 2, data: mounted },
  'redfish.mount.task.failed': { version: 1, data: failureData },
  'redfish.boot-override.succeeded': { version: 2, data: overrideWritten },
  'redfish.boot-override.failed': { version: 1, data: failureData },
  /** The controller's intent, durable before it sends the request. */
  'redfish.reset.requested': {
    version: 1,
    data: z.strictObject({
      reset_type: z.string().max(64),
      reason: z.string().max(500),
      before: powerData,
      override_before: bootOverrideData,
    }),
  },
  /** A later attempt found an intent without an outcome and resolved it by looking at the host. */
  'redfish.reset.resolved': {
    version: 1,
    data: z.strictObject({
      happened: z.enum(['yes', 'no', 'unknown']),
      evidence: z.string().nullable(),
      after: powerData,
    }),
  },
  'redfish.reset.succeeded': { version: 1, data: resetDone },
  'redfish.reset.failed': { version: 1, data: failureData },
  'redfish.elapsed': { version: 1, data: noData },
  'redfish.poll.succeeded': { version: 1, data: z.strictObject({ ...operationFacts, power: powerData }) },
  'redfish.poll.failed': { version: 1, data: failureData },
  'redfish.poll.elapsed': { version: 1, data: noData },

  'media.read.observed': {
    version: 1,
    data: z.strictObject({
      medium: z.enum(['maintenance', 'task']),
      /** The number of the mount attempt whose URL was read; null for a URL without an attempt. */
      attempt: z.int().nullable(),
      first_read_at: z.iso.datetime(),
      last_read_at: z.iso.datetime(),
      highest_offset: z.int(),
      bytes: z.int(),
      requests: z.int(),
    }),
  },
  'progress.reported': {
    version: 1,
    data: z.strictObject({
      step: z.string().max(256),
      percent: z.number().min(0).max(100).nullable(),
      message: z.string().max(1000).nullable(),
    }),
  },
  'report.received': { version: 1, data: report },
  /** A repeated report, or one after the outcome was known. The controller records it, and the state stays. */
  'report.duplicated': { version: 1, data: report },
  'webhook.wait.elapsed': { version: 1, data: noData },

  /** Cleanup records no intent before it switches the host on or off: both are safe to repeat. */
  'cleanup.power-off.succeeded': { version: 1, data: resetDone },
  'cleanup.power-off.failed': { version: 1, data: failureData },
  'cleanup.unmount.succeeded': {
    version: 1,
    data: z.strictObject({
      ...operationFacts,
      slots: z.array(z.strictObject({ slot: z.string(), already_empty: z.boolean() })),
    }),
  },
  'cleanup.unmount.failed': { version: 1, data: failureData },
  'cleanup.boot-override.succeeded': { version: 2, data: overrideWritten },
  'cleanup.boot-override.failed': { version: 1, data: failureData },
  'cleanup.reset.succeeded': { version: 1, data: resetDone },
  'cleanup.reset.failed': { version: 1, data: failureData },
  'cleanup.elapsed': { version: 1, data: noData },
  'server.release.succeeded': { version: 1, data: noData },
  'server.release.failed': { version: 1, data: failureData },
  'server.release.retry.elapsed': { version: 1, data: noData },
  /** The sweep found that the job was stuck. The event by itself changes nothing. */
  'actor.stall.observed': { version: 1, data: stallData },
} as const satisfies EventCatalogue

export type JobEvent = EventOf<typeof jobEvents>
export type JobEventData<Type extends keyof typeof jobEvents> = z.infer<(typeof jobEvents)[Type]['data']>
export type JobRequested = z.infer<typeof requested>
