/** An event as it is stored, read and hashed. */
import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { KindName, StreamId } from '../../machines/kinds.ts'

/** A stored event: plain JSON, as the API, NATS and an export show it. */
export type StoredEvent = {
  /**
   * Global, given before commit: gaps and late arrivals are normal. A decimal string, since JSON has no 64-bit numbers.
   */
  readonly position: string
  readonly id: string
  readonly stream: StreamId
  /** From 1, without gaps. */
  readonly version: number
  readonly type: string
  readonly schema_version: number
  readonly data: unknown
  readonly state_from: string | null
  readonly state_to: string
  readonly machine: KindName
  readonly machine_version: string
  /** RFC 3339 UTC, milliseconds, by the database's clock. */
  readonly at: string
  /** The party that caused it: `principal:alice`, `controller:<id>`, `maintenance-os:<serial>`, `system:deadline`. */
  readonly actor: string
  /** The id of the effect or of the request that caused it. */
  readonly causation_id: string | null
  /** The job that it belongs to. */
  readonly correlation_id: string | null
  /** W3C traceparent. */
  readonly trace: string | null
  readonly prev_hash: string | null
  readonly hash: string
}

/** The members that the hash covers: everything but the position, which the database gives. */
export type HashedEvent = Omit<StoredEvent, 'position' | 'hash'>

/** SHA-256 over the RFC 8785 canonical JSON of an event, `prev_hash` included: that chains the stream. */
export function hashEvent(event: HashedEvent): string {
  return createHash('sha256').update(canonicalEvent(event)).digest('hex')
}

/** The very text that is hashed: RFC 8785 canonical JSON, hence one line. */
export function canonicalEvent(event: HashedEvent): string {
  const { id, stream, version, type, schema_version, data, state_from, state_to, machine, machine_version } = event
  const { at, actor, causation_id, correlation_id, trace, prev_hash } = event
  const covered = {
    id,
    stream,
    version,
    type,
    schema_version,
    data,
    state_from,
    state_to,
    machine,
    machine_version,
    at,
    actor,
    causation_id,
    correlation_id,
    trace,
    prev_hash,
  }
  return canonicalize(covered) ?? ''
}

/**
 * Data as Postgres's jsonb will give it back: undefined members dropped, NUL characters and lone surrogates replaced,
 * in names too. BMCs put both into strings, and jsonb refuses them.
 */
export function plainJson(data: unknown): unknown {
  const text = JSON.stringify(data ?? null)
  // JSON.stringify writes both as escapes; few data have any, and a look into every value costs ten times as much.
  if (!/\\u(?:0000|d[89a-f])/.test(text)) return JSON.parse(text)
  return JSON.parse(text, (_key, value) => {
    if (typeof value === 'string') return storable(value)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [storable(name), member]))
  })
}

function storable(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd')
}
