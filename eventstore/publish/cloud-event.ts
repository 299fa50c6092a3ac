/**
 * An event as subscribers get it: CloudEvents 1.0, structured JSON (cloudevents.io, "JSON Event Format" and "NATS
 * Protocol Binding"). Pure, so that publishing an event again gives the same bytes. Every hashed field of the log is an
 * attribute: a subscriber can follow the hash chain without asking the controller.
 */
import { z } from 'zod'
import { type KindName, parseStream } from '../../machines/kinds.ts'
import type { StoredEvent } from '../log/event.ts'
import { subjectOf } from './subjects.ts'

/** The attributes of every event; `data` is per type. Attributes without a value are absent. */
export const cloudEventAttributes = z.object({
  specversion: z.literal('1.0'),
  id: z.uuid().describe('The event, and the Nats-Msg-Id of its message.'),
  source: z.string().describe('The job or server, as a path of the API.'),
  subject: z.string().describe('The job id or the serial.'),
  type: z.string(),
  time: z.iso.datetime().describe('By the database’s clock, milliseconds.'),
  datacontenttype: z.literal('application/json'),
  dataschema: z.string().describe('Names the shape of the data: urn:provisioner:<kind>:<type>:<version>.'),
  sequence: z
    .string()
    .regex(/^\d{10}$/)
    .describe('`streamversion` with leading zeros, to be compared as text.'),
  stream: z.string(),
  streamversion: z.int().positive().describe('From 1 and without gaps within the stream.'),
  position: z.string().describe('Global, a decimal number; gaps are normal.'),
  schemaversion: z.int().positive(),
  statefrom: z.string().optional().describe('Absent in the first event of a stream.'),
  stateto: z.string(),
  machine: z.string(),
  machineversion: z.string(),
  actor: z.string().describe('Who caused it: principal, controller, maintenance OS.'),
  causationid: z.string().optional().describe('The effect or request that caused it.'),
  correlationid: z.string().optional().describe('The job that it belongs to.'),
  traceparent: z.string().optional(),
  prevhash: z.string().optional().describe('`hash` of the event before; absent in the first event of a stream.'),
  hash: z.string().describe('SHA-256 over the RFC 8785 JSON of the stored event, `prev_hash` included.'),
  dataref: z.string().optional().describe('Instead of data that is too large for a message: where the API has it.'),
})

export type CloudEvent = z.infer<typeof cloudEventAttributes> & { readonly data?: unknown }

/** A message, without the headers that depend on its place in the stream. */
export type EventMessage = {
  /** Its `Nats-Msg-Id`, by which JetStream knows a message that comes again. */
  readonly id: string
  readonly subject: string
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Uint8Array
}

/** Names the shape of a type's data, for ever: a changed shape has another version. */
export function dataSchemaOf(kind: KindName, { type, version }: { readonly type: string; readonly version: number }) {
  return `urn:provisioner:${kind}:${type}:${version}`
}

/**
 * Builds an event's message. Where its payload would be longer than `payloadBytesMax`, data gives way to a `dataref` (the
 * CloudEvents claim-check extension) to the API, so that no event keeps those behind it from being published.
 */
export function messageOf(event: StoredEvent, { payloadBytesMax }: { readonly payloadBytesMax: number }): EventMessage {
  const whole = encode({ ...attributesOf(event), data: event.data })
  const payload =
    whole.byteLength <= payloadBytesMax ? whole : encode({ ...attributesOf(event), dataref: referenceTo(event) })
  return {
    id: event.id,
    subject: subjectOf(event),
    headers: { 'content-type': 'application/cloudevents+json' },
    payload,
  }
}

function attributesOf(event: StoredEvent): CloudEvent {
  const { kind, id } = parseStream(event.stream)
  return {
    specversion: '1.0',
    id: event.id,
    source: resourceOf(event),
    subject: id,
    type: event.type,
    time: event.at,
    datacontenttype: 'application/json',
    dataschema: dataSchemaOf(kind, { type: event.type, version: event.schema_version }),
    sequence: String(event.version).padStart(10, '0'),
    stream: event.stream,
    streamversion: event.version,
    position: event.position,
    schemaversion: event.schema_version,
    ...(event.state_from === null ? {} : { statefrom: event.state_from }),
    stateto: event.state_to,
    machine: event.machine,
    machineversion: event.machine_version,
    actor: event.actor,
    ...(event.causation_id === null ? {} : { causationid: event.causation_id }),
    ...(event.correlation_id === null ? {} : { correlationid: event.correlation_id }),
    ...(event.trace === null ? {} : { traceparent: event.trace }),
    ...(event.prev_hash === null ? {} : { prevhash: event.prev_hash }),
    hash: event.hash,
  }
}

function resourceOf({ stream }: StoredEvent): string {
  const { kind, id } = parseStream(stream)
  return `/api/v1/${kind}s/${encodeURIComponent(id.toWellFormed())}`
}

/** The history from this event on. */
function referenceTo(event: StoredEvent): string {
  return `${resourceOf(event)}/events?after_seq=${event.version - 1}`
}

function encode(event: CloudEvent): Uint8Array {
  return Buffer.from(JSON.stringify(event))
}
