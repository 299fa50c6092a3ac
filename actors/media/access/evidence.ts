/**
 * Reads are evidence (spec/media.md): that this BMC took this medium, how far it came and when it stopped. A BMC reads a
 * few KB at a time for an hour; this turns its reads into a few facts per slot that a job can record as events.
 */
import type { MountAttempt } from './signing.ts'

/** Which of a job's two slots: the first holds the maintenance or installer ISO. */
type MediumKind = 'maintenance' | 'task'

/** One range that was sent. */
export interface MediaRead {
  readonly jobId: string
  readonly medium: MediumKind
  /** The mount attempt whose URL was read; null for a URL that does not tell. */
  readonly attempt: MountAttempt['attempt'] | null
  readonly offset: number
  /** Handed to the connection, which for a reader that went away may be less than was asked for. */
  readonly bytes: number
  /** When the last of them was handed over. */
  readonly at: Date
}

/** The reads of one slot URL since this controller first saw one. */
export interface MediaReadFact {
  readonly jobId: string
  readonly medium: MediumKind
  readonly attempt: MountAttempt['attempt'] | null
  readonly firstReadAt: string
  readonly lastReadAt: string
  /** One past the furthest byte read: the size of the medium once it was read to its end. */
  readonly highestOffset: number
  /** In all, repeated reads counted again. */
  readonly bytes: number
  readonly requests: number
}

export interface ReadEvidence {
  /** Takes a read into account; emits its slot's fact if it is the first, or the last emission is `intervalMs` ago. */
  record(read: MediaRead): void
  /** Emits all that was read since the last emission, of one job or of all: before media are ejected, and from time to time. */
  flush(jobId?: string): void
  /** Emits as `flush` does, and forgets the job. */
  forget(jobId: string): void
}

export interface ReadEvidenceOptions {
  readonly intervalMs: number
  /** Slot URLs under watch; beyond it the one that was read least recently is emitted and forgotten. */
  readonly slotsMax: number
  readonly emit: (fact: MediaReadFact) => void
}

interface Slot {
  readonly fact: MediaReadFact
  readonly emittedAtMs: number
  readonly emitted: boolean
}

/** Keeps no timer: time is that of the reads, and the owner calls `flush` for the tail that no later read brings out. */
export function readEvidence({ intervalMs, slotsMax, emit }: ReadEvidenceOptions): ReadEvidence {
  /** In order of the last read. */
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
    // Reads of one slot overlap, and may be told in another order than they ended in.
    lastReadAt: new Date(Math.max(at.getTime(), Date.parse(fact.lastReadAt))).toISOString(),
    highestOffset: Math.max(fact.highestOffset, offset + bytes),
    bytes: fact.bytes + bytes,
    requests: fact.requests + 1,
  }
}
