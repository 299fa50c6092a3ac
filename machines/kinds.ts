/** The two kinds of actor: their stream names, machines and event catalogues. Callers take their machines from here. */
import type { z } from 'zod'
import { type DomainEvent, type EventCatalogue, InvalidEventError } from './event.ts'
import { createEvolve, type Evolve } from './evolve.ts'
import { type JobEvent, jobEvents } from './job/events.ts'
import { type JobSnapshot, jobMachine, jobMachineVersion } from './job/machine.ts'
import { jobUpcasts } from './job/upcasts.ts'
import { type ServerEvent, serverEvents } from './server/events.ts'
import { type ServerSnapshot, serverMachine, serverMachineVersion } from './server/machine.ts'
import { serverUpcasts } from './server/upcasts.ts'
import { createUpcast, type Upcast } from './upcast.ts'

export type KindName = 'job' | 'server'
export type SnapshotOf = { readonly job: JobSnapshot; readonly server: ServerSnapshot }

/** The events that an actor of a kind can have, each with its own data. */
export type EventsOf = { readonly job: JobEvent; readonly server: ServerEvent }

/** `job-<uuid>` or `server-<serial>`. */
export type StreamId<Name extends KindName = KindName> = `${Name}-${string}`

/** A kind of actor. Without a type argument it is a union of the two kinds, never a mixture. */
export type Kind<Name extends KindName = KindName> = {
  readonly [Each in Name]: {
    readonly name: Each
    readonly machineVersion: string
    readonly events: EventCatalogue
    /** The type of a stream's first event: its data are the machine's input. */
    readonly createdBy: string
    /** Converts an event to its newest version, for the readers of its data. */
    readonly upcast: Upcast
    /** Takes events of every version. */
    readonly evolve: Evolve<SnapshotOf[Each]>
  }
}[Name]

/** The parts of a kind that are needed to read its events. */
type Catalogued = Pick<Kind, 'name' | 'events' | 'upcast'>

export type Kinds = { readonly [Name in KindName]: Kind<Name> }

const upcastJob = createUpcast(jobEvents, jobUpcasts)
const upcastServer = createUpcast(serverEvents, serverUpcasts)

export const kinds: Kinds = {
  job: {
    name: 'job',
    machineVersion: jobMachineVersion,
    events: jobEvents,
    createdBy: 'job.requested',
    upcast: upcastJob,
    evolve: createEvolve<JobSnapshot>(jobMachine, upcastJob),
  },
  server: {
    name: 'server',
    machineVersion: serverMachineVersion,
    events: serverEvents,
    createdBy: 'server.registered',
    upcast: upcastServer,
    evolve: createEvolve<ServerSnapshot>(serverMachine, upcastServer),
  },
}

export const jobStream = (jobId: string): StreamId<'job'> => `job-${jobId}`
export const serverStream = (serial: string): StreamId<'server'> => `server-${serial}`

/** Splits a stream's name. @throws Error on a name of neither kind, which only a corrupt log can hold. */
export function parseStream(stream: string): { readonly kind: KindName; readonly id: string } {
  const dash = stream.indexOf('-')
  const kind = stream.slice(0, dash)
  if (dash < 0 || (kind !== 'job' && kind !== 'server'))
    throw new Error(`"${stream}" is not a stream of a job or a server`)
  return { kind, id: stream.slice(dash + 1) }
}

/**
 * Checks an event of the newest version against its kind's catalogue and returns that version.
 * @throws InvalidEventError for an unknown type or data of another shape.
 */
export function checkEvent(
  kind: KindName,
  event: { readonly type: string; readonly data: unknown },
): { readonly version: number } {
  return checkShape(kinds[kind], event)
}

/**
 * Converts a recorded event of any version to the newest one, which its kind's machine takes, and checks its shape.
 * @throws InvalidEventError when this program cannot read it: an unknown type or version, or another shape.
 */
export function readRecorded(kind: Catalogued, event: DomainEvent): DomainEvent {
  const current = kind.upcast(event)
  checkShape(kind, current)
  return current
}

function checkShape(kind: Catalogued, event: { readonly type: string; readonly data: unknown }) {
  const definition: { readonly version: number; readonly data: z.ZodType } | undefined = kind.events[event.type]
  if (definition === undefined) throw new InvalidEventError(`"${event.type}" is not an event of a ${kind.name}`)
  const result = definition.data.safeParse(event.data)
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${issue.path.join('.') || '(data)'}: ${issue.code}`).join(', ')
    throw new InvalidEventError(`${event.type} has data of another shape (${faults})`)
  }
  return { version: definition.version }
}
