/** What a service is given, in tests that perform it alone: a BMC, a clock that only delays move, facts in a list. */
import { onTestFinished } from 'vitest'
import { type Bmcs, createBmcs } from '../../../actors/bmcs/clients.ts'
import type { ServiceContext } from '../../../actors/service.ts'
import type { Timing } from '../../../actors/timing.ts'
import { hashEvent, type StoredEvent } from '../../../eventstore/log/event.ts'
import type { DomainEvent } from '../../../machines/event.ts'
import { checkEvent, jobStream } from '../../../machines/kinds.ts'
import type { Bmc } from '../../../redfish/bmc.ts'
import { createNoopBmc } from '../../../redfish/noop.ts'
import { jobId } from '../../machines/job/samples.ts'
import { registration } from '../../machines/server/samples.ts'
import { credentials, logTo } from './controller.ts'

export const serial = 'SN-0001'
export const bySerial = { jobId, serial }
/** The slots of the noop BMC. */
export const [maintenanceSlot, taskSlot] = ['CD1', 'CD2'].map(
  (name) => `/redfish/v1/Managers/noop/VirtualMedia/${name}`,
) as [string, string]

function bmcsWith(bmc: Bmc): Bmcs {
  const access = async () => ({ registration, unseal: async () => credentials, learned: {} })
  const bmcs = createBmcs({ access, open: () => bmc, log: logTo([]), recordLessons: async () => {} })
  onTestFinished(() => bmcs.close())
  return bmcs
}

/** The BMC without hardware, with some of its answers replaced, and the operations that it was asked for. */
export function scriptedBmc(script: Partial<Bmc> = {}) {
  const calls: string[] = []
  const noop = createNoopBmc({
    serial,
    onCall: ({ operation }) => void calls.push(operation),
    now: () => 1_772_359_200_000,
  })
  const bmc: Bmc = { ...noop, ...script }
  return { bmc, noop, calls, bmcs: bmcsWith(bmc) }
}

/** Nothing waits: a delay moves the clock. */
export function manualTiming(): Timing & { readonly delays: readonly number[] } {
  let nowMs = 0
  const delays: number[] = []
  return {
    delays,
    now: () => nowMs,
    delay: async (delayMs, signal) => {
      signal.throwIfAborted()
      delays.push(delayMs)
      nowMs += delayMs
    },
  }
}

/** An event as an earlier performer of the same effect left it. */
export function recordedEvent(event: DomainEvent, at = '2026-03-01T10:00:00.000Z'): StoredEvent {
  const { version } = checkEvent('job', event)
  const unhashed = {
    id: '0199e1d2-7c4e-7a10-8f00-0000000000aa',
    stream: jobStream(jobId),
    version: 8,
    ...event,
    schema_version: version,
    state_from: 'provisioning.redfish.resetting',
    state_to: 'provisioning.redfish.resetting',
    machine: 'job' as const,
    machine_version: '1',
    at,
    actor: 'controller:gone',
    causation_id: 'effect-1',
    correlation_id: jobId,
    trace: null,
    prev_hash: null,
  }
  return { position: '8', ...unhashed, hash: hashEvent(unhashed) }
}

/** A performer's side of a service. Recorded facts are checked like those of the log and kept in order. */
export function contextOf({
  kind = 'job',
  attempt = 1,
  before = [],
  signal = new AbortController().signal,
  onRecord = () => {},
}: {
  /** Whose facts are recorded. */
  readonly kind?: 'job' | 'server'
  readonly attempt?: number
  readonly before?: readonly StoredEvent[]
  readonly signal?: AbortSignal
  readonly onRecord?: (type: string) => void
} = {}): Omit<ServiceContext<never>, 'record'> & {
  readonly record: (event: DomainEvent) => Promise<void>
  readonly facts: readonly DomainEvent[]
} {
  const facts: DomainEvent[] = []
  return {
    attempt,
    signal,
    facts,
    record: async (event) => {
      checkEvent(kind, event)
      onRecord(event.type)
      facts.push(event)
    },
    recorded: async () => [...before, ...facts.map((fact) => recordedEvent(fact))],
  }
}
