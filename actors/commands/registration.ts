/** Registration of servers. The vault holds the credentials; events hold references to them. */
import type { Vault } from '../../eventstore/ledgers/vault.ts'
import { serverStream } from '../../machines/kinds.ts'
import type { ServerRegistration } from '../../machines/server/events.ts'
import type { BmcCredentials } from '../bmcs/access.ts'
import { activeJob, Refused } from '../refusals.ts'
import type { Runtime } from '../runtime.ts'
import { registered } from './registered.ts'
import { causeOf, type Requester } from './requester.ts'

export type RegistrationOptions = {
  readonly runtime: Runtime
  readonly vault: Vault
  readonly nextId: () => string
}

/** Commands that create, change and remove servers. */
export function createRegistrationCommands({ runtime, vault, nextId }: RegistrationOptions) {
  return {
    /**
     * Creates a server or replaces its registration.
     * @returns `created`: true for a new server and for one that was removed.
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
     * Pins another certificate for a server with the TLS policy `pinned`; a probe follows. A client in use keeps the
     * old certificate to the end of its operation. @throws Refused unknown_server, not_pinned.
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
  }
}
