/** Commands of servers: registration, probe, power. Credentials go into the vault; events name where they are. */

import type { Vault } from '../../eventstore/ledgers/vault.ts'
import type { StoredEvent } from '../../eventstore/log/event.ts'
import { followStream } from '../../eventstore/log/follow.ts'
import type { Database } from '../../eventstore/postgres/database.ts'
import type { Notifications } from '../../eventstore/postgres/notifications.ts'
import { serverStream } from '../../machines/kinds.ts'
import type { PowerAction, ServerEvent, ServerRegistration } from '../../machines/server/events.ts'
import { type BmcCredentials, readAccess } from '../bmcs/access.ts'
import { activeJob, Refused } from '../refusals.ts'
import { NotAccepted, type Runtime } from '../runtime.ts'
import { registered } from './registered.ts'
import { causeOf, type Requester } from './requester.ts'

export type ServerCommandsOptions = {
  readonly db: Database
  readonly runtime: Runtime
  readonly vault: Vault
  readonly notifications: Notifications
  readonly nextId: () => string
}

export type ServerCommands = ReturnType<typeof createServerCommands>

export function createServerCommands({ db, runtime, vault, notifications, nextId }: ServerCommandsOptions) {
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
    /**
     * Creates a server or replaces its registration.
     * @returns whether it was new.
     */
    put: async (
      registration: Omit<ServerRegistration, 'credentials_ref'>,
      credentials: BmcCredentials,
      requester: Requester,
    ): Promise<{ readonly created: boolean }> => {
      const stream = serverStream(registration.serial)
      const ref = `bmc/${registration.serial}/${nextId()}`
      await vault.put(ref, Buffer.from(JSON.stringify(credentials)))
      let replaced: string | null = null
      let created = false
      await runtime.commit({
        reads: [stream],
        cause: causeOf(requester, null),
        decide: ({ server }) => {
          const actor = server(registration.serial)
          created = actor === null || actor.snapshot.matches('removed')
          replaced = actor?.snapshot.context.credentialsRef ?? null
          const type = created ? 'server.registered' : 'server.changed'
          return [{ stream, events: [{ type, data: { ...registration, credentials_ref: ref } }] }]
        },
      })
      if (replaced !== null) await vault.remove(replaced)
      return { created }
    },

    /** Forgets a server; its history stays. @throws Refused unknown_server, active_job. */
    remove: async (serial: string, requester: Requester): Promise<void> => {
      const stream = serverStream(serial)
      let ref: string | null = null
      await runtime.commit({
        reads: [stream],
        cause: causeOf(requester, null),
        decide: ({ server }) => {
          const actor = registered(server(serial), serial)
          const { jobId, credentialsRef } = actor.snapshot.context
          if (jobId !== null) throw activeJob(serial, jobId)
          ref = credentialsRef
          return [{ stream, events: [{ type: 'server.removed', data: {} }] }]
        },
      })
      if (ref !== null) await vault.remove(ref)
    },

    /**
     * Pins another certificate of a server whose certificate is pinned; a probe follows. A client that is in use goes on
     * with the old one to the end of its operation. @throws Refused unknown_server, not_pinned.
     */
    acceptCertificate: async (serial: string, fingerprint: string, requester: Requester): Promise<void> => {
      const stream = serverStream(serial)
      await runtime.commit({
        reads: [stream],
        cause: causeOf(requester, null),
        decide: ({ server }) => {
          const actor = registered(server(serial), serial)
          const { mode } = actor.snapshot.context.tls
          if (mode !== 'pinned')
            throw new Refused(
              { kind: 'not_pinned' },
              `the certificate of server ${serial} is judged by "${mode}", not by its fingerprint`,
            )
          return [{ stream, events: [{ type: 'server.certificate.accepted', data: { fingerprint } }] }]
        },
      })
    },

    /** Reads the BMC and answers the outcome's event. @throws Refused unknown_server, still_under_way. */
    probe: (serial: string, options: { readonly requester: Requester; readonly signal: AbortSignal }) =>
      askAndAwait(
        serial,
        { type: 'server.probe.requested', data: {} },
        ['server.probe.succeeded', 'server.probe.failed'],
        options,
      ),

    /** Switches the host and answers the outcome's event. @throws Refused unknown_server, active_job, power_busy, still_under_way. */
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

    access: readAccess({ runtime, vault }),
  }
}
