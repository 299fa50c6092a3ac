/**
 * The audit: recomputes every hash of the log, replays every stream and names the first bad event of each. It trusts
 * nothing but events, and compares every kept snapshot with the replay. A removed history must have a signed tombstone.
 */
import type { KeyObject } from 'node:crypto'
import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm'
import { InvalidEventError } from '../../machines/event.ts'
import { type Fold, foldOf } from '../../machines/fold.ts'
import { type Change, changesBetween } from '../../machines/history/changes.ts'
import { type Kind, type Kinds, kinds, parseStream, readRecorded, type StreamId } from '../../machines/kinds.ts'
import { hashEvent, plainJson, type StoredEvent } from '../log/event.ts'
import { toStoredEvent } from '../log/read.ts'
import type { Database } from '../postgres/database.ts'
import { events, snapshots } from '../schema.ts'
import { verifyTombstones } from './tombstones.ts'

type Fault = { readonly stream: StreamId; readonly version: number; readonly reason: string }
export type Verification = {
  readonly streams: number
  readonly events: number
  /** Kept snapshots that were compared: those of this machine version. The controller uses no others. */
  readonly snapshots: number
  /** Histories that were archived and removed. */
  readonly tombstones: number
  readonly faults: readonly Fault[]
}

export type VerifyOptions = {
  readonly signal: AbortSignal
  readonly registry?: Kinds
  readonly trustedKeys?: readonly KeyObject[]
}

const pageSize = 1000
const shownCharsMax = 200

/**
 * Reads the log stream by stream, a page at a time. A stream's first fault ends its check: later events depend on it.
 * `registry`: the machines for the replay, with their upcasts. `trustedKeys`: the Ed25519 keys whose signatures of
 * tombstones are valid.
 */
export async function verifyLog(
  db: Database,
  { signal, registry = kinds, trustedKeys = [] }: VerifyOptions,
): Promise<Verification> {
  const faults: Fault[] = []
  let streams = 0
  let checked = 0
  let compared = 0
  let chain: Chain | undefined
  let after: { stream: string; version: number } = { stream: '', version: 0 }
  for (;;) {
    signal.throwIfAborted()
    // One statement, so that an event and the snapshot that was kept with it are seen together or not at all.
    const rows = await db
      .select({ event: events, kept: snapshots })
      .from(events)
      .leftJoin(snapshots, and(eq(snapshots.stream, events.stream), eq(snapshots.version, events.version)))
      .where(gt(sql`(${events.stream}, ${events.version})`, sql`(${after.stream}, ${after.version})`))
      .orderBy(asc(events.stream), asc(events.version))
      .limit(pageSize)
    for (const { event: row, kept } of rows) {
      const event = toStoredEvent(row)
      if (chain?.stream !== event.stream) {
        chain = new Chain(event.stream, registry)
        streams += 1
      }
      const reason = chain.check(event)
      if (reason !== null) faults.push({ stream: event.stream, version: event.version, reason })
      checked += 1
      if (kept === null || chain.broken || kept.machine_version !== registry[event.machine].machineVersion) continue
      compared += 1
      const different = chain.differenceFrom(kept.state)
      if (different !== null)
        faults.push({ stream: event.stream, version: event.version, reason: `its snapshot ${told(different)}` })
    }
    const last = rows.at(-1)?.event
    if (last === undefined) break
    after = { stream: last.stream, version: last.version }
  }
  const removals = await verifyTombstones(db, trustedKeys)
  faults.push(...(await snapshotsOfNothing(db)), ...removals.faults)
  return { streams, events: checked, snapshots: compared, tombstones: removals.count, faults }
}

/** A snapshot is kept in the transaction of its event, so one without an event was forged, or the event was removed. */
async function snapshotsOfNothing(db: Database): Promise<Fault[]> {
  const rows = await db
    .select({ stream: snapshots.stream, version: snapshots.version })
    .from(snapshots)
    .leftJoin(events, and(eq(events.stream, snapshots.stream), eq(events.version, snapshots.version)))
    .where(isNull(events.version))
    .orderBy(asc(snapshots.stream))
    .limit(pageSize)
  return rows.map((row) => ({ ...row, reason: 'its snapshot is of an event that does not exist' }))
}

function told({ path, ...values }: Change): string {
  const shown = (side: 'before' | 'after') =>
    side in values ? (JSON.stringify(values[side]) ?? '').slice(0, shownCharsMax) : 'nothing'
  return `differs from the replay at ${path || '(whole)'}: kept ${shown('before')}, replay gives ${shown('after')}`
}

/**
 * Checks one stream's events in order: versions, hashes, and that replay gives the states that were recorded. Hashes
 * are those of events as they are stored; replay reads them in their newest version.
 */
export class Chain {
  readonly stream: StreamId
  readonly #kind: Kind
  readonly #fold: Fold
  #version = 0
  #hash: string | null = null
  #broken = false

  constructor(stream: StreamId, registry: Kinds = kinds) {
    this.stream = stream
    this.#kind = registry[parseStream(stream).kind]
    this.#fold = foldOf(this.#kind)
  }

  /** True after a bad event. */
  get broken(): boolean {
    return this.#broken
  }

  /** The fault of the next event; null when it has none, or when an earlier event was already bad. */
  check(event: StoredEvent): string | null {
    if (this.#broken) return null
    const reason = this.#fault(event)
    this.#broken = reason !== null
    return reason
  }

  /** The first place where a stored state differs from the replay of the events checked so far; null if it does not. */
  differenceFrom(state: unknown): Change | null {
    const [first] = changesBetween(state, plainJson(this.#fold.dehydrated()))
    return first ?? null
  }

  #fault(event: StoredEvent): string | null {
    if (event.version !== this.#version + 1) return `version ${this.#version + 1} is missing`
    if (event.prev_hash !== this.#hash) return 'prev_hash is not the hash of the event before'
    if (hashEvent(event) !== event.hash) return 'its content does not have its hash: it was altered'
    // A forger can also compute the hash of an altered event; the machine must get only events that it can read.
    try {
      readRecorded(this.#kind, event)
    } catch (error) {
      if (error instanceof InvalidEventError) return error.message
      throw error
    }
    this.#fold.take(event)
    this.#version = event.version
    this.#hash = event.hash
    const { state } = this.#fold
    return state === event.state_to ? null : `replay gives state ${state}, recorded was ${event.state_to}`
  }
}
