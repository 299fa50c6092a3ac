/** The port of a side effect: its input, its context, its output. `services/` holds one service per name in the machines. */
import type { StoredEvent } from '../eventstore/log/event.ts'
import type { JobServices } from '../machines/job/context.ts'
import type { EventsOf, KindName } from '../machines/kinds.ts'
import type { ServerServices } from '../machines/server/machine.ts'

export type Services = JobServices & ServerServices

export type ServiceContext<Name extends KindName> = {
  /** Counts performers of this effect, from 1. */
  readonly attempt: number
  /** Aborted when the state that asked was left, the lease was lost, or the controller stops. */
  readonly signal: AbortSignal
  /**
   * Appends a fact to the actor's stream while the effect goes on, refused when the lease is gone, or may be gone by the
   * time that the fact is stored (the process may have stood still). Used before an action
   * that must not be repeated blindly: first the intent is durable, then the request is sent.
   */
  readonly record: (event: EventsOf[Name]) => Promise<void>
  /** The facts that performers of this very effect recorded: this one, or an earlier one that died. */
  readonly recorded: () => Promise<readonly StoredEvent[]>
}

export type Service<Name extends keyof Services> = {
  /** True for a service that writes to the BMC: those run one at a time per server. */
  readonly writesBmc: boolean
  readonly perform: (
    input: Services[Name]['input'],
    context: ServiceContext<Name extends keyof JobServices ? 'job' : 'server'>,
  ) => Promise<Services[Name]['output']>
}

export type ServiceTable = { readonly [Name in keyof Services]: Service<Name> }
