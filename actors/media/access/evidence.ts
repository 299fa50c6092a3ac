/**
 * Reads are evidence (spec/media.md) that this BMC took this medium, up to the furthest byte and until the last read. A
 * BMC reads a few KB at a time for an hour; this file condenses its reads into a few facts per slot, which a job
 * records as events.
 */
import type { MountAttempt } from './signing.ts'

/** One of a job's two slots: `maintenance` holds the maintenance or installer ISO. */
type MediumKind = 'maintenance' | 'task'

/** One range that was sent. */
export interface MediaRead {
  readonly jobId: string
  readonly medium: MediumKind
  /** The mount attempt whose URL was read; null for a URL without an attempt. */
  readonly attempt: MountAttempt['attempt'] | null
  readonly offset: number
  /** Bytes handed to the connection: fewer than the range has when the reader disconnected. */
  readonly bytes: number
  /** The time at which the last byte was handed over. */
  readonly at: Date
}

/** All reads of one slot URL that this controller has seen. */
export interface MediaReadFact {
  readonly jobId: string
  readonly medium: MediumKind
  readonly attempt: MountAttempt['attempt'] | null
  readonly firstReadAt: string
  readonly lastReadAt: string
  /** One past the furthest byte read; the size of the medium after a read to its end. */
  readonly highestOffset: number
  /** The sum over all reads; repeated reads count again. */
  readonly bytes: number
  readonly requests: number
}

export interface ReadEvidence {
  /** Adds a read; emits its slot's fact if the read is the first, or the last emission is `intervalMs` ago. */
  record(read: MediaRead): void
  /** Emits the facts that changed since their last emission, of one job or of all. */
  flush(jobId?: string): void
  /** Emits as `flush` does, and forgets the job. */
  forget(jobId: string): void
}

export interface ReadEvidenceOptions {
  readonly intervalMs: number
  /** Ceiling of the slot URLs in memory; beyond it the least recently read one is emitted and forgotten. */
  readonly slotsMax: number
  readonly emit: (fact: MediaReadFact) => void
}

interface Slot {
  readonly fact: MediaReadFact
  readonly emittedAtMs: number
  readonly emitted: boolean
}

/** Has no timer: time is that of the reads. The owner calls `flush` for the last reads of a slot. */
export function readEvidence({ intervalMs, slotsMax, emit }: ReadEvidenceOptions): ReadEvidence {
  /** In the order of their last reads. */
  const slots = new Map<string, Slot>()

  function emitPending(key: string, slot: Slot): void {
    if (slot.emitted) return
    slots.set(key, { ...slot, emitted: true, emittedAtMs: Date.parse(slot.fact.lastReadAt) })
    emit(slot.fact)
  }

  function flush(jobId?: string): void {
    for (const [key, slot] of slots) if (jobId === undefined || slot.fact.jobId === jobId) emitPending(key, slot)
  }

  return {
    record(read) {
      const key = `${read.jobId} ${read.medium} ${read.attempt}`
      const known = slots.get(key)
      const slot = {
        fact: known === undefined ? firstFact(read) : nextFact(known.fact, read),
        emitted: false,
        emittedAtMs: known?.emittedAtMs ?? Number.NEGATIVE_INFINITY,
      }
      slots.delete(key)
      slots.set(key, slot)
      if (read.at.getTime() - slot.emittedAtMs >= intervalMs) emitPending(key, slot)
      const oldest = slots.entries().next()
      if (slots.size > slotsMax && !oldest.done) {
        emitPending(...oldest.value)
        slots.delete(oldest.value[0])
      }
    },

    flush,

    forget(jobId) {
      flush(jobId)
      for (const [key, { fact }] of slots) if (fact.jobId === jobId) slots.delete(key)
    },
  }
}

function firstFact({ jobId, medium, attempt, offset, bytes, at }: MediaRead): MediaReadFact {
  const time = at.toISOString()
  return {
    jobId,
    medium,
    attempt,
    firstReadAt: time,
    lastReadAt: time,
    highestOffset: offset + bytes,
    bytes,
    requests: 1,
  }
}

function nextFact(fact: MediaReadFact, { offset, bytes, at }: MediaRead): MediaReadFact {
  return {
    ...fact,
    // Reads of one slot overlap, and may be recorded in another order than they ended.
    lastReadAt: new Date(Math.max(at.getTime(), Date.parse(fact.lastReadAt))).toISOString(),
    highestOffset: Math.max(fact.highestOffset, offset + bytes),
    bytes: fact.bytes + bytes,
    requests: fact.requests + 1,
  }
}
