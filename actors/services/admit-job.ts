/** Checks the access to the BMC before any write to it. Safe to repeat: it only reads. */
import { UnsealError } from '../../eventstore/ledgers/vault.ts'
import type { BmcAccess } from '../bmcs/access.ts'
import { StepFailure } from '../failure.ts'
import { isRefused } from '../refusals.ts'
import type { Service } from '../service.ts'

/** Fails the step for an unregistered server, or for credentials that cannot be unsealed. */
export function admitJob({
  access,
  redfishMode,
}: {
  readonly access: (serial: string) => Promise<BmcAccess>
  readonly redfishMode: 'http' | 'noop'
}): Service<'admitJob'> {
  return {
    writesBmc: false,
    perform: async ({ serial }) => {
      try {
        const { unseal } = await access(serial)
        await unseal()
      } catch (error) {
        if (isRefused(error, 'unknown_server'))
          throw new StepFailure({ kind: 'unknown-server', message: error.message }, { cause: error })
        if (error instanceof UnsealError)
          throw new StepFailure({ kind: 'credentials', message: error.message }, { cause: error })
        throw error
      }
      return { redfish_mode: redfishMode }
    },
  }
}
