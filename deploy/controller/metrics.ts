/** Prometheus metrics of everything but HTTP, which `api/` counts itself (spec/observability.md). Label sets are bounded. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { FinishedEffect } from '../../actors/performer/effect.ts'
import type { Performer } from '../../actors/performer/leasing.ts'
import type { Appended } from '../../actors/runtime.ts'
import type { StallData } from '../../machines/event.ts'
import type { JobEventData } from '../../machines/job/events.ts'
import { phaseOf } from '../../machines/job/phase.ts'
import { isTargetName } from '../../machines/job/targets.ts'
import { parseStream } from '../../machines/kinds.ts'
import type { RequestObservation } from '../../redfish/client/options.ts'

export type Metrics = {
  readonly registry: Registry
  readonly appended: (appended: readonly Appended[]) => void
  readonly effectFinished: (finished: FinishedEffect) => void
  /** `vendor` as registered, or `unknown`. */
  readonly redfishRequest: (observation: RequestObservation, vendor: string) => void
  readonly watch: (sources: Sources) => void
}

type Sources = {
  readonly performer: Performer
  readonly jobsByStatus: () => Promise<ReadonlyMap<string, number>>
  readonly publishLagSeconds: () => number
  /** When this controller's last sweep began; null before the first has ended. */
  readonly sweptAt: () => string | null
}

const jobSeconds = [1, 10, 60, 300, 600, 1200, 1800, 3600, 7200, 14_400]
const callSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180]

/** The registry is this controller's own: prom-client's global one would refuse a second controller in the process. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    appended: countAppended(registers),
    effectFinished: countEffects(registers),
    redfishRequest: countRequests(registers),
    watch: (sources) => watchSources(registers, sources),
  }
}

function countAppended(registers: Registry[]): Metrics['appended'] {
  const countJobEvent = countJobEvents(registers)
  const eventsAppended = new Counter({
    name: 'events_appended_total',
    help: 'Events appended to the log',
    labelNames: ['machine'],
    registers,
  })
  const violations = new Counter({
    name: 'sweep_violations_total',
    help: 'Actors without what they wait for, found and recorded by this controller',
    labelNames: ['reason'],
    registers,
  })
  return (appended) => {
    for (const one of appended) {
      const { machine, type, data, stream } = one.event
      eventsAppended.inc({ machine })
      if (type === 'actor.stall.observed') violations.inc({ reason: (data as StallData).reason })
      if (parseStream(stream).kind === 'job') countJobEvent(one)
    }
  }
}

function countJobEvents(registers: Registry[]): (appended: Appended) => void {
  const transitions = new Counter({
    name: 'job_transitions_total',
    help: 'State changes of jobs',
    labelNames: ['from', 'to'],
    registers,
  })
  const jobs = new Counter({
    name: 'jobs_total',
    help: 'Jobs that reached their outcome',
    labelNames: ['target', 'outcome'],
    registers,
  })
  const jobDuration = new Histogram({
    name: 'job_duration_seconds',
    help: 'From the request to the outcome',
    labelNames: ['target', 'outcome'],
    buckets: jobSeconds,
    registers,
  })
  const isoSeconds = new Histogram({
    name: 'iso_build_duration_seconds',
    help: 'Building and storing a task ISO',
    buckets: callSeconds,
    registers,
  })
  const isoBytes = new Gauge({ name: 'iso_size_bytes', help: 'Size of the last task ISO built', registers })

  return ({ event, projected }) => {
    if (event.state_from !== null && event.state_from !== event.state_to) {
      transitions.inc({ from: event.state_from, to: event.state_to })
    }
    if (projected.table === 'jobs' && projected.row.view.outcome !== null && decidesOutcome(event)) {
      const { outcome } = projected.row.view
      // Custom maintenance images may have targets of their own; these share one label.
      const target = isTargetName(projected.row.view.task_target) ? projected.row.view.task_target : 'other'
      jobs.inc({ target, outcome })
      jobDuration.observe({ target, outcome }, (Date.parse(event.at) - Date.parse(projected.row.created_at)) / 1000)
    }
    if (event.type === 'iso.build.succeeded') {
      const { bytes, elapsed_ms } = event.data as JobEventData<'iso.build.succeeded'>
      isoSeconds.observe(elapsed_ms / 1000)
      isoBytes.set(bytes)
    }
  }
}

function countEffects(registers: Registry[]): Metrics['effectFinished'] {
  const phases = new Histogram({
    name: 'phase_duration_seconds',
    help: 'Steps, by step key',
    labelNames: ['phase', 'result'],
    buckets: jobSeconds,
    registers,
  })
  const stolen = new Counter({
    name: 'effects_stolen_total',
    help: 'Effects taken up after another performer',
    registers,
  })

  return ({ key, result, durationMs, stolen: taken }) => {
    phases.observe({ phase: key, result }, durationMs / 1000)
    if (taken) stolen.inc()
  }
}

function countRequests(registers: Registry[]): Metrics['redfishRequest'] {
  const requests = new Counter({
    name: 'redfish_requests_total',
    help: 'Requests to BMCs',
    labelNames: ['op', 'vendor', 'code'],
    registers,
  })
  const requestSeconds = new Histogram({
    name: 'redfish_request_duration_seconds',
    help: 'Answers of BMCs',
    labelNames: ['op', 'vendor'],
    buckets: callSeconds,
    registers,
  })
  const retries = new Counter({
    name: 'redfish_retries_total',
    help: 'Requests to BMCs that were sent again',
    labelNames: ['op', 'vendor'],
    registers,
  })

  return ({ operation, status, elapsedMs, attempt }, vendor) => {
    requests.inc({ op: operation, vendor, code: status === null ? 'none' : String(status) })
    requestSeconds.observe({ op: operation, vendor }, elapsedMs / 1000)
    if (attempt > 1) retries.inc({ op: operation, vendor })
  }
}

/** Registers gauges that read their source at each scrape. */
function watchSources(registers: Registry[], { performer, jobsByStatus, publishLagSeconds, sweptAt }: Sources): void {
  new Gauge({
    name: 'effects_leased',
    help: 'Effects that this controller performs',
    registers,
    collect() {
      this.set(performer.underWay())
    },
  })
  new Gauge({
    name: 'jobs_in_state',
    help: 'Jobs by status, of all controllers on the database',
    labelNames: ['state'],
    registers,
    async collect() {
      for (const [state, count] of await jobsByStatus()) this.set({ state }, count)
    },
  })
  new Gauge({
    name: 'event_publish_lag_seconds',
    help: 'Age of the oldest event that NATS does not have',
    registers,
    collect() {
      this.set(publishLagSeconds())
    },
  })
  new Gauge({
    name: 'sweep_last_run_timestamp_seconds',
    help: 'When the last sweep of this controller began; 0 before the first has ended',
    registers,
    collect() {
      const at = sweptAt()
      this.set(at === null ? 0 : Date.parse(at) / 1000)
    },
  })
}

/** True for the event that decided the outcome: it leaves `queued` or `provisioning` for the cleanup. */
function decidesOutcome({ state_from, state_to }: Appended['event']): boolean {
  const [before, after] = [state_from === null ? null : phaseOf(state_from), phaseOf(state_to)]
  return (before === 'queued' || before === 'provisioning') && (after === 'cleaningUp' || after === 'releasing')
}
