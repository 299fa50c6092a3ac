/** The two kinds of actor: their stream names, machines and event catalogues. What runs machines goes through here. */
import type { z } from 'zod'
import type { EventCatalogue } from './event.ts'
import { createEvolve, type Evolve } from './evolve.ts'
import { jobEvents } from './job/events.ts'
import { type JobSnapshot, jobMachine, jobMachineVersion } from './job/machine.ts'
import { serverEvents } from './server/events.ts'
import { type ServerSnapshot, serverMachine, serverMachineVersion } from './server/machine.ts'

export type KindName = 'job' | 'server'
export type SnapshotOf = { readonly job: JobSnapshot; readonly server: ServerSnapshot }

/** `job-<uuid>` or `server-<serial>`. */
export type StreamId = `${KindName}-${string}`

export type Kind<Name extends KindName = KindName> = {
  readonly name: Name
  readonly machineVersion: string
  readonly events: EventCatalogue
  /** The type of a stream's first event: its data are the machine's input. */
  readonly createdBy: string
  readonly evolve: Evolve<SnapshotOf[Name]>
}

export const kinds: { readonly [Name in KindName]: Kind<Name> } = {
  job: {
    name: 'job',
    machineVersion: jobMachineVersion,
    events: jobEvents,
    createdBy: 'job.requested',
    evolve: createEvolve<JobSnapshot>(jobMachine),
  },
  server: {
    name: 'server',
    machineVersion: serverMachineVersion,
    events: serverEvents,
    createdBy: 'server.registered',
    evolve: createEvolve<ServerSnapshot>(serverMachine),
  },
}

export const jobStream = (jobId: string): StreamId => `job-${jobId}`
export const serverStream = (serial: string): StreamId => `server-${serial}`

/** Splits a stream's name. @throws Error on a name of neither kind, which only a corrupt log can hold. */
export function parseStream(stream: string): { readonly kind: KindName; readonly id: string } {
  const dash = stream.indexOf('-')
  const kind = stream.slice(0, dash)
  if (dash < 0 || (kind !== 'job' && kind !== 'server'))
    throw new Error(`"${stream}" is not a stream of a job or a server`)
  return { kind, id: stream.slice(dash + 1) }
}

/** An event whose data does not have the shape that its type promises. Names the fields, never their values. */
export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError'
}

/**
 * Checks an event against its kind's catalogue and answers its data's version.
 * @throws InvalidEventError for an unknown type or data of another shape.
 */
export function checkEvent(
  kind: KindName,
  event: { readonly type: string; readonly data: unknown },
): { readonly version: number } {
  const definition: { readonly version: number; readonly data: z.ZodType } | undefined = kinds[kind].events[event.type]
  if (definition === undefined) throw new InvalidEventError(`"${event.type}" is not an event of a ${kind}`)
  const result = definition.data.safeParse(event.data)
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `${issue.path.join('.') || '(data)'}: ${issue.code}`).join(', ')
    throw new InvalidEventError(`${event.type} has data of another shape (${faults})`)
  }
  return { version: definition.version }
}
