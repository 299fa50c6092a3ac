/** Why a command is refused, in domain words; `api/` knows which HTTP status each is. */
import type { Fault } from '../machines/recipe/types.ts'

export class InvalidRecipe extends Error {
  override readonly name = 'InvalidRecipe'
  readonly faults: readonly Fault[]
  constructor(faults: readonly Fault[]) {
    super(`the recipe has ${faults.length} fault(s)`)
    this.faults = faults
  }
}

export class UnknownServer extends Error {
  override readonly name = 'UnknownServer'
}

export class UnknownJob extends Error {
  override readonly name = 'UnknownJob'
}

/** The job's history was archived and removed; its tombstone says where it went. */
export class RemovedJob extends Error {
  override readonly name = 'RemovedJob'
  readonly archiveSha256: string
  readonly removedAt: string
  constructor(jobId: string, { archiveSha256, removedAt }: { archiveSha256: string; removedAt: string }) {
    super(
      `job ${jobId} was archived and removed on ${removedAt}; the archive is the file with SHA-256 ${archiveSha256}`,
    )
    this.archiveSha256 = archiveSha256
    this.removedAt = removedAt
  }
}

/** The server is held by a job that has not ended. */
export class ActiveJob extends Error {
  override readonly name = 'ActiveJob'
  readonly jobId: string
  constructor(serial: string, jobId: string) {
    super(`server ${serial} is reserved by job ${jobId}`)
    this.jobId = jobId
  }
}

/** The server's certificate is judged in another way than by its fingerprint. */
export class NotPinned extends Error {
  override readonly name = 'NotPinned'
}

export class JobEnded extends Error {
  override readonly name = 'JobEnded'
}

/** The job has not ended, so that a second run of it would be one too many. */
export class JobNotEnded extends Error {
  override readonly name = 'JobNotEnded'
}

/** The same idempotency key came with another body. */
export class IdempotencyKeyReused extends Error {
  override readonly name = 'IdempotencyKeyReused'
}

/** Nobody waits for this report. */
export class NoJobWaiting extends Error {
  override readonly name = 'NoJobWaiting'
}

/** As many recordings are kept as are allowed. */
export class TooManyRecordings extends Error {
  override readonly name = 'TooManyRecordings'
}
