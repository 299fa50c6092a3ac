/** The way to a server's BMC: its address, its credentials, and the lessons of earlier clients. */
import type { Vault } from '../../eventstore/ledgers/vault.ts'
import type { ServerRegistration } from '../../machines/server/events.ts'
import type { Learned } from '../../redfish/learned.ts'
import { registered } from '../commands/registered.ts'
import type { Runtime } from '../runtime.ts'
import { learnedOf } from './lessons.ts'

export type BmcCredentials = { readonly username: string; readonly password: string }

/** How to reach a BMC. Credentials are opened only where a client is: a step of a job finds one that is open already. */
export type BmcAccess = {
  readonly registration: ServerRegistration
  /** @throws UnsealError when they do not open. */
  readonly unseal: () => Promise<BmcCredentials>
  /** The lessons of earlier clients of this BMC. */
  readonly learned: Learned
}

/** Reads how to reach the BMC of a server. @throws Refused unknown_server. */
export function readAccess({ runtime, vault }: { readonly runtime: Pick<Runtime, 'read'>; readonly vault: Vault }) {
  return async (serial: string): Promise<BmcAccess> => {
    const actor = registered(await runtime.read('server', serial), serial)
    const { bmcAddress, credentialsRef, vendor, tls, labels, learned } = actor.snapshot.context
    return {
      learned: learned === null ? {} : learnedOf(learned),
      registration: { serial, bmc_address: bmcAddress, credentials_ref: credentialsRef, vendor, tls, labels },
      unseal: async () => JSON.parse(Buffer.from(await vault.get(credentialsRef)).toString()) as BmcCredentials,
    }
  }
}
