/** How publishing goes: told to health checks when they ask, and to the log of lines when it changes. */
import { type Checkpoint, readLag } from '../log/tail.ts'
import type { Database } from '../postgres/database.ts'
import { problemOf } from './nats-problem.ts'

/** The part of a structured logger that is written to; pino's shape. */
export type PublisherLog = {
  readonly [Level in 'debug' | 'info' | 'warn']: (fields: Readonly<Record<string, unknown>>, message: string) => void
}

export type PublisherStatus = {
  /** `disconnected`: NATS or the database cannot be used now, `problem` says why; everything is published later. */
  readonly state: 'active' | 'standby' | 'disconnected'
  readonly problem: string | null
  /** Events that are not published yet, as of the last look: a second ago, a few while disconnected. */
  readonly lag: { readonly events: number; readonly seconds: number }
  /** Why latest states are not written to their bucket; events are published all the same. */
  readonly statesProblem: string | null
}

export type StatusOptions = {
  readonly db: Database
  readonly log: PublisherLog
  readonly streamName: string
  readonly bucketName: string
}

const measureEveryMs = 1000
const retryMinMs = 100
const retryMaxMs = 5000

export class PublishingStatus {
  readonly #options: StatusOptions
  #current: PublisherStatus = {
    state: 'disconnected',
    problem: 'starting',
    lag: { events: 0, seconds: 0 },
    statesProblem: null,
  }
  #failures = 0
  #measuredAt = Number.NEGATIVE_INFINITY

  constructor(options: StatusOptions) {
    this.#options = options
  }

  get current(): PublisherStatus {
    return this.#current
  }

  /** The connection works; this controller publishes, or another one does. */
  enter(state: 'active' | 'standby'): void {
    const { log, streamName } = this.#options
    if (this.#current.state !== state) log.info({ stream: streamName }, `publishing to NATS: ${state}`)
    this.#current = { ...this.#current, state, problem: null }
    if (state === 'standby') this.#current = { ...this.#current, statesProblem: null }
    this.#failures = 0
  }

  /** The connection ended or could not be made. Returns after how many ms to try again. */
  disconnect(error: unknown): number {
    const { log, streamName } = this.#options
    const problem = problemOf(error, { what: 'stream', name: streamName })
    const fields = { stream: streamName, problem, failures: this.#failures + 1 }
    if (this.#current.state === 'disconnected' && this.#current.problem === problem)
      log.debug(fields, 'publishing to NATS still waits')
    else log.warn(fields, 'publishing to NATS waits; events are stored and published later')
    this.#current = { ...this.#current, state: 'disconnected', problem }
    const waitMs = Math.min(retryMinMs * 2 ** this.#failures, retryMaxMs)
    this.#failures += 1
    return waitMs
  }

  /** Latest states cannot be written to their bucket, or can again (null). */
  reportStates(statesProblem: string | null): void {
    const { log, bucketName } = this.#options
    const fields = { bucket: bucketName, problem: statesProblem }
    if (statesProblem === null) log.info(fields, 'latest states are written to NATS again')
    else log.warn(fields, 'latest states are not written to NATS now; events are')
    this.#current = { ...this.#current, statesProblem }
  }

  /** Counts the events behind a checkpoint. */
  async measureLag(at: Checkpoint): Promise<void> {
    this.#current = { ...this.#current, lag: await readLag(this.#options.db, at) }
    this.#measuredAt = performance.now()
  }

  /** Counts them if the last count is a second old. */
  async refreshLag(at: Checkpoint): Promise<void> {
    if (performance.now() - this.#measuredAt > measureEveryMs) await this.measureLag(at)
  }
}
