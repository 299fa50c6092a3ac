/** Shapes that both streams' event catalogues share. */
import { z } from 'zod'

/**
 * An event as machines see it: its stored type and data. Without the version of its data's shape it is of the newest.
 */
export type DomainEvent = { readonly type: string; readonly data: unknown; readonly schema_version?: number }

/** A catalogue: one entry per event type, with the version of its data's shape. Released shapes are never edited. */
export type EventCatalogue = Readonly<Record<string, { readonly version: number; readonly data: z.ZodType }>>

/** The union of `{type, data}` of a catalogue. */
export type EventOf<Catalogue extends EventCatalogue> = {
  [Type in keyof Catalogue & string]: { readonly type: Type; readonly data: z.infer<Catalogue[Type]['data']> }
}[keyof Catalogue & string]

/** An event whose data does not have the shape that its type promises. Names the fields, never their values. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError'
}

/** The reason for a step's failure, as recorded. Payloads, passwords and media tokens are cut out before. */
export const failureData = z.strictObject({
  /**
   * The kind of failure, in the words of the part that failed: a BmcFailure kind, `budget`, `report`, `internal`, ...
   */
  kind: z.string().max(64),
  message: z.string().max(4000),
  operation: z.string().max(64).optional(),
  target: z.string().max(512).optional(),
  status: z.int().optional(),
  message_id: z.string().max(256).optional(),
  unit: z.string().max(256).optional(),
  attempts: z.int().optional(),
  elapsed_ms: z.number().optional(),
})
export type FailureData = z.infer<typeof failureData>

const stallReasons = [
  /** The state waits for an effect or a deadline that is not in the shared lists. */
  'effect.missing',
  'deadline.missing',
  /** The lists hold one that the state does not wait for. */
  'effect.surplus',
  'deadline.surplus',
  /** It is in the lists, and no controller has taken it up in time. */
  'lease.abandoned',
  'deadline.overdue',
  /** A job under way does not hold its server; a server is held by a job that has ended or that has no history. */
  'reservation.missing',
  'reservation.orphaned',
] as const
export type StallReason = (typeof stallReasons)[number]

/** An invariant check's finding against an actor: the actor was stuck. */
export const stallData = z.strictObject({
  reason: z.enum(stallReasons),
  /** The effect's id, the deadline's name, the server's serial or the job's id. */
  subject: z.string().max(512),
  /** True when the sweep repaired it in the commit of this event. */
  repaired: z.boolean(),
})
export type StallData = z.infer<typeof stallData>

/** Events without data carry an empty object, so that a field can be added in a later version. */
export const noData = z.strictObject({})

/** The attempts of an operation, counted from 1, and its duration in milliseconds. */
export const operationFacts = { attempts: z.int(), elapsed_ms: z.number() }

/** One look at a host's power (redfish/bmc.ts PowerObservation). */
export const powerData = z.strictObject({
  power_state: z.string().max(64),
  last_reset_time: z.string().max(64).nullable(),
  boot_progress: z.string().max(128).nullable(),
})
export type PowerData = z.infer<typeof powerData>

export const bootOverrideData = z.strictObject({
  enabled: z.string().max(64).nullable(),
  target: z.string().max(64).nullable(),
  mode: z.string().max(64).nullable(),
})

/**
 * Warnings of an operation that reached its goal all the same, in words; null in events of a version
 * that did not record them.
 */
export const warningsData = z.array(z.string()).nullable()

/** A fact that an operator should know, with advice on it (redfish/bmc.ts Finding). */
export const findingData = z.strictObject({
  code: z.string(),
  severity: z.string(),
  message: z.string(),
  advice: z.string(),
})
