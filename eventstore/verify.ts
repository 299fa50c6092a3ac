/** The audit: recomputes every hash of the log and names the first bad event of each stream. Needs nothing but events. */
import { and, asc, gt, sql } from 'drizzle-orm'
import { checkEvent, InvalidEventError, type KindName, kinds, parseStream, type StreamId } from '../machines/kinds.ts'
import { pathOf } from '../machines/state-path.ts'
import type { Database } from './database.ts'
import { hashEvent, type StoredEvent } from './event.ts'
import { toStoredEvent } from './read.ts'
import { events } from './schema.ts'

export type Fault = { readonly stream: StreamId; readonly version: number; readonly reason: string }
export type Verification = { readonly streams: number; readonly events: number; readonly faults: readonly Fault[] }

const pageSize = 1000

/** Reads the log stream by stream, a page at a time. A stream's first fault ends its check: what follows hangs on it. */
export async function verifyLog(db: Database, { signal }: { readonly signal: AbortSignal }): Promise<Verification> {
  const faults: Fault[] = []
  let streams = 0
  let checked = 0
  let chain: Chain | undefined
  let after: { stream: string; version: number } = { stream: '', version: 0 }
  for (;;) {
    signal.throwIfAborted()
    const rows = await db
      .select()
      .from(events)
      .where(and(gt(sql`(${events.stream}, ${events.version})`, sql`(${after.stream}, ${after.version})`)))
      .orderBy(asc(events.stream), asc(events.version))
      .limit(pageSize)
    for (const row of rows) {
      const event = toStoredEvent(row)
      if (chain?.stream !== event.stream) {
        chain = new Chain(event.stream)
        streams += 1
      }
      const reason = chain.check(event)
      if (reason !== null) faults.push({ stream: event.stream, version: event.version, reason })
      checked += 1
    }
    const last = rows.at(-1)
    if (last === undefined) return { streams, events: checked, faults }
    after = { stream: last.stream, version: last.version }
  }
}

/** Checks one stream's events in order: versions, hashes, and that replay gives the states that were recorded. */
export class Chain {
  readonly stream: StreamId
  #version = 0
  #hash: string | null = null
  #snapshot: unknown
  #broken = false

  constructor(stream: StreamId) {
    this.stream = stream
  }

  /** What is wrong with the next event; null when nothing is, or when an earlier one was already bad. */
  check(event: StoredEvent): string | null {
    if (this.#broken) return null
    const reason = this.#fault(event)
    this.#broken = reason !== null
    return reason
  }

  #fault(event: StoredEvent): string | null {
    if (event.version !== this.#version + 1) return `version ${this.#version + 1} is missing`
    if (event.prev_hash !== this.#hash) return 'prev_hash is not the hash of the event before'
    if (hashEvent(event) !== event.hash) return 'its content does not have its hash: it was altered'
    const { kind } = parseStream(event.stream)
    const misshapen = shapeFault(kind, event)
    if (misshapen !== null) return misshapen
    const { evolve } = kinds[kind]
    const evolved = event.version === 1 ? evolve.start(event) : evolve.next(this.#snapshot as never, event)
    this.#version = event.version
    this.#hash = event.hash
    this.#snapshot = evolved.snapshot
    const state = pathOf(evolved.snapshot.value)
    return state === event.state_to ? null : `replay gives state ${state}, recorded was ${event.state_to}`
  }
}

/** Whoever alters an event can also compute its hash; a machine must not be given what it cannot read. */
function shapeFault(kind: KindName, event: StoredEvent): string | null {
  const definition = kinds[kind].events[event.type]
  // An older shape is read by its own rules.
  if (definition !== undefined && definition.version > event.schema_version) return null
  try {
    checkEvent(kind, event)
    return null
  } catch (error) {
    if (error instanceof InvalidEventError) return error.message
    throw error
  }
}
