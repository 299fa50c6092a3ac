/** Probe and power: an operator waits while a performer calls the BMC. */
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { followStream } from '../../eventstore/log/follow.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { Notifications } from '../../eventstore/postgres/notifications.ts'
import { serverStream } from '../../machines/kinds.ts'
import type { PowerAction, ServerEvent } from '../../machines/server/events.ts'
import { activeJob, Refused } from '../refusals.ts'
import { NotAccepted, type Runtime } from '../runtime.ts'
import { registered } from './registered.ts'
import { causeOf, type Requester } from './requester.ts'

export type BmcRequestOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly notifications: Notifications
}

/** Commands that request a BMC operation. Each appends an event; the event that a performer appends is the answer. */
export function createBmcRequests({ db, runtime, notifications }: BmcRequestOptions) {
  /** Appends a request and follows the stream to its outcome. */
  const askAndAwait = async (
    serial: string,
    request: ServerEvent,
    outcomes: readonly string[],
    { requester, signal }: { readonly requester: Requester; readonly signal: AbortSignal },
  ): Promise<StoredEvent> => {
    const stream = serverStream(serial)
    const [asked] = await runtime.commit({
      reads: [stream],
      cause: causeOf(requester, null),
      decide: ({ server }) => {
        const actor = registered(server(serial), serial)
        if (request.type === 'server.power.requested' && actor.snapshot.context.jobId !== null) {
          throw activeJob(serial, actor.snapshot.context.jobId)
        }
        return [{ stream, events: [request] }]
      },
    })
    for await (const event of followStream({ db, notifications }, stream, {
      afterVersion: asked?.version ?? 0,
      signal,
    })) {
      if (outcomes.includes(event.type)) return event
    }
    throw new Refused(
      { kind: 'still_under_way' },
      `${request.type} of server ${serial} is still under way; its outcome will be in the server's events`,
    )
  }

  return {
    /** Has the BMC read, and answers the outcome's event. @throws Refused unknown_server, still_under_way. */
    probe: (serial: string, options: { readonly requester: Requester; readonly signal: AbortSignal }) =>
      askAndAwait(
        serial,
        { type: 'server.probe.requested', data: {} },
        ['server.probe.succeeded', 'server.probe.failed'],
        options,
      ),

    /**
     * Has the host switched, and answers the outcome's event.
     * @throws Refused unknown_server, active_job, power_busy, still_under_way.
     */
    power: async (
      serial: string,
      action: PowerAction,
      options: { readonly requester: Requester; readonly signal: AbortSignal },
    ) => {
      try {
        const request = { type: 'server.power.requested', data: { action } } as const
        return await askAndAwait(serial, request, ['server.power.succeeded', 'server.power.failed'], options)
      } catch (error) {
        if (error instanceof NotAccepted)
          throw new Refused({ kind: 'power_busy' }, `another power action of server ${serial} is under way`, {
            cause: error,
          })
        throw error
      }
    },
  }
}
